"""Ids and names as they may leave the bureau: enough to find a case, too little to name anyone."""

import polars as pl

SHOWN_FIRST, SHOWN_LAST = 6, 4


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
