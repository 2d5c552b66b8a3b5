"""Commands around a clerk's decisions: the workbook of a run comes back as an extract."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import JsonOption, app, show

clerical_app = typer.Typer(help="A clerk's decisions.", no_args_is_help=True)
app.add_typer(clerical_app, name="clerical")


@clerical_app.callback()
def clerical() -> None:
    """Take a clerk's decisions into the next drop."""


@clerical_app.command("import")
def import_workbook(
    workbook: Annotated[
        Path, typer.Argument(help="The clerical_decisions.xlsx of a run, filled in.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the extract goes; default beside it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make 人工裁定.csv of a filled-in workbook, for the next drop; all lines or none."""
    from flows.answers.clerical import import_decisions

    target, count = import_decisions(workbook, out)
    content = {"path": str(target), "decisions": count}
    show(content, as_json, [f"{count} decisions written to {target}: put it into the next drop"])
