"""From provisions to an outcome; the months a policy speaks of; rounding."""

from fractions import Fraction

from tests.reading.basics import Answer, months
from tests.reading.facts import Facts
from tests.reading.law import last_month, number

Key = tuple[str, str, str]
Provisions = dict[str, Answer]
Found = dict[Key, tuple[str, int, tuple[str, ...]]]


def month_text(month: int) -> str:
    return f"{month // 100}-{month % 100:02d}"


def decide(provisions: Provisions, amount: int) -> tuple[str, int, tuple[str, ...]]:
    said = provisions.values()
    outcome = "ineligible" if False in said else "undetermined" if None in said else "eligible"
    reasons = tuple(sorted(name for name, answer in provisions.items() if answer is not True))
    return outcome, amount if outcome == "eligible" else 0, reasons


def reach(facts: Facts, policy: str) -> list[int]:
    first = number("first_paid_month", facts.as_of)
    return months(first, min(facts.this_month, last_month(policy)))


def half_up(value: Fraction) -> int:
    return int((2 * value + 1) // 2)
