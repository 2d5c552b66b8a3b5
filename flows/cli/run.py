"""Commands of the main job: run, nightly, serve, ingest, sample."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    AsOfOption,
    ExecutorOption,
    HomeOption,
    JsonOption,
    MemoryOption,
    PartsOption,
    ThreadsOption,
    app,
    read_day,
    read_memory,
    show,
)
from flows.language import counted
from flows.night.progress import Progress
from flows.store import Home

DropArgument = Annotated[Path, typer.Argument(help="Folder that holds the night's files.")]

NightDropArgument = Annotated[
    Path | None, typer.Argument(help="Folder of the night's files; without it, the inbox.")
]


@app.command()
def run(
    as_of: AsOfOption,
    drop: Annotated[Path | None, typer.Argument(help="Folder of the night's files.")] = None,
    snapshot: Annotated[
        str | None,
        typer.Option("--snapshot", help="Id of an existing snapshot, instead of a drop."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    threads: ThreadsOption = None,
    memory_limit: MemoryOption = None,
    parts: PartsOption = None,
    executor: ExecutorOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Do the main job: extracts, snapshot, gates, determinations, entitlements, draft batches."""
    from flows.night.alerts import told_night
    from flows.night.parts import Parting
    from flows.night.pipeline import NightRequest, run_night
    from flows.night.summary import summary_lines

    most, day = read_memory(memory_limit), read_day(as_of)
    parting = Parting(parts, executor)
    request = NightRequest(Home(home), day, drop, snapshot, threads, most, parting)
    summary = told_night(
        request.home, day.isoformat(), lambda: run_night(request, Progress()), "run"
    )
    show(summary, as_json, summary_lines(summary))


@app.command()
def plan(
    as_of: AsOfOption,
    snapshot: Annotated[str, typer.Argument(help="Id of a snapshot.")],
    home: HomeOption = DEFAULT_HOME,
    parts: PartsOption = None,
    executor: ExecutorOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Show what a night would build: stages, what each is cut by, reads and writes, in bytes."""
    from flows.night.parts import Parting
    from flows.night.planned import plan_lines, planned

    content = planned(Home(home), snapshot, read_day(as_of), Parting(parts, executor))
    show(content, as_json, plan_lines(content))


@app.command()
def nightly(
    drop: NightDropArgument = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day it is for; default: today."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for suppliers until their deadlines.")
    ] = True,
    parts: PartsOption = None,
    executor: ExecutorOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Do the same as `run`, from the inbox unless DROP is given, recorded by Prefect."""
    from flows.inbox.tonight import district_clock
    from flows.night.nightly import run_flow
    from flows.night.summary import summary_lines

    day = read_day(as_of) if as_of else district_clock().date()
    summary = run_flow(drop, day, home, wait, parts, executor)
    show(summary, as_json, summary_lines(summary))


@app.command()
def serve(
    drop: NightDropArgument = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Keep the nightly schedule (02:00 Asia/Shanghai) under Prefect until stopped."""
    from flows.night.nightly import expect_schedule_free
    from flows.night.nightly import serve as serve_schedule

    expect_schedule_free(Home(home))
    place = str(drop or "inbox")
    content = {"schedule": "02:00 Asia/Shanghai", "drop": place, "home": str(home)}
    show(content, as_json, [f"every night at 02:00 Asia/Shanghai: {place} → {home}"])
    serve_schedule(home, drop)


@app.command()
def automations(as_json: JsonOption = False) -> None:
    """Create at the Prefect server what it does by itself; again replaces it."""
    from flows.night.automations import create_automations

    names = create_automations()
    show({"automations": names}, as_json, names)


@app.command()
def ingest(
    drop: DropArgument, home: AnyHomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Only turn the extracts into a snapshot, and print its id."""
    from flows.ingest.drop import ingest_drop
    from flows.store import hold_home

    place, progress = Home(home), Progress()
    with hold_home(place, make=True):
        made = ingest_drop(
            drop,
            place.snapshots,
            report=progress.report,
            registers=place.registers,
            cache=place.cache,
        )
    progress.end()
    content = {
        "snapshot_id": made.snapshot_id,
        "path": str(made.folder),
        "files": made.manifest["files"],
        "warnings": made.manifest["warnings"],
    }
    lines = [
        f"  {file['name']}: {file['rows']:,} rows = {file['accepted']:,} accepted "
        f"+ {file['quarantined']:,} quarantined"
        for file in made.manifest["files"]
    ]
    show(content, as_json, [*lines, f"snapshot {made.snapshot_id}"])


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be empty.")],
    persons: Annotated[int, typer.Option(min=1, help="How many persons.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
    as_of: AsOfOption = "2020-03-31",
    employers: Annotated[int | None, typer.Option(min=1, help="How many employers.")] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="With the defects of real files.")] = False,
    formats: Annotated[
        str, typer.Option("--format", help="mixed (CSV, XLSX and Parquet), csv or parquet.")
    ] = "mixed",
    as_json: JsonOption = False,
) -> None:
    """Write a synthetic district with known answers (in the folder `truth` beside it)."""
    from data_samples.town.write import write_sample

    made = write_sample(folder, persons, seed, read_day(as_of), dirty, formats, employers)
    lines = [
        f"made-up district in {made.drop}, its answers in {made.truth}",
        f"made up: {made.persons:,} persons, {made.employers:,} employers, "
        f"{made.planted_cases:,} planted cases",
        f"rows made up: {counted(made.rows)}",
    ]
    show(made.as_content(), as_json, lines)
