"""Doubts: lines that look like what audits found elsewhere; each moves no money by itself."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.words import said_column, word, words_column

# What the run found about a line's parties (sql/findings): audit_findings.sql tells it of the line.
AUDIT_FINDINGS = (
    *("payroll_after_end", "attended_on_benefit", "short_insured", "claimants_employer"),
    *("window_insured", "split_employer", "shifted_staff"),
)
# Each of the others is a file of sql/review/doubts, in which its pattern stands.
DOUBTS = (
    *("shared_account", "account_of_other", "returned_account", "paid_after_end"),
    *("paid_under_other_id", "paid_beyond_limit", "asked_back_beside"),
    *("faulty_row", "granted_without_id", "booked_twice"),
    *AUDIT_FINDINGS,
    *("round_sum", "paid_without_trace"),
)
DOUBT_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("doubt", "policy_id", "period", "subject_kind", "subject_id"), pl.String()),
    **dict.fromkeys(("beneficiary_kind", "beneficiary_id", "payment_id"), pl.String()),
    "amount_fen": pl.Int64(),
    "found_count": pl.Int64(),
    "found": pl.String(),
}
LONGEST_FOUND = 120


def doubts_table(
    doubts: pl.DataFrame, titles: Mapping[str, str], parties: pl.DataFrame
) -> pl.DataFrame:
    """Lay doubts out for people: the doubt, the line, what was found, where such was found before.

    Rows:    doubts  DOUBT_SCHEMA; returns one per doubt, in the order of DOUBTS
    """
    order = {code: place for place, code in enumerate(DOUBTS)}
    names = parties.select("subject_kind", "subject_id", "subject_name")
    return (
        doubts.with_columns(pl.col("found").str.head(LONGEST_FOUND))
        .join(names, on=["subject_kind", "subject_id"], how="left", validate="m:1")
        .sort(pl.col("doubt").replace_strict(order), "subject_id", "period", "payment_id")
        .select(
            pl.int_range(1, pl.len() + 1).cast(pl.Int64).alias("number"),
            words_column("doubt").alias("doubt"),
            pl.col("policy_id").replace(titles).alias("policy_title"),
            "period",
            "subject_id",
            pl.col("subject_name").fill_null(""),
            "beneficiary_id",
            "amount_fen",
            _clue().alias("clue"),
            _in_words({code: pl.lit(word(f"source_{code}")) for code in DOUBTS}).alias("pattern"),
        )
    )


def doubt_counts(doubts: pl.DataFrame) -> dict[str, int]:
    """Count the doubts by their kind, in the order of DOUBTS; none is 0."""
    found = dict(doubts.group_by("doubt").len().iter_rows())
    return {code: int(found.get(code, 0)) for code in DOUBTS}


def _clue() -> pl.Expr:
    by, found = "found_count", "found"
    return _in_words(
        {
            "shared_account": said_column("shared_account_clue", count=by, found=found),
            "account_of_other": said_column("account_of_other_clue", count=by, found=found),
            "returned_account": said_column("returned_account_clue", found=found),
            "paid_after_end": said_column("paid_after_end_clue", count=by, found=found),
            "paid_under_other_id": said_column("paid_under_other_id_clue", count=by, found=found),
            "paid_beyond_limit": said_column("paid_beyond_limit_clue", count=by, found=found),
            "asked_back_beside": said_column("asked_back_beside_clue", count=by, found=found),
            "faulty_row": said_column("faulty_row_clue", count=by, found=found),
            "granted_without_id": said_column("granted_without_id_clue", count=by, found=found),
            "booked_twice": said_column("booked_twice_clue", count=by, found=found),
            "payroll_after_end": said_column("payroll_after_end_clue", found=found),
            "attended_on_benefit": said_column("attended_on_benefit_clue", found=found),
            "short_insured": said_column("short_insured_clue", found=found),
            "claimants_employer": said_column("claimants_employer_clue", found=found),
            "window_insured": said_column("window_insured_clue", found=found),
            "split_employer": said_column("split_employer_clue", found=found),
            "shifted_staff": said_column("shifted_staff_clue", found=found),
            "round_sum": said_column("round_sum_clue", count=by, found=found),
            "paid_without_trace": said_column("paid_without_trace_clue", found=found),
        }
    )


def _in_words(by_doubt: Mapping[str, pl.Expr]) -> pl.Expr:
    said = pl.lit("")
    for code, expression in by_doubt.items():
        said = pl.when(pl.col("doubt") == code).then(expression).otherwise(said)
    return said
