"""Commands for the auditor: runs, snapshots, replay, export, diff, whatif."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    MemoryOption,
    ThreadsOption,
    app,
    show,
)
from flows.language import language, policy_titles
from flows.store import Home, expect_home
from transforms.errors import DigestDiffersError, UsageError

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Run id, its beginning, `latest`; or a FILE.zip.")
]
RULES = ("today", "stored")
CARRIED = ".zip"


@app.command()
def runs(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the nights: day, state, money, batches, who signed; the newest first."""
    from flows.answers.nights import list_nights, night_lines

    nights = list_nights(Home(home))
    show({"runs": nights}, as_json, night_lines(nights))


@app.command()
def snapshots(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the snapshots: rows, files, and the nights that used them."""
    from flows.answers.nights import list_snapshots, snapshot_lines

    found = list_snapshots(Home(home))
    show({"snapshots": found}, as_json, snapshot_lines(found))


@app.command()
def replay(
    run: RunArgument,
    rules: Annotated[
        str | None,
        typer.Option("--rules", help="today: those of this program; stored: those of then."),
    ] = None,
    from_raw: Annotated[
        bool, typer.Option("--from-raw", help="Read the raw files again, too.")
    ] = False,
    home: AnyHomeOption = DEFAULT_HOME,
    threads: ThreadsOption = None,
    memory_limit: MemoryOption = None,
    executor: ExecutorOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Compute a night again from its snapshot and the ledger as it stood; compare every digest."""
    from flows.audit.pseudonymous import is_pseudonymous, replay_pseudonymous
    from flows.audit.replay import replay as replay_run
    from flows.audit.replay import replay_lines
    from flows.night.parts import Parting

    Parting(executor=executor)
    if rules and rules not in RULES:
        raise UsageError(f"--rules takes {' or '.join(RULES)}; found {rules!r}")
    if run.endswith(CARRIED) and is_pseudonymous(Path(run)):
        if from_raw or rules == "today" or executor != "local":
            raise UsageError(
                f"{run} is a night under pseudonyms: it holds no raw files and is computed here by "
                "the rules that it holds; leave out --from-raw, --rules today and --executor"
            )
        told = replay_pseudonymous(Path(run), threads=threads, memory=memory_limit)
        lines = [f"replay of {run} by the rules of {told['rules']}"]
        lines += [f"{s['stage']}: {s['rows']:,} rows" for s in told["stages"]]
        lines.append(f"verdict: {told['verdict']}")
    else:
        with _meant(run, home) as (place, run_id):
            told = replay_run(
                place,
                run_id,
                threads=threads,
                memory=memory_limit,
                executor=executor,
                stored_rules=rules == "stored",
                from_raw=from_raw,
            )
        lines = replay_lines(told)
    show(told, as_json, lines)
    if told["verdict"] != "identical":
        raise typer.Exit(DigestDiffersError.exit_code)


@contextmanager
def _meant(run: str, home: Path) -> Iterator[tuple[Home, str]]:
    """Give the home and the run that are meant: a run of this home, or a carried night."""
    from flows.answers.nights import find_run
    from flows.audit.carry import carried

    if run.endswith(CARRIED):
        with carried(Path(run)) as (place, run_id):
            yield place, run_id
    else:
        expect_home(Home(home))
        yield Home(home), find_run(Home(home), run)


@app.command()
def export(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The file to write.")],
    pseudonyms: Annotated[
        Path | None,
        typer.Option("--pseudonyms", metavar="KEYFILE", help="Persons under keyed pseudonyms."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a night into one file that `replay` computes again on any machine."""
    from flows.answers.nights import find_run
    from flows.audit.carry import export_night
    from flows.audit.pseudonymous import export_pseudonymous, read_key

    place, run_id = Home(home), find_run(Home(home), run)
    if pseudonyms:
        told = export_pseudonymous(place, run_id, file, read_key(pseudonyms))
        show(told, as_json, [f"{told['path']}: as of {told['as_of']}, under pseudonyms"])
        return
    told = export_night(place, run_id, file)
    show(told, as_json, [f"{told['path']}: {told['files']:,} files, {told['bytes']:,} bytes"])


@app.command()
def diff(
    run_a: RunArgument,
    run_b: RunArgument,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write every change here.")] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Also write a page here.")] = None,
    home: HomeOption = DEFAULT_HOME,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what changed between two nights, and because of what: facts, numbers, rules, ledger."""
    from flows.answers.nights import find_run
    from flows.audit.diff import diff as diff_runs
    from flows.audit.diff import rows_behind
    from transforms.audit.diff_text import diff_content, diff_lines, diff_page, worded_changes
    from transforms.sheets.csv_file import csv_bytes

    place = Home(home)
    found = diff_runs(place, find_run(place, run_a), find_run(place, run_b), threads=threads)
    told = diff_content(found.changes, found.totals, found.steps, list(rows_behind(found)))
    told |= {"run_a": found.nights[0].run_id, "run_b": found.nights[1].run_id}
    if csv:
        csv.write_bytes(csv_bytes(worded_changes(found.changes)))
    titles = policy_titles()
    if page:
        page.write_text(diff_page(told, titles), encoding="utf-8")
    show(told, as_json, diff_lines(told, language(), titles))


@app.command()
def whatif(
    run: RunArgument,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE@DAY", help="A number, from a day on."),
    ] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", metavar="FILE", help="A card (.yaml) or its rules (.sql)."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a reform would change on a past night: cost, winners, losers; records nothing."""
    from flows.answers.nights import find_run
    from flows.audit.whatif import whatif as compute_whatif
    from flows.audit.whatif import whatif_lines

    place = Home(home)
    told = compute_whatif(place, find_run(place, run), setting or [], policy or [], threads=threads)
    show(told, as_json, whatif_lines(told))
