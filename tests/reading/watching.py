"""What the lists of rulebook §3b share: rows with the facts that a list shows."""

from typing import Any

from tests.reading.basics import Row, last_day, month_of, plus
from tests.reading.deciding import Key, Provisions, month_text
from tests.reading.facts import Facts

ALL_FIVE = ("养老", "医疗", "失业", "工伤", "生育")
Shown = dict[str, Any]
Watched = dict[Key, tuple[Provisions, int, Shown]]


def last_month(facts: Facts) -> int:
    return plus(facts.this_month, -1)


def this_period(facts: Facts) -> str:
    return month_text(facts.this_month)


def last_period(facts: Facts) -> str:
    return month_text(last_month(facts))


def open_registrations(facts: Facts) -> dict[str, Row]:
    """Give each person's open unemployment row, the latest if there are several."""
    found: dict[str, Row] = {}
    for row in facts.tables["unemployment"]:
        person = row["person_id"]
        if row["closed_on"] is None and (
            person not in found or found[person]["registered_on"] < row["registered_on"]
        ):
            found[person] = row
    return found


def ended_in(row: Row, first: int, last: int) -> bool:
    return row["ended_on"] is not None and first <= month_of(row["ended_on"]) <= last


def covers(row: Row, first: int, last: int) -> bool:
    """Say whether an employment row covers a day of these months."""
    return month_of(row["starts_on"]) <= last and month_of(last_day(row)) >= first
