"""Dated numbers of the law: each value with its first day, source and whether it is confirmed.

A parameter says which day its value is taken on, so that nothing already determined moves when a
later value is added:

    on: as_of       the as-of date of the run (lists; what is judged as things stand tonight)
    on: year        1 January of the policy year (levy: of the year after the fee year)
    on: month       the first day of the month judged
    on: starts_on   any other word is a date column of the rows judged: the event's own day (a
                    column `…_month`: that month's first day); `day`: the day a question asks of
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from transforms.errors import ParameterMissingError, RuleError
from transforms.extracts.kinds import KINDS
from transforms.strict_yaml import check_known, check_words

UNITS = (
    *("yuan", "fraction", "percent", "permille", "multiple", "months", "years", "days", "persons"),
    *("firms", "month", "date", "period", "method", "size", "bp", "tenths", "trace"),
)
BOUND_DAYS = ("as_of", "year")
WRITTEN = {"yuan": r"[0-9][0-9 ]*(\.[0-9]{1,2})?", "fraction": r"[0-9]+/[1-9][0-9]*"}
HOW_WRITTEN = {
    "yuan": '; in quotes, no comma, not below zero, as "2100.00"',
    "fraction": '; in quotes, no more than the whole, as "2/3"',
}
# A share is at most the whole.
WHOLE = {"percent": 100, "permille": 1000}
SIZE_WORDS = ("size_line", "size_class", "indicator", "at_least")
INDICATORS = ("staff", "revenue", "assets")
# Of every other unit a value is a whole number; what is none of these can't be taken row by row.
TYPES = {"date": (date,), "method": (str,), "period": (int, str), "size": (list,), "trace": (list,)}
COLUMN_NAME = re.compile(r"[a-z]\w*")


@dataclass(frozen=True)
class ParameterValue:
    """One value and the day from which it holds."""

    since: date
    value: Any
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Parameter:
    """One number of the law with its values, oldest first; `on` says which day it is taken on."""

    name: str
    unit: str
    on: str
    values: tuple[ParameterValue, ...]
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse what SQL could not look up by the day of a row."""
        if self.unit in TYPES and not is_bound(self):
            raise RuleError(f"parameter {self.name}: a {self.unit} is taken on as_of or year")


def parse_parameter(name: str, entry: Mapping[str, Any]) -> Parameter:
    """Read one parameter of a card; its values must rise by date.

    Raises:  RuleError if the unit is unknown, it says no day it is taken on, or two values
             start on one day
    """
    # Stored rules of a night of before have no titles; those of today must (tests/rules).
    check_words(entry, ("unit", "on", "values"), ("title",), f"parameter {name}")
    if not COLUMN_NAME.fullmatch(str(entry["on"])):
        raise RuleError(f"parameter {name}: say `on:` as_of, year, month or a date column")
    if entry["unit"] not in UNITS:
        raise RuleError(f"parameter {name}: unit {entry['unit']} is none of {', '.join(UNITS)}")
    if name.endswith("_fen") != (entry["unit"] == "yuan"):
        raise RuleError(f"parameter {name}: what ends in _fen has the unit yuan, and no other has")
    if not isinstance(entry["values"], list) or not entry["values"]:
        raise RuleError(f"parameter {name}: values is a list, of one value or more")
    for value in entry["values"]:
        day = value.get("from") if isinstance(value, Mapping) else value
        where = f"parameter {name}, value from {day}"
        check_words(value, ("from", "value", "source", "confirmed"), (), where)
        if not isinstance(value["confirmed"], bool):
            raise RuleError(f"{where}: confirmed is {value['confirmed']}, not true or false")
        check_value(value["value"], value["source"], entry["unit"], where)
        for row in value["value"] if entry["unit"] == "size" else ():
            _check_size(row, where)
    values = tuple(
        ParameterValue(value["from"], value["value"], value["source"], value["confirmed"])
        for value in entry["values"]
    )
    check_days(values, f"parameter {name}")
    return Parameter(name, entry["unit"], entry["on"], values, entry.get("title", ""))


def check_value(value: Any, source: Any, unit: str, where: str) -> None:
    """Hold a value to its unit, and to what it stands on.

    Raises:  RuleError saying how it is written
    """
    if not source:
        raise RuleError(f"{where}: source is empty")
    if not is_of_unit(value, unit):
        how = HOW_WRITTEN.get(unit, "")
        raise RuleError(f"{where}: {value!r} is no value in {unit}{how}")


def _check_size(row: Any, where: str) -> None:
    check_words(row, SIZE_WORDS, (), where)
    columns = KINDS["registrations"].column_named
    known = {name: columns[name].codes for name in ("size_line", "size_class")}
    for name, codes in (known | {"indicator": INDICATORS}).items():
        check_known(row[name], codes, f"{where}: {name}")


def check_windows(parameters: Mapping[str, Parameter], policy: str) -> None:
    """Hold each window of days (`…_from`, `…_to`) to its order, whenever a value begins.

    Raises:  RuleError naming the parameter and the day
    """
    for name, last in parameters.items():
        first = parameters.get(f"{name.removesuffix('_to')}_from")
        if not name.endswith("_to") or first is None or (first.unit, last.unit) != ("date", "date"):
            continue
        for day in sorted({value.since for value in (*first.values, *last.values)}):
            begun = [p for p in (first, last) if p.values[0].since <= day]
            if len(begun) == 2 and value_on(last, day).value < value_on(first, day).value:
                raise RuleError(f"policy {policy}: {name} is before {first.name} from {day}")


def check_paid(parameters: Mapping[str, Parameter], policy: str) -> None:
    """Hold what is paid to a day of its row: a raise would be paid once more on what was settled.

    Raises:  RuleError naming the parameter
    """
    for name, parameter in parameters.items():
        if parameter.unit == "yuan" and parameter.on == "as_of":
            raise RuleError(
                f"policy {policy}: {name} is paid, and taken `on: as_of`: a raise would be paid "
                "once more on what was settled; say `on:` year, month or a date column"
            )


def check_limit(
    provisions: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Parameter], policy: str
) -> None:
    """Hold a limit to the last provision, and to a whole number from 1 whenever it is taken.

    Raises:  RuleError naming the provision, or the limit
    """
    *others, last = provisions
    for name in (name for name in others if "limit" in provisions[name]):
        raise RuleError(f"policy {policy}: {name} has a limit: it stands on the last provision")
    if "limit" not in provisions[last]:
        return
    limit, counts = provisions[last]["limit"], [provisions[last]["limit"]]
    if isinstance(limit, str):
        check_known(limit, parameters, f"policy {policy}: limit")
        counts = [value.value for value in parameters[limit].values]
    if any(type(count) is not int or count < 1 for count in counts):
        raise RuleError(
            f"policy {policy}: limit {limit} is no whole number from 1, nor a parameter of such"
        )


def check_days(values: Sequence[ParameterValue], where: str) -> None:
    """Hold dated values to the order of their days, each on a day of its own.

    Raises:  RuleError if they are not, as the last one that has begun is taken
    """
    if any(type(value.since) is not date for value in values):
        raise RuleError(f"{where}: each `from:` is a day, YYYY-MM-DD")
    days = [value.since for value in values]
    if twice := sorted({str(day) for day in days if days.count(day) > 1}):
        raise RuleError(f"{where}: two values begin on {', '.join(twice)}")
    if not days or days != sorted(days):
        raise RuleError(f"{where}: values must be in the order of their dates")


def is_of_unit(value: Any, unit: str) -> bool:
    """Say whether a value is written as its unit is.

    >>> is_of_unit("1000.00", "yuan"), is_of_unit(1000, "yuan"), is_of_unit(-1, "months")
    (True, False, False)
    >>> is_of_unit("3/2", "fraction"), is_of_unit(600, "percent"), is_of_unit(100, "percent")
    (False, False, True)
    """
    if unit in WRITTEN:
        if not isinstance(value, str) or not re.fullmatch(WRITTEN[unit], value):
            return False
        return unit != "fraction" or Fraction(value) <= 1
    if unit in TYPES:
        return type(value) in TYPES[unit]
    return type(value) is int and 0 <= value <= WHOLE.get(unit, value)


def value_on(parameter: Parameter, day: date) -> ParameterValue:
    """Return the value in force on a day.

    Raises:  ParameterMissingError naming the parameter and the day, never a default
    """
    in_force = [value for value in parameter.values if value.since <= day]
    if not in_force:
        raise ParameterMissingError(
            f"parameter {parameter.name} has no value in force on {day.isoformat()}: "
            f"add one with its source, or choose another date"
        )
    return in_force[-1]


def fen_of(yuan: str) -> int:
    """Convert an amount written in yuan to fen, exactly.

    >>> fen_of("500 000.00")
    50000000
    """
    fen = Decimal(yuan.replace(" ", "")) * 100
    if fen != int(fen):
        raise RuleError(f"{yuan} yuan is no whole number of fen")
    return int(fen)


def sql_values(parameter: Parameter, value: ParameterValue) -> dict[str, Any]:
    """Return what SQL sees of a value: fen for yuan, two whole numbers for a fraction.

    >>> two_thirds = ParameterValue(date(2020, 1, 1), "2/3", "", True)
    >>> sql_values(Parameter("share", "fraction", "month", (two_thirds,)), two_thirds)
    {'share_numerator': 2, 'share_denominator': 3}
    """
    if parameter.unit == "yuan":
        return {parameter.name: fen_of(value.value)}
    if parameter.unit == "fraction":
        numerator, denominator = str(value.value).split("/")
        return {
            f"{parameter.name}_numerator": int(numerator),
            f"{parameter.name}_denominator": int(denominator),
        }
    if parameter.unit == "size":
        return {parameter.name: size_rows(parameter)}
    return {parameter.name: value.value}


def month_first_day(month: int) -> date:
    """Return the first day of a month YYYYMM."""
    return date(month // 100, month % 100, 1)


def months_between(first: int, last: int) -> list[int]:
    """List the months YYYYMM from first to last, both included.

    >>> months_between(201911, 202002)
    [201911, 201912, 202001, 202002]
    """
    numbers = range(first // 100 * 12 + first % 100 - 1, last // 100 * 12 + last % 100)
    return [number // 12 * 100 + number % 12 + 1 for number in numbers]


def is_bound(parameter: Parameter) -> bool:
    """Say whether one value holds for all rows of a run; else each row takes that of its day."""
    return parameter.on in BOUND_DAYS or parameter.unit == "size"


def dated_values(parameter: Parameter) -> dict[str, list[tuple[date, Any]]]:
    """Return what SQL sees of a parameter by day: per name the first days and values, newest first.

    Units:   fen for yuan; a fraction is two whole numbers
    """
    found: dict[str, list[tuple[date, Any]]] = {}
    for value in reversed(parameter.values):
        for name, seen in sql_values(parameter, value).items():
            found.setdefault(name, []).append((value.since, seen))
    return found


def size_rows(parameter: Parameter) -> list[dict[str, Any]]:
    """Return a table of the law with all its versions, each row with the days it holds."""
    ends = [value.since for value in parameter.values[1:]] + [date.max]
    return [
        {**row, "standard_from": value.since, "standard_before": end}
        for value, end in zip(parameter.values, ends, strict=True)
        for row in value.value
    ]


def day_of(on: str, row: Mapping[str, Any], as_of: date) -> date | None:
    """Return the day on which a row takes a number, by the number's `on`; None: of the year."""
    if on == "month" and len(row["period"]) == 7:
        return date.fromisoformat(f"{row['period']}-01")
    day = as_of if on == "as_of" else row.get(on)
    return month_first_day(day) if isinstance(day, int) else day
