"""The command of the inbox: who delivers what, what is in force, what waits, what was refused."""

from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, read_day, show
from flows.store import Home


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
