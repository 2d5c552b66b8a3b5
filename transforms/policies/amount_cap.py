"""The dated cap on one amount of a policy: a second arithmetic, independent of the rules."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from transforms.errors import RuleError
from transforms.policies.parameters import (
    Parameter,
    ParameterValue,
    check_days,
    fen_of,
    is_of_unit,
    month_first_day,
    months_between,
    value_on,
)
from transforms.strict_yaml import check_known, check_words


def read_cap(entry: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> Parameter | None:
    """Read the dated cap on one amount; `covers` names the amounts of the law it must reach.

    Raises:  RuleError if a value has no reason, no order, or lies below an amount in force
    """
    if "amount_cap" not in entry:
        return None
    name, cap = f"policy {entry['policy']}: amount_cap", entry["amount_cap"]
    check_words(cap, ("values",), ("covers",), name)
    if not isinstance(cap.get("covers", []), list):
        raise RuleError(f"{name}: covers is a list: [{cap['covers']}]")
    check_known(cap.get("covers", ()), parameters, f"{name} covers")
    for value in cap["values"]:
        check_words(value, ("from", "value", "reason"), (), name)
        if not value["reason"] or not is_of_unit(value["value"], "yuan"):
            raise RuleError(f"{name} has no reason, or {value['value']!r} is no yuan in quotes")
    values = tuple(
        ParameterValue(value["from"], value["value"], value["reason"], False)
        for value in cap["values"]
    )
    check_days(values, name)
    read = Parameter(name, "yuan", "year", values)
    for covered in (parameters[word] for word in cap.get("covers", ())):
        first = max(values[0].since, covered.values[0].since)
        days = {value.since for value in (*values, *covered.values) if value.since >= first}
        for day in sorted(days | {first}):
            least, most = value_on(covered, day).value, value_on(read, day).value
            if fen_of(most) < fen_of(least):
                raise RuleError(f"{name} is {most} on {day}, below {covered.name} {least}")
    return read


def caps_until(policy_id: str, cap: Parameter | None, as_of: date) -> list[tuple[str, str, int]]:
    """List (policy, period, fen): the highest cap in force on a day of each period up to a day.

    Rows:    one per month and year from the first cap to the as-of date; none without a cap
    """
    if cap is None:
        return []
    months = months_between(cap.values[0].since.year * 100 + 1, as_of.year * 100 + as_of.month)
    periods = {f"{month // 100}-{month % 100:02}": (month, month) for month in months}
    periods |= {f"{m // 100}": (m // 100 * 100 + 1, m // 100 * 100 + 12) for m in months}
    ends = [value.since for value in cap.values[1:]] + [date.max]
    return [
        (policy_id, period, max(caps))
        for period, (first, last) in periods.items()
        if (
            caps := [
                fen_of(value.value)
                for value, end in zip(cap.values, ends, strict=True)
                if value.since.year * 100 + value.since.month <= last
                and end > month_first_day(first)
            ]
        )
    ]
