"""Commands that look whether all is well: verify, doctor."""

import typer

from flows.cli.console import DEFAULT_HOME, AnyHomeOption, HomeOption, JsonOption, app, show
from flows.language import language, said, warned
from flows.store import Home
from transforms.errors import GateStoppedError
from transforms.visible import table
from transforms.words import word


@app.command()
def verify(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check digests of all snapshots, runs and batches, the ledger's chain, every signature."""
    from flows.money.verify import verify_home

    seen = verify_home(Home(home))
    lines = [f"{what}: {count} checked, all as recorded" for what, count in seen.counts.items()]
    lines += warned(seen.warnings)
    show({**seen.counts, "warnings": seen.warnings}, as_json, lines)


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
