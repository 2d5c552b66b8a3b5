"""A batch's sums by policy, town and employer, each with its share of the whole."""

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.money.payees import PAYEE
from transforms.words import word

SHARE_UNITS = 10_000


def sums_of(
    lines: pl.DataFrame, parties: pl.DataFrame, titles: Mapping[str, str]
) -> dict[str, pl.DataFrame]:
    """Add a batch up by policy, by the payee's town, and by the employer that is paid.

    Rows:    lines    of the batch; parties: one per party, with subject_name and division_code
             returns  by "policy", "town", "employer": identifier, subject_name, line_count,
                      payee_count, amount_fen, amount_share; the largest first
    Units:   fen; amount_share in 1/10,000, down
    Holds:   each adds up to the batch; who has no town is 未知, persons are one row of employers
    """
    known = parties.rename({"subject_kind": PAYEE[0], "subject_id": PAYEE[1]})
    named = lines.join(known, on=PAYEE, how="left", validate="m:1")
    is_employer = pl.col("beneficiary_kind") == "employer"
    named_by = {
        "policy": [pl.col("policy_id"), pl.col("policy_id").replace(titles)],
        "town": [pl.col("division_code").fill_null(""), _unless_empty("division_code", "unknown")],
        "employer": [
            pl.when(is_employer).then("beneficiary_id").otherwise(pl.lit("")),
            pl.when(is_employer).then("subject_name").otherwise(pl.lit(word("paid_to_persons"))),
        ],
    }
    return {by: _sums(named, columns) for by, columns in named_by.items()}


def _unless_empty(name: str, code: str) -> pl.Expr:
    return pl.col(name).fill_null(pl.lit(word(code)))


def _sums(lines: pl.DataFrame, named_by: Sequence[pl.Expr]) -> pl.DataFrame:
    identifier, name = named_by
    total = int(lines["amount_fen"].sum())
    return (
        lines.group_by(identifier.alias("identifier"), name.fill_null("").alias("subject_name"))
        .agg(
            pl.len().cast(pl.Int64).alias("line_count"),
            pl.struct(PAYEE).n_unique().cast(pl.Int64).alias("payee_count"),
            pl.col("amount_fen").sum(),
        )
        .with_columns(share_of("amount_fen", total))
        .sort("amount_fen", "identifier", descending=[True, False])
    )


def share_of(name: str, total: int) -> pl.Expr:
    """Return what part of a total each amount is, in 1/10,000, down.

    >>> pl.DataFrame({"amount_fen": [1, 2]}).select(share_of("amount_fen", 3)).to_series().to_list()
    [3333, 6666]
    """
    # An amount is below 10^15 fen (sheets/rows.py): what is multiplied here is far below 2^63.
    return (pl.col(name) * SHARE_UNITS // max(total, 1)).alias("amount_share")
