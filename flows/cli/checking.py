"""Commands that look and change nothing: verify, doctor, sql, inbox."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    HomeOption,
    JsonOption,
    app,
    read_day,
    show,
)
from flows.language import language, said, warned
from flows.store import Home
from transforms.errors import GateStoppedError, UsageError
from transforms.visible import table
from transforms.words import word


@app.command()
def verify(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check digests of all snapshots, runs and batches, the ledger's chain, every signature."""
    from flows.money.verify import verify_home

    seen = verify_home(Home(home))
    lines = [f"{what}: {count} checked, all as recorded" for what, count in seen.counts.items()]
    lines += [said(one) for one in seen.seals] + warned(seen.warnings)
    show({**seen.counts, "seals": seen.seals, "warnings": seen.warnings}, as_json, lines)


@app.command()
def doctor(home: AnyHomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check the installation, the home folder, disk space and the funds' configuration."""
    from flows.cli.doctor import examine

    content = examine(Home(home))
    rows = [
        [word(f"verdict_{c['verdict']}", language()), said(c["what"]), said(c["found"])]
        for c in content["checks"]
    ]
    show(content, as_json, table(rows))
    if any(check["verdict"] == "bad" for check in content["checks"]):
        raise typer.Exit(GateStoppedError.exit_code)


@app.command("sql")
def ask_home(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Run id, its beginning, or `latest`.")
    ] = "latest",
    question: Annotated[
        str | None, typer.Option("--query", metavar="TEXT", help="One query; else a prompt.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the answer here.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Ask a run, its snapshot, all batches and all nights in SQL (DuckDB); nothing is written."""
    from flows.answers.explore import converse, flat_csv, open_home, table_text
    from flows.answers.nights import find_run
    from sql.explore import ask

    place = Home(home)
    connection = open_home(place, find_run(place, run))
    if question is None:
        if csv or as_json:
            raise UsageError("--csv and --json go with --query")
        converse(connection, input, typer.echo)
        return
    rows = ask(connection, question)
    if csv:
        csv.write_text(flat_csv(rows), encoding="utf-8")
    content = {"columns": rows.columns, "rows": rows.to_dicts()}
    show(content, as_json, [f"{csv}: {rows.height:,} rows" if csv else table_text(rows)])


@app.command()
def inbox(
    home: HomeOption = DEFAULT_HOME,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day; default: today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what suppliers delivered: in force with its age, what waits, what was refused, why."""
    from flows.inbox.standing import inbox_standing, standing_lines
    from flows.inbox.tonight import district_clock

    day = read_day(as_of) if as_of else district_clock().date()
    told = inbox_standing(Home(home), day)
    show(told, as_json, standing_lines(told))
