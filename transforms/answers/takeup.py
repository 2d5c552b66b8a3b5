"""应享已享: of what a run determined, what has arrived, what is on its way, what waits for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from transforms.answers.omitted import naming_somebody
from transforms.errors import ContractError
from transforms.money.entitlements import KEY
from transforms.money.exclusion_file import Exclusion

# Where each 分 that is determined is, in the order in which it is looked for.
PLACES = ("paid", "signed", "drafted", "returned", "conflict", "held")
# A row counts once: under the first of these that something of it is missing for, else as paid.
MISSING = ("conflict", "held", "returned", "drafted", "signed")
FENS, ROWS_NAMED = ([f"{place}_{unit}" for place in PLACES] for unit in ("fen", "rows"))
RANKS = {"median_days": 50, "p95_days": 95}
GROUP = ("policy_id", "period")
SUMMED = ["rows", "entitled_fen", *FENS, *ROWS_NAMED]
SUMMED += ["came_back_rows", "undetermined_rows", "to_recover_fen"]
TAKEUP_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(GROUP, pl.String()),
    **dict.fromkeys((*SUMMED, "set_aside_rows", "arrived_rows", *RANKS), pl.Int64()),
}
# What the ledger and the batches say of a key: `place` is one of PLACES or `returns` (ever).
LINE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEY, pl.String()),
    **{"amount_fen": pl.Int64(), "place": pl.String(), "executed_on": pl.Date()},
}
NOT_COUNTED = ["superseded", "unsupported"]
YEAR = 4


def rows_taken_up(
    entitlements: pl.DataFrame, lines: pl.DataFrame, exclusions: Iterable[Exclusion]
) -> pl.DataFrame:
    """Say of each row of a run where every 分 of it is.

    Paid is what was released and not returned, up to what is determined; drafted what lies in the
    run's own unsigned batches; returned what came back since the run and is in no batch; conflict
    and held what is left, held also what a person took out of its batch since.

    Rows:    lines    LINE_SCHEMA; what is paid under a row that another supersedes counts there
             returns  one per entitlement but superseded and unsupported: FENS, to_recover_fen,
                      signed_above_fen (signed beyond what is determined: nobody holds it),
                      is_counted (it is determined), came_back, executed_on of the last release
    Units:   fen
    Holds:   the six places add up to determined_fen, row by row
    Source:  rulebook §3b, take-up
    """
    sums = _where_it_stands(entitlements, lines, exclusions)
    rows = (
        entitlements.filter(~pl.col("status").is_in(NOT_COUNTED))
        .join(sums, on=KEY, how="left", validate="1:1")
        .with_columns(pl.col(*sums.drop(*KEY, "executed_on").columns).fill_null(0))
    )
    left = pl.col("determined_fen")
    for place in ("paid", "signed", "drafted", "returned"):
        found = pl.min_horizontal(f"{place}_sum", left).clip(lower_bound=0)
        rows = rows.with_columns(found.alias(f"{place}_fen"))
        left = left - pl.col(f"{place}_fen")
    in_conflict = pl.col("status") == "conflict"
    more = pl.col("paid_sum") - pl.col("determined_fen")
    return rows.with_columns(
        pl.when(in_conflict).then(left).otherwise(0).alias("conflict_fen"),
        pl.when(in_conflict).then(0).otherwise(left).alias("held_fen"),
        more.clip(lower_bound=0).alias("to_recover_fen"),
        (pl.col("signed_sum") - pl.col("signed_fen")).alias("signed_above_fen"),
        ((pl.col("determined_fen") > 0) | (pl.col("status") != "recovery")).alias("is_counted"),
        (pl.col("returns_sum") > 0).alias("came_back"),
    ).select(
        *KEY,
        *("determined_fen", "paid_before_fen", "status", *FENS, "to_recover_fen"),
        *("signed_above_fen", "is_counted", "came_back", "executed_on"),
    )


def _where_it_stands(
    entitlements: pl.DataFrame, lines: pl.DataFrame, exclusions: Iterable[Exclusion]
) -> pl.DataFrame:
    """Add the lines up by key, those of a row that a larger one supersedes under that one.

    Rows:    returns  one per key: <place>_sum, returns_sum, executed_on
    """
    moved = [
        entitlements.filter(
            (pl.col("status") == "superseded")
            & pl.col("policy_id").is_in(one.policies)
            & pl.col("reason").is_in(one.policies)
        ).select(*KEY, pl.col("reason").alias("stands"))
        for one in exclusions
        if one.form == "larger_stands"
    ]
    stands = pl.concat([entitlements.clear().select(*KEY, pl.lit("").alias("stands")), *moved])
    of_place = pl.col("amount_fen").filter
    return (
        lines.join(stands, on=KEY, how="left", validate="m:1")
        .with_columns(pl.coalesce("stands", "policy_id").alias("policy_id"))
        .group_by(KEY)
        .agg(
            *(
                of_place(pl.col("place") == place).sum().alias(f"{place}_sum")
                for place in ("paid", "signed", "drafted", "returned", "returns")
            ),
            pl.col("executed_on").filter(pl.col("place") == "paid").max(),
        )
    )


def expect_netted(rows: pl.DataFrame) -> None:
    """Check on the night itself that nothing stands elsewhere than the netting says.

    Raises:  ContractError naming the first sum that differs
    """
    of, due = pl.col("status"), pl.col("determined_fen") - pl.col("paid_before_fen")
    before = pl.sum_horizontal("paid_fen", "signed_fen", "to_recover_fen", "signed_above_fen")
    holds = {
        "paid_before_fen": before == pl.col("paid_before_fen"),
        "drafted_fen": pl.when(of == "payable").then(due).otherwise(0) == pl.col("drafted_fen"),
        "held_fen": pl.when(of == "held").then(due).otherwise(0) == pl.col("held_fen"),
        "returned_fen": pl.col("returned_fen") == 0,
    }
    for promise, held in holds.items():
        if not rows.select(held.all()).item():
            raise ContractError(f"the take-up breaks a promise: {promise}")


def with_days(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Count the days from the fact to the money, of rows of which something has arrived.

    Rows:    found    KEY and found_on: the day of the first finished run that found a yearly row
             returns  the same rows, plus fact_on and days; null where nothing was released yet
    Source:  rulebook §3b: from the last day of a month; a year's row from when it was found
    """
    is_month = pl.col("period").str.len_chars() > YEAR
    first = pl.concat_str(pl.col("period").str.slice(0, YEAR + 3), pl.lit("-01"))
    last_day = first.str.to_date("%Y-%m-%d", strict=False).dt.month_end()
    return (
        rows.join(found, on=KEY, how="left", validate="1:1")
        .with_columns(pl.when(is_month).then(last_day).otherwise("found_on").alias("fact_on"))
        .with_columns(
            pl.when(pl.col("paid_fen") > 0)
            .then((pl.col("executed_on") - pl.col("fact_on")).dt.total_days())
            .alias("days")
        )
        .drop("found_on")
    )


@dataclass(frozen=True)
class TakenUp:
    """A run's rows and where they are, with what stands beside them; added up when asked for.

    `undetermined`: rows by policy and period; `set_aside`: rows by policy, whatever the period.
    """

    rows: pl.DataFrame
    undetermined: pl.DataFrame
    set_aside: pl.DataFrame

    def by(self, *names: str) -> pl.DataFrame:
        """Add up by policy, or by policy and period.

        Rows:    returns  one per group, TAKEUP_SCHEMA without what it is not grouped by
        Units:   fen, days
        Holds:   the places add up to what is determined, and the rows of each to all rows
        """
        counted = self.rows.filter(pl.col("is_counted") | (pl.col("to_recover_fen") > 0))
        unknown = self.undetermined.group_by(names).agg(pl.col("undetermined_rows").sum())
        told = (
            counted.group_by(names)
            .agg(_sums())
            .join(unknown, on=names, how="full", coalesce=True, validate="1:1")
            .join(self.set_aside, on="policy_id", how="left", validate="m:1")
            .with_columns(pl.exclude(*names, *RANKS).fill_null(0))
            .select(
                pl.col(name).cast(dtype)
                for name, dtype in TAKEUP_SCHEMA.items()
                if name in names or name not in GROUP
            )
            .sort(names)
        )
        _expect_nothing_left(told)
        return told

    def total(self) -> dict[str, int | None]:
        """Add up all of it; a row set aside may stand for several policies and is not summed."""
        sums = self.rows.select(_sums()).with_columns(
            pl.lit(self.undetermined["undetermined_rows"].sum()).alias("undetermined_rows")
        )
        _expect_nothing_left(sums)
        (told,) = sums.to_dicts()
        return told

    def of_periods(self, first: str, last: str) -> "TakenUp":
        """Return what of it is of some months."""
        rows, undetermined = (
            of_periods(frame, first, last) for frame in (self.rows, self.undetermined)
        )
        return TakenUp(rows, undetermined, self.set_aside)


def of_periods(frame: pl.DataFrame, first: str, last: str) -> pl.DataFrame:
    """Return the rows of some months, both within; those of a year are of each of its months.

    >>> frame = pl.DataFrame({"period": ["2020", "2020-01", "2020-03"]})
    >>> of_periods(frame, "2020-02", "")["period"].to_list()
    ['2020', '2020-03']
    """
    period, is_year = pl.col("period"), pl.col("period").str.len_chars() == YEAR
    since, until = pl.lit(first), pl.lit(last or "9999-99")
    return frame.filter(
        pl.when(is_year)
        .then(period.is_between(since.str.head(YEAR), until.str.head(YEAR)))
        .otherwise(period.is_between(since, until))
    )


def _sums() -> list[pl.Expr]:
    counted, days = pl.col("is_counted"), pl.col("days").drop_nulls().sort()
    missing = pl.lit("paid")
    for place in reversed(MISSING):
        missing = pl.when(pl.col(f"{place}_fen") > 0).then(pl.lit(place)).otherwise(missing)
    arrived = days.len().cast(pl.Int64)
    # Nearest rank: the smallest number of days that so many in a hundred rows do not exceed.
    ranked = {name: (arrived * percent + 99) // 100 - 1 for name, percent in RANKS.items()}
    return [
        counted.sum().alias("rows"),
        pl.col("determined_fen").sum().alias("entitled_fen"),
        pl.col(*FENS, "to_recover_fen").sum(),
        *((counted & (missing == place)).sum().alias(f"{place}_rows") for place in PLACES),
        (counted & pl.col("came_back")).sum().alias("came_back_rows"),
        arrived.alias("arrived_rows"),
        *(days.get(place, null_on_oob=True).alias(name) for name, place in ranked.items()),
    ]


def _expect_nothing_left(told: pl.DataFrame) -> None:
    """Check that what is determined is all in one of the places, and each row under one.

    Raises:  ContractError if a 分 or a row is left
    """
    left = told.select(
        pl.col("entitled_fen") - pl.sum_horizontal(FENS),
        pl.col("rows") - pl.sum_horizontal(ROWS_NAMED),
    )
    if left.select(pl.any_horizontal(pl.all() != 0).any()).item():
        raise ContractError("the take-up does not add up to what is determined")


def found_in(entitlements: pl.LazyFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the keys, of those wanted, that a run found: determined, and not set aside."""
    is_found = ~pl.col("status").is_in(NOT_COUNTED) & (pl.col("determined_fen") > 0)
    return (
        entitlements.filter(is_found).select(KEY).join(wanted.lazy(), on=KEY, how="semi").collect()
    )


def undetermined_rows(determinations: pl.LazyFrame, policies: Sequence[str]) -> pl.DataFrame:
    """Count the rows of some policies that nobody can decide yet, by policy and period."""
    return (
        determinations.filter(
            (pl.col("outcome") == "undetermined") & pl.col("policy_id").is_in(policies)
        )
        .group_by(GROUP)
        .agg(pl.len().cast(pl.Int64()).alias("undetermined_rows"))
        .sort(GROUP)
        .collect()
    )


def set_aside_rows(quarantine: pl.DataFrame, reads: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Count the quarantined rows that name somebody, of the kinds that each policy reads.

    Rows:    reads    policy and kind; returns one per policy that reads such rows
    """
    schema = dict.fromkeys(("policy_id", "kind"), pl.String)
    readers = pl.DataFrame(reads, schema=schema, orient="row")
    return (
        naming_somebody(quarantine)
        .join(readers, on="kind", how="inner")
        .group_by("policy_id")
        .agg(pl.len().cast(pl.Int64()).alias("set_aside_rows"))
        .sort("policy_id")
    )
