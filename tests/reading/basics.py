"""Days, months and single rows: what the rules say of them without looking at other rows."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

Row = dict[str, Any]
Answer = bool | None
LABOUR = ("无固定期限", "固定期限", "以完成一定工作任务为期限")
FAR = date(9999, 12, 31)


def plus(month: int, count: int) -> int:
    number = month // 100 * 12 + month % 100 - 1 + count
    return number // 12 * 100 + number % 12 + 1


def month_of(day: date) -> int:
    return day.year * 100 + day.month


def first_day(month: int) -> date:
    return date(month // 100, month % 100, 1)


def last_day_of(month: int) -> date:
    return first_day(plus(month, 1)) - timedelta(days=1)


def add_months(day: date, count: int) -> date:
    month = plus(month_of(day), count)
    return first_day(month).replace(day=min(day.day, monthrange(month // 100, month % 100)[1]))


def add_years(day: date, count: int) -> date:
    return add_months(day, 12 * count)


def months(first: int, last: int) -> list[int]:
    found = []
    while first <= last:
        found.append(first)
        first = plus(first, 1)
    return found


def town_of(code: str | None) -> str | None:
    """Give the nine digits of a town, whatever place in it a code names; None for a county's."""
    digits = (code or "")[:9]
    is_town = len(digits) == 9 and set(digits) <= set("0123456789") and digits[6:] != "000"
    return digits if is_town else None


def negated(answer: Answer) -> Answer:
    return None if answer is None else not answer


def reached(row: Row, limits: dict[str, int]) -> Answer:
    missing = False
    for indicator, limit in limits.items():
        value = row["staff" if indicator == "staff" else f"{indicator}_wan_x100"]
        if value is None:
            missing = True
        elif value < limit * (1 if indicator == "staff" else 100):
            return False
    return None if missing else True


def birth(person: str) -> date:
    return date(int(person[6:10]), int(person[10:12]), int(person[12:14]))


def is_man(person: str) -> bool:
    return int(person[16]) % 2 == 1


def agreed(answers: Iterable[bool]) -> Answer:
    """Give the answer that all readings share; None if they differ."""
    said = set(answers)
    return said.pop() if len(said) == 1 else None


def last_day(row: Row) -> date:
    return min(row["ended_on"] or FAR, row["ends_on"] or FAR)


def one_year_contract(row: Row) -> Answer:
    if row["contract_type"] == "无固定期限":
        return True
    if row["contract_type"] != "固定期限":
        return False
    if row["ends_on"] is None:
        return None
    return bool(row["ends_on"] >= add_years(row["starts_on"], 1) - timedelta(days=1))


def earliest(rows: list[Row]) -> Row:
    return min(
        rows,
        key=lambda row: (
            row["starts_on"],
            -(row["ends_on"] or FAR).toordinal(),
            LABOUR.index(row["contract_type"]) if row["contract_type"] in LABOUR else 0,
        ),
    )
