"""What each column that is written means: description, unit and class of personal data.

They are kept with the column itself, in the metadata of the Parquet field.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pyarrow as pa

from transforms.columns import Personal
from transforms.errors import ContractError
from transforms.extracts.kinds import COLUMNS
from transforms.strict_yaml import read_yaml
from transforms.words import word

DICTIONARY = Path(__file__).with_name("outputs.yaml")
UNIT_OF_SUFFIX = {
    "_fen": "fen",
    "_wan_x100": "万元 × 100",
    "_percent": "percent",
    "_months": "months",
    "_days": "days",
    "_count": "count",
    "_members": "persons",
}
NO_TITLES: Mapping[str, str] = {}
NEWEST, OLDEST = pl.CompatLevel.newest(), pl.CompatLevel.oldest()
WORDS_OF_FIELD = ("description", "unit", "personal")


@cache
def output_columns() -> Mapping[str, Mapping[str, str]]:
    """Read the dictionary of outputs.

    Raises:  ContractError if an entry says no meaning, or a class of personal data that is none
    """
    entries: dict[str, dict[str, str]] = read_yaml(DICTIONARY.read_text(encoding="utf-8"))
    for name, entry in entries.items():
        is_sound = entry.get("personal", "none") in get_args(Personal) and entry.get("meaning")
        if not is_sound or set(entry) - {"meaning", "unit", "personal"}:
            raise ContractError(f"outputs.yaml, {name}: not a meaning, unit and personal: {entry}")
    return entries


def describe_column(name: str, titles: Mapping[str, str] = NO_TITLES) -> dict[str, str]:
    """Say what a column means, what it counts, and whose data it is.

    `titles`: provisions of the policy whose rows these are. What nobody described is a fact of a
    policy, and taken for somebody's data.

    >>> describe_column("paid_on"), describe_column("headcount")["personal"]
    ({'description': 'day the money arrived', 'unit': '', 'personal': 'none'}, 'about_person')
    """
    known = output_columns().get(name)
    unit = next((unit for end, unit in UNIT_OF_SUFFIX.items() if name.endswith(end)), "")
    if known:
        told = (known["meaning"], known.get("unit", unit), known.get("personal", "none"))
    elif column := COLUMNS.get(name) or COLUMNS.get(name.removeprefix("is_")):
        told = (column.meaning, column.unit, column.personal)
    else:
        told = (titles.get(name) or word(name, "en"), unit, "about_person")
    return dict(zip(WORDS_OF_FIELD, told, strict=True))


def described_schema(
    frame: pl.DataFrame,
    titles: Mapping[str, str] = NO_TITLES,
    level: pl.CompatLevel = NEWEST,
) -> pa.Schema:
    """Return a frame's Arrow schema, each field with its description, unit and class."""
    plain: pa.Schema = frame.head(0).to_arrow(compat_level=level).schema
    fields: list[Any] = [one.with_metadata(describe_column(one.name, titles)) for one in plain]
    return pa.schema(fields)
