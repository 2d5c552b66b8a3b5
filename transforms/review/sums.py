"""A batch's sums by policy, town and employer, each with its share of the whole."""

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.amounts import share_in
from transforms.answers.trend import town_names
from transforms.money.payees import PAYEE
from transforms.words import word


def sums_of(
    lines: pl.DataFrame, parties: pl.DataFrame, titles: Mapping[str, str]
) -> dict[str, pl.DataFrame]:
    """Add a batch up by policy, by the payee's town, and by the employer that is paid.

    Rows:    lines    of the batch; parties: one per party, with subject_name and town
             returns  by "policy", "town", "employer": identifier, subject_name, line_count,
                      payee_count, amount_fen, amount_share; the largest first
    Units:   fen; amount_share in 1/10,000, half up
    Holds:   each adds up to the batch; who has no town is 未知, persons are one row of employers
    """
    known = parties.rename({"subject_kind": PAYEE[0], "subject_id": PAYEE[1]})
    named = lines.join(known, on=PAYEE, how="left", validate="m:1")
    is_employer = pl.col("beneficiary_kind") == "employer"
    named_by = {
        "policy": [pl.col("policy_id"), pl.col("policy_id").replace(titles)],
        "town": [town().fill_null(""), town().fill_null(pl.lit(word("unknown")))],
        "employer": [
            pl.when(is_employer).then("beneficiary_id").otherwise(pl.lit("")),
            pl.when(is_employer).then("subject_name").otherwise(pl.lit(word("paid_to_persons"))),
        ],
    }
    return {by: _sums(named, columns) for by, columns in named_by.items()}


def town() -> pl.Expr:
    """Name a `town`; one whose name is not known stays as it is.

    >>> codes = pl.DataFrame({"town": ["370302005", "370303001", None]})
    >>> codes.select(town()).to_series().to_list()
    ['将军路街道', '370303001', None]
    """
    return pl.col("town").replace(town_names())


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
    """Return what part of a total each amount is, in 1/10,000, half up.

    >>> pl.DataFrame({"amount_fen": [1, 2]}).select(share_of("amount_fen", 3)).to_series().to_list()
    [3333, 6667]
    """
    return share_in(pl.col(name), max(total, 1)).alias("amount_share")
