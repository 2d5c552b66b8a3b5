"""Commands around what clerks answer: into the home's register, out of force, and looked at."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    HomeOption,
    JsonOption,
    app,
    made_home,
    show,
)
from flows.store import hold_home

clerical_app = typer.Typer(help="A clerk's decisions.", no_args_is_help=True)
app.add_typer(clerical_app, name="clerical")

# Of answers just taken so many are told, for who gave them to look at.
SHOWN = 20
ByOption = Annotated[str, typer.Option("--by", help="Who decided, where a line does not say.")]
DocumentOption = Annotated[str, typer.Option("--document", help="Number of the document.")]


@clerical_app.callback()
def clerical() -> None:
    """Register what clerks decided; every later night takes it in."""


@clerical_app.command("import")
def import_answers(
    file: Annotated[
        Path,
        typer.Argument(
            help="A run's clerical_decisions.xlsx or clerical_review.xlsx, filled in; or 人工裁定, "
            "身份核对结论."
        ),
    ],
    by: ByOption = "",
    document: DocumentOption = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a file for a drop instead.")
    ] = None,
    opened: Annotated[
        Path | None,
        typer.Option("--opened", help="Where to write the scores of the rows answered."),
    ] = None,
    home: AnyHomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register a clerk's answers in the home, for every later night; all lines or none."""
    from flows.answers.clerical import (
        answer_lines,
        import_decisions,
        list_answers,
        register_answers,
    )
    from flows.answers.identity import agreement_lines

    given = {"decided_by": by, "document_no": document}
    if out:
        target, count = import_decisions(file, out, given)
        line = f"{count} decisions written to {target}: put it into the next drop"
        show({"path": str(target), "decisions": count}, as_json, [line])
        return
    place = made_home(home)
    with hold_home(place):
        made = register_answers(place, file, given, opened)
    new = [one for one in list_answers(place) if one["answer_id"] in made["new_answer_ids"]]
    said = [f"{made['new_answers']} of {made['answers']} answers are new in {made['path']}"]
    said += answer_lines(new[:SHOWN]) if new else []
    said += [f"… and {len(new) - SHOWN} more"] if len(new) > SHOWN else []
    more = agreement_lines(made) if "agreement" in made else []
    when = "the next night takes them in"
    if made["kind"] == "clerical_decisions":
        when = "the next night takes them in; one dated later than that night waits until its day"
    show(made, as_json, [*said, *more, when])


@clerical_app.command()
def withdraw(
    answer: Annotated[str, typer.Argument(metavar="ID", help="The answer's id, or its beginning.")],
    by: Annotated[str, typer.Option("--by", help="Who withdraws it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")],
    document: DocumentOption = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Withdraw an answer: no later night takes it in; what was said stays in the register."""
    from flows.answers.clerical import withdraw_answer

    place, said = made_home(home), {"decided_by": by, "why": reason, "document_no": document}
    with hold_home(place):
        made = withdraw_answer(place, answer, said)
    lines = [f"{made['answer_id']} is withdrawn, {made['lines']} lines; what it said stays listed"]
    show(made, as_json, lines)


@clerical_app.command("show")
def show_register(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List every answer of the registers: who, when, by which document, whether it stands."""
    from flows.answers.clerical import answer_lines, list_answers

    listed = list_answers(made_home(home))
    show({"answers": listed}, as_json, answer_lines(listed))
