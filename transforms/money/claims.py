"""When money that was paid may be asked back: a row speaks against it, or a clerk decided so."""

from typing import Any

import polars as pl

from transforms.money.exclusions import ROW

# Why money that is not determined any more may be asked back, or why not; `cause_rows`: file:line.
CAUSE_SCHEMA: dict[str, Any] = {
    ROW: pl.UInt32(),
    "is_claim": pl.Boolean(),
    "cause": pl.String(),
    "cause_rows": pl.String(),
}
CLERK = {True: "clerk_decided", False: "clerk_kept"}


def claimed_rows(settled: pl.DataFrame) -> pl.DataFrame:
    """Return the rows for which more was paid than is determined now."""
    return settled.filter(pl.col("open_fen") < 0)


def settle_claims(
    claims: pl.DataFrame, causes: pl.DataFrame, answers: pl.DataFrame
) -> pl.DataFrame:
    """Let a clerk's decision stand where no row of tonight speaks against what was paid.

    Rows:    claims   as claimed_rows; causes: CAUSE_SCHEMA, one per claim
             answers  a clerk's decisions `recovery`, one per row's key
             returns  CAUSE_SCHEMA, one per claim
    Source:  rulebook §4.4
    """
    keys = ["policy_id", "period", "subject_id", "beneficiary_id"]
    decided = claims.select(ROW, *keys).join(answers, on=keys, how="left", validate="m:1")
    by_clerk = pl.col("is_yes").is_not_null() & ~pl.col("is_claim")
    said = pl.col("is_yes").replace_strict(CLERK, return_dtype=pl.String, default=None)
    return (
        causes.join(decided.select(ROW, "is_yes"), on=ROW, how="left", validate="1:1")
        .with_columns(
            pl.when(by_clerk).then(said).otherwise("cause").alias("cause"),
            (pl.col("is_claim") | (by_clerk & pl.col("is_yes"))).alias("is_claim"),
        )
        .select(list(CAUSE_SCHEMA))
    )
