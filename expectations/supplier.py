"""Say of each kind of extract what its files must be like, so that a supplier can check them first.

The suites are plain content, in the form in which Great Expectations reads them from JSON. They
follow from the kinds' own definition alone; ingest looks at more (check digits, names, repeats).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transforms.columns import ColumnType
from transforms.extracts.dates import DATE_FORMS, MONTH_FORMS
from transforms.extracts.kinds import KINDS, Kind, KindColumn

README = Path(__file__).parent / "supplier.md"
AMOUNT = r"^-?[0-9]+(?:[.][0-9]{1,2})?\Z"
FORMS: dict[ColumnType, str] = {
    "person_id": r"^[0-9]{17}[0-9X]\Z",
    "employer_code": r"^[0-9A-Z]{18}\Z",
    "subject_id": r"^[0-9A-Z]{18}\Z",
    "account_no": r"^[0-9]+\Z",
    "bank_code": r"^[0-9]{12}\Z",
    "integer": r"^-?[0-9]+\Z",
    "money": AMOUNT,
    "wan": AMOUNT,
    "rate": r"^[0-9]+(?:[.][0-9]{1,4})?%?\Z",
    "date": "|".join(DATE_FORMS),
    "month": "|".join([*MONTH_FORMS, *DATE_FORMS]),
}
GROUP = re.compile(r"\((?!\?)")


def supplier_suites() -> dict[str, dict[str, Any]]:
    """Make a suite for each kind of extract, by the kind's name.

    Holds:   ExpectationSuite(**suite) of Great Expectations takes each as it is
    """
    return {kind.name: _suite(kind) for kind in KINDS.values()}


def _suite(kind: Kind) -> dict[str, Any]:
    headings = {label: column.asked_as for column in kind.columns for label in column.labels}
    return {
        "name": kind.name,
        "expectations": [*_keys(kind), *(one for c in kind.columns for one in _column(c))],
        "meta": {
            "title": kind.titles[-1],
            # Every heading that is understood, and the one by which the suite knows the column.
            "headings": headings,
            # Headings that nobody knows beside another of their column.
            "stand_ins": [label for column in kind.columns for label in column.stand_in],
            "optional": [
                column.asked_as
                for column in kind.columns
                if not (column.required or column.absent_means)
            ],
        },
    }


def _keys(kind: Kind) -> Iterator[dict[str, Any]]:
    key = [kind.column_named[name].asked_as for name in kind.key]
    if len(key) == 1:
        yield _expectation("expect_column_values_to_be_unique", {"column": key[0]}, True)
    elif key:
        yield _expectation("expect_compound_columns_to_be_unique", {"column_list": key}, True)


def _column(column: KindColumn) -> Iterator[dict[str, Any]]:
    """Say what one column must be like; what is only emptied when it is wrong is a warning."""
    heading = {"column": column.asked_as}
    if column.required or column.absent_means:
        yield _expectation("expect_column_to_exist", heading, column.required)
    if column.required:
        yield _expectation("expect_column_values_to_not_be_null", heading, True)
    must_be_right = column.required or bool(column.open_when_empty)
    if column.codes:
        words = {**heading, "value_set": list(column.codes)}
        yield _expectation("expect_column_values_to_be_in_set", words, must_be_right)
    if column.type in FORMS:
        form = FORMS[column.type].replace("-?", "") if column.never_negative else FORMS[column.type]
        regex = {**heading, "regex": GROUP.sub("(?:", form)}
        yield _expectation("expect_column_values_to_match_regex", regex, must_be_right)


def _expectation(name: str, arguments: dict[str, Any], is_critical: bool) -> dict[str, Any]:
    severity = "critical" if is_critical else "warning"
    return {"type": name, "kwargs": arguments, "severity": severity, "meta": {}}
