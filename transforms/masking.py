"""Ids and names as they may leave the bureau: enough to find a case, too little to name anyone."""

import re

import polars as pl

from transforms.identifiers import PERSON_ID_FORM
from transforms.words import word

SHOWN_FIRST, SHOWN_LAST = 6, 4
CITIZEN_ID = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)

LONG_NUMBER = re.compile(r"[0-9]{15,}[Xx]?")


def masked_person_id(column: str) -> pl.Expr:
    """Mask a person id: the first six and the last four characters stay.

    >>> pl.DataFrame({"i": ["370302198503151234"]}).select(masked_person_id("i")).item()
    '370302********1234'
    """
    text = pl.col(column)
    return pl.concat_str(text.str.head(SHOWN_FIRST), pl.lit("********"), text.str.tail(SHOWN_LAST))


def masked_name(column: str) -> pl.Expr:
    """Mask a person's name: the first character stays, each other one becomes a star.

    >>> pl.DataFrame({"n": ["张三", "阿卜都·热合曼", "李"]}).select(masked_name("n"))["n"].to_list()
    ['张*', '阿******', '李*']
    """
    text = pl.col(column)
    stars = text.str.slice(1).str.replace_all(r"(?s).", "*")
    return pl.concat_str(text.str.head(1), pl.when(stars == "").then(pl.lit("*")).otherwise(stars))


def masked_household(column: str) -> pl.Expr:
    """Mask a household number: its last two characters stay.

    >>> pl.DataFrame({"h": ["030200123"]}).select(masked_household("h")).item()
    '****23'
    """
    return pl.concat_str(pl.lit("****"), pl.col(column).str.tail(2))


def masked_account(column: str) -> pl.Expr:
    """Mask an account number: its last four characters stay.

    >>> pl.DataFrame({"a": ["6222020200001234567"]}).select(masked_account("a")).item()
    '****4567'
    """
    return pl.concat_str(pl.lit("****"), pl.col(column).str.tail(SHOWN_LAST))


def masked_keys(rows: pl.DataFrame) -> pl.DataFrame:
    """Mask the ids of persons and households in keys, by their kind or else by their form.

    >>> masked_keys(pl.DataFrame({"subject_id": ["370302198503151234"]})).item()
    '370302********1234'
    """

    def masked(role: str) -> pl.Expr:
        column = f"{role}_id"
        is_person = pl.col(column).str.contains(PERSON_ID_FORM)
        is_household = pl.lit(False)
        if f"{role}_kind" in rows:
            is_person |= pl.col(f"{role}_kind") == "person"
            is_household = pl.col(f"{role}_kind") == "household"
        return (
            pl.when(is_person)
            .then(masked_person_id(column))
            .when(is_household)
            .then(masked_household(column))
            .otherwise(pl.col(column))
            .alias(column)
        )

    return rows.with_columns(masked(r) for r in ("subject", "beneficiary") if f"{r}_id" in rows)


def without_person_ids(text: str) -> str:
    """Take out of a page whatever looks like a person id (in a file's name, say)."""
    return CITIZEN_ID.sub(word("person_id_hidden"), text)


def without_long_numbers(text: str) -> str:
    """Take out of a text whatever could be an id or an account: a file may be named after a person.

    >>> without_long_numbers("张三370302199001011234.csv:7")
    '张三（号码已隐去）.csv:7'
    """
    return LONG_NUMBER.sub(word("long_number_hidden"), text)
