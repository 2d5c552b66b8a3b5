"""From provisions to an outcome; amounts by month."""

from tests.reading.basics import Answer, months
from tests.reading.facts import Facts

Key = tuple[str, str, str]
Provisions = dict[str, Answer]
Found = dict[Key, tuple[str, int, tuple[str, ...]]]
MINIMUM_WAGE = ((201806, 191000), (202110, 210000), (202310, 220000))
BENEFIT = ((201806, 152800), (202001, 171900), (202110, 189000), (202310, 198000))


def value_on(values: tuple[tuple[int, int], ...], month: int) -> int:
    return max(value for value in values if value[0] <= month)[1]


def month_text(month: int) -> str:
    return f"{month // 100}-{month % 100:02d}"


def decide(provisions: Provisions, amount: int) -> tuple[str, int, tuple[str, ...]]:
    said = provisions.values()
    outcome = "ineligible" if False in said else "undetermined" if None in said else "eligible"
    reasons = tuple(sorted(name for name, answer in provisions.items() if answer is not True))
    return outcome, amount if outcome == "eligible" else 0, reasons


def reach(facts: Facts, last: int) -> list[int]:
    return months(202001, min(facts.this_month, last))
