"""A batch's lines and instructions as people read them: what the review's sheets show."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from transforms.money.payees import DESTINATION, PAYEE
from transforms.words import words_column

LINE_COLUMNS = (
    *("number", "policy_title", "period", "subject_id", "beneficiary_id", "holder", "account_no"),
    *("determined_fen", "paid_before_fen", "paid_now_fen", "instruction_number"),
    *("verdict", "remark"),
)
INSTRUCTION_COLUMNS = (
    *("number", "policy_title", *PAYEE, *DESTINATION, "amount_fen", "line_count", "payment_id"),
)


def line_sheet_table(
    manifest: Mapping[str, Any], instructions: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Lay out the sheet of lines exactly as it is shown; verdict and remark are empty.

    Rows:    instructions, lines  of the batch; returns one per line, in their order
    """
    accounts = instructions.select(
        "payment_id", *DESTINATION, pl.int_range(1, pl.len() + 1).alias("instruction_number")
    )
    # Many lines to one instruction.
    paid = lines.join(accounts, on="payment_id", how="left", validate="m:1", maintain_order="left")
    shown = paid.rename({"amount_fen": "paid_now_fen"})
    return _table(shown, LINE_COLUMNS, manifest.get("titles", {}))


def instruction_table(manifest: Mapping[str, Any], instructions: pl.DataFrame) -> pl.DataFrame:
    """Lay out the sheet of payment instructions as it is shown."""
    return _table(instructions, INSTRUCTION_COLUMNS, manifest.get("titles", {}))


def _table(rows: pl.DataFrame, columns: Sequence[str], titles: Mapping[str, str]) -> pl.DataFrame:
    """Lay rows out for people: numbered, policies by their titles, codes in words."""
    return rows.select(
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        words_column("beneficiary_kind"),
        pl.exclude("beneficiary_kind"),
        pl.lit("").alias("verdict"),
        pl.lit("").alias("remark"),
    ).select(columns)
