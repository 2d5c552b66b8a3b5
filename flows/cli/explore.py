"""The command for people who know SQL: a home's tables, to be asked and never written."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.store import Home
from transforms.errors import UsageError


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
