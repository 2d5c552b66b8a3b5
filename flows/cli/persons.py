"""Commands of the person's side: objections, notices to everyone, accounts that are wanted."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, made_home, show
from flows.language import counted
from flows.store import Home, hold_home

accounts_app = typer.Typer(help="Accounts of payees.", no_args_is_help=True)
app.add_typer(accounts_app, name="accounts")


@accounts_app.callback()
def accounts() -> None:
    """Ask payees for an account that money can go to."""


@accounts_app.command("wanted")
def accounts_wanted(
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file; its name begins with 收款账户.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the workbook of payees without a usable account; filled in it is an extract."""
    from flows.answers.accounts import write_wanted

    place = Home(home)
    with hold_home(place):
        made = write_wanted(place, out)
    line = f"{made['payees']:,} payees in {made['path']}: {counted(made['by_reason'])}"
    then = "fill in the yellow columns, then put the file into the next drop"
    show(made, as_json, [line, then])


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

    place = made_home(home)
    given = {"policy_id": policy, "subject_id": subject, "period": period, "raised_by": by}
    given |= {"raised_on": on, "reason": reason, "document_no": document}
    with hold_home(place):
        made = register_objection(place, given)
    said = "newly registered" if made["is_new"] else "was registered already"
    lines = [
        f"{said}: {made['objections']} in {made['path']}; the next night answers it, and holds "
        "what is not paid yet",
        *made["warnings"],
    ]
    show(made, as_json, lines)


@app.command()
def notices(
    identifier: Annotated[str, typer.Argument(metavar="RUN|BATCH", help="Run, latest, or batch.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder; default notices/ in it.")
    ] = None,
    person: Annotated[str, typer.Option("--person", help="Only about this id; refusals too.")] = "",
    town: Annotated[str, typer.Option("--town", metavar="CODE", help="Only of this town.")] = "",
    pdf: Annotated[bool, typer.Option("--pdf", help="Letters as PDF, too.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a notice to everyone: letters by town, and a file for the message gateway."""
    from flows.answers.nights import find_run
    from flows.answers.notices import Asked, write_notices
    from flows.money.batch import find_batch

    place = Home(home)
    find = find_batch if identifier.startswith("B") else find_run
    with hold_home(place):
        name = find(place, identifier)
        made = write_notices(place, name, Asked(person, town, pdf), out)
    line = f"{made['notices']:,} notices in {made['path']}: {counted(made['counts'])}"
    show(made, as_json, [line])
