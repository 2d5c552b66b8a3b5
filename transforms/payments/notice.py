"""The public notice (公示) of a batch: who is to be paid how much, persons masked, five days."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from transforms.masking import masked_name, masked_person_id
from transforms.payments.working_days import working_day_after
from transforms.words import words_column

NOTICE_DAYS = 5


def notice_window(as_of: date) -> tuple[date, date]:
    """Return the first and last day of the notice: five working days after the as-of date.

    >>> notice_window(date(2020, 4, 3))
    (datetime.date(2020, 4, 7), datetime.date(2020, 4, 13))
    """
    return working_day_after(as_of, 1), working_day_after(as_of, NOTICE_DAYS)


def notice_list(
    instructions: pl.DataFrame, titles: Mapping[str, str], window: tuple[date, date]
) -> pl.DataFrame:
    """Lay out the public notice of a batch.

    Rows:    instructions  as stored; returns one per instruction, in its order
    Holds:   no account, no payment id, of persons neither full id nor full name; units stay,
             their register is public
    """
    is_person = pl.col("beneficiary_kind") == "person"
    return instructions.select(
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace_strict(titles, return_dtype=pl.String).alias("policy_title"),
        words_column("beneficiary_kind").alias("subject_kind"),
        pl.when(is_person).then(masked_name("holder")).otherwise("holder").alias("subject_name"),
        pl.when(is_person)
        .then(masked_person_id("beneficiary_id"))
        .otherwise(pl.col("beneficiary_id"))
        .alias("identifier"),
        "amount_fen",
        pl.lit(window[0].isoformat()).alias("notice_from"),
        pl.lit(window[1].isoformat()).alias("notice_to"),
    )
