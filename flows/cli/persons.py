"""Commands of the person's side: objections, notices to everyone, accounts that are wanted."""

from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.store import Home, hold_home


@app.command("object")
def object_to(
    policy: Annotated[str, typer.Option("--policy", help="The policy objected to.")],
    subject: Annotated[str, typer.Option("--subject", help="Whom the determination is about: id.")],
    by: Annotated[str, typer.Option("--by", help="Who objects.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day of it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")],
    period: Annotated[
        str, typer.Option("--period", help="One line: 2020 or 2020-03; default all.")
    ] = "",
    document: Annotated[str, typer.Option("--document", help="Its number, if it has one.")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register an objection (异议): the next night holds the line, and answers by a letter."""
    from flows.answers.objections import register_objection

    place = Home(home)
    given = {"policy_id": policy, "subject_id": subject, "period": period, "raised_by": by}
    given |= {"raised_on": on, "reason": reason, "document_no": document}
    with hold_home(place):
        made = register_objection(place, given)
    said = "registered" if made["is_new"] else "was registered already"
    lines = [f"{said}: {made['objections']} in {made['path']}; the next night holds and answers it"]
    show(made, as_json, lines)
