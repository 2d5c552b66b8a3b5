"""The numbers of the law by name and day, from the cards: a reading says rules, not numbers."""

from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

from sql.texts import policy_cards, shared_parameters
from tests.reading.basics import month_of
from transforms.policies.parameters import fen_of, value_on


@cache
def number(name: str, day: date, policy: str = "") -> Any:
    """Give the value in force on a day: yuan as fen, a fraction as a Fraction, else as written."""
    own = policy_cards()[policy].parameters if policy else {}
    parameter = own.get(name) or shared_parameters()[name]
    value = value_on(parameter, day).value
    match parameter.unit:
        case "yuan":
            return fen_of(value)
        case "fraction":
            return Fraction(value)
        case _:
            return value


def last_month(policy: str) -> int:
    """Give the last month of a policy's span."""
    until = policy_cards()[policy].force_to
    return month_of(until) if until else 999912


@cache
def size_limits(line: str, size: str, day: date) -> dict[str, int]:
    """Give what each indicator must reach for a size of a line: indicator → limit."""
    return {
        row["indicator"]: row["at_least"]
        for row in number("size_limits", day)
        if row["size_line"] == line and row["size_class"] == size
    }
