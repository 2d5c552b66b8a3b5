"""What a column can be: how its cells are read, how they are stored, whose data they are.

The dictionary of all columns stands in extracts/kinds.yaml: one quantity has one name everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from transforms.errors import ContractError

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
    "person_id": pl.String(),
    "employer_code": pl.String(),
    "subject_id": pl.String(),
    "any_id": pl.String(),
    "integer": pl.Int64(),
    "account_no": pl.String(),
    "bank_code": pl.String(),
    "wan": pl.Int64(),
    "money": pl.Int64(),
    "rate": pl.Int64(),
    "date": pl.Date(),
    "month": pl.Int32(),
    "period": pl.String(),
    "code": pl.String(),
    "text": pl.String(),
    "verbatim": pl.String(),
    "name": pl.String(),
}
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

    Raises:  ContractError if a word is unknown, or type, meaning or personal is not as promised
    """
    column = Column(
        name,
        entry.get("type", ""),
        entry.get("meaning", ""),
        tuple(entry.get("labels", "").split()),
        entry.get("unit", ""),
        entry.get("personal", "none"),
    )
    is_sound = column.type in STORED_AS and column.personal in get_args(Personal)
    if set(entry) - WORDS_OF_COLUMN or not column.meaning or not is_sound:
        raise ContractError(f"kinds.yaml, column {name}: not a type, meaning, labels, …: {entry}")
    return column
