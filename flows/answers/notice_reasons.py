"""Adds to the lines of notices which conditions each lacks: those not met, those not known."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from transforms.answers.not_known import with_not_known
from transforms.money.entitlements import KEY

# Of more paid or signed than is determined the letter says what the newest run says of it.
ASKED_WHY = ("recovery", "unsupported")


def refused_lines(
    folder: Path, told: Sequence[str], unheard: Sequence[str], without: pl.DataFrame
) -> pl.DataFrame:
    """Return a run's determinations of some outcomes, with their reasons.

    Of policies that nobody hears of, and of keys that have a line, there are none.

    Rows:    returns  as determined, the outcome as `status`; reason_codes, not_known, and
                      is_objected where an objection to it is still open
    """
    is_told = pl.col("outcome").is_in(told) & ~pl.col("policy_id").is_in(unheard)
    rows = _determined(folder).filter(is_told)
    refused = _with_reasons(folder, rows.join(without.lazy(), on=KEY, how="anti"))
    path = folder / "objections.parquet"
    if not path.is_file():
        return refused
    is_open = pl.col("objection_state") == "answered"
    keys = pl.scan_parquet(path).filter(is_open).select(KEY).unique().collect()
    objected = keys.with_columns(is_objected=pl.lit(value=True))
    return refused.join(objected, on=KEY, how="left", validate="1:1")


def with_reasons(folder: Path, lines: pl.DataFrame) -> pl.DataFrame:
    """Add to lines of more paid or signed than is determined what the run found them to lack.

    Rows:    returns  the same, and reason_codes and not_known, null of any other line
    """
    asked = lines.filter(pl.col("status").is_in(ASKED_WHY)).lazy().select(KEY)
    rows = _determined(folder).filter(pl.col("outcome") != "eligible")
    found = _with_reasons(folder, rows.join(asked, on=KEY, how="semi"))
    codes = pl.col("reason_codes")
    is_open = pl.col("status") == "undetermined"
    not_known = pl.when(is_open).then(codes).otherwise("not_known").alias("not_known")
    return lines.join(found.select(*KEY, codes, not_known), on=KEY, how="left", validate="1:1")


def _determined(folder: Path) -> pl.LazyFrame:
    return pl.scan_parquet(folder / "determinations.parquet")


def _with_reasons(folder: Path, rows: pl.LazyFrame) -> pl.DataFrame:
    named = rows.collect().rename({"outcome": "status", "amount_fen": "determined_fen"})
    policies = folder / "policies"
    return with_not_known(named, lambda one: pl.scan_parquet(policies / f"{one}.parquet"))
