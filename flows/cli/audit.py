"""Commands for the auditor: replay."""

from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, ThreadsOption, app, show
from flows.store import Home
from transforms.errors import DigestDiffersError, UsageError

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or `latest`.")
]
RULES = ("today", "stored")


@app.command()
def replay(
    run: RunArgument,
    rules: Annotated[
        str, typer.Option("--rules", help="today: those of this program; stored: those of then.")
    ] = "today",
    from_raw: Annotated[
        bool, typer.Option("--from-raw", help="Read the raw files again, too.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    threads: ThreadsOption = None,
    memory_limit: Annotated[
        str | None, typer.Option("--memory-limit", help="Most memory for the rules, e.g. 4GB.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a night again from its snapshot and the ledger as it stood; compare every digest."""
    from flows.audit.replay import find_run, replay_lines
    from flows.audit.replay import replay as replay_run

    if rules not in RULES:
        raise UsageError(f"--rules takes {' or '.join(RULES)}; found {rules!r}")
    place = Home(home)
    told = replay_run(
        place,
        find_run(place, run),
        threads=threads,
        memory=memory_limit,
        stored_rules=rules == "stored",
        from_raw=from_raw,
    )
    show(told, as_json, replay_lines(told))
    if told["verdict"] != "identical":
        raise typer.Exit(DigestDiffersError.exit_code)
