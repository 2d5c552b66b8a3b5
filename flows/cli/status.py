"""Commands that say how it stands: the nights, for persons and monitors, and 应享已享."""

import re
from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.store import Home
from transforms.errors import DropRefusedError, GateStoppedError, UsageError

MONTH = re.compile("[0-9]{4}-(0[1-9]|1[0-2])")


@app.command()
def status(
    home: HomeOption = DEFAULT_HOME,
    max_age: Annotated[
        str | None,
        typer.Option("--max-age", help="How old the last good night may be: 26h, 2d."),
    ] = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Also tell whom it concerns, as wuxing.toml says.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Only send a test by every way of wuxing.toml.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what ran last, what is missed or late, what waits; ends with 12 unless all is well."""
    from flows.night.alerts import tell
    from flows.night.diary import district_now
    from flows.night.settings import Settings, read_settings
    from flows.night.status import look_at, mail_refused, status_lines

    place = Home(home)
    if test:
        _test(place, as_json)
        return
    now = district_now()
    try:
        settings = read_settings(place)
    except DropRefusedError:
        # What ran and what waits is shown all the same, and that nobody can be told.
        settings, alert = Settings(), False
    told = look_at(place, settings, now, max_age)
    if alert:
        told |= {"alerts": tell(place, now, told)}
        told["alerts_unsent"] = told["alerts"]["unsent"]
        told["alerts_refused"] = mail_refused(place, settings)
    show(told, as_json, status_lines(told))
    if not told["good"]:
        raise typer.Exit(GateStoppedError.exit_code)


def _test(place: Home, as_json: bool) -> None:
    from flows.night.alerts import try_ways
    from flows.night.diary import district_now
    from flows.night.settings import read_settings

    faults = try_ways(place, read_settings(place), district_now())
    lines = [f"{way}: {fault or 'the test was sent'}" for way, fault in faults.items()]
    show({"ways": faults}, as_json, lines or ["wuxing.toml names no way to tell anybody"])
    if any(faults.values()) or not faults:
        raise typer.Exit(DropRefusedError.exit_code)


@app.command()
def takeup(
    first: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM", help="Only from this month on.")
    ] = "",
    last: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM", help="Only up to this month.")
    ] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say how much of what is owed has arrived today (应享已享), and how it was night by night."""
    from flows.answers.takeup import take_up_today, takeup_lines

    for month in filter(None, (first, last)):
        if not MONTH.fullmatch(month):
            raise UsageError(f"--from and --to take a month written YYYY-MM; found {month!r}")
    if first and last and first > last:
        raise UsageError(f"--from {first} is after --to {last}: no month is both")
    told = take_up_today(Home(home), first, last)
    show(told, as_json, takeup_lines(told))
