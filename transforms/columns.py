"""What a column can be: how its cells are read, how they are stored, whose data they are.

The dictionary of all columns stands in extracts/kinds.yaml: one quantity has one name everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from transforms.errors import RuleError
from transforms.strict_yaml import check_known, check_words

ColumnType = Literal[
    "person_id",
    "employer_code",
    "subject_id",
    "any_id",
    "integer",
    "account_no",
    "bank_code",
    "wan",
    "money",
    "rate",
    "date",
    "month",
    "period",
    "code",
    "text",
    "verbatim",
    "name",
]
Personal = Literal["none", "person_id", "name", "account", "about_person"]

STORED_AS: dict[ColumnType, pl.DataType] = {
    **dict.fromkeys(get_args(ColumnType), pl.String()),
    **dict.fromkeys(("integer", "wan", "money", "rate"), pl.Int64()),
    "date": pl.Date(),
    "month": pl.Int32(),
}
# A number that is no count must say of what it is one.
COUNTED = ("money", "rate", "wan")
WORDS_OF_COLUMN = frozenset({"type", "meaning", "labels", "unit", "personal"})


@dataclass(frozen=True)
class Column:
    """One entry of the dictionary; `type` says how a cell is read, `unit` what a number counts."""

    name: str
    type: ColumnType
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    personal: Personal = "none"


def parse_column(name: str, entry: Mapping[str, Any]) -> Column:
    """Read one entry of the dictionary.

    Raises:  RuleError if a word is unknown, or type, meaning or personal is not as promised
    """
    column = Column(
        name,
        entry.get("type", ""),
        entry.get("meaning", ""),
        tuple(entry.get("labels", "").split()),
        entry.get("unit", ""),
        entry.get("personal", "none"),
    )
    where = f"kinds.yaml, column {name}"
    check_words(entry, ("type", "meaning"), WORDS_OF_COLUMN, where)
    check_known(column.type, STORED_AS, f"{where}: type")
    check_known(column.personal, get_args(Personal), f"{where}: personal")
    if not column.meaning or (column.type in COUNTED and not column.unit):
        raise RuleError(f"{where}: needs a meaning, and {', '.join(COUNTED)} a unit")
    return column
