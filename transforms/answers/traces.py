"""Positive evidence: the last trace that a person left before the end of what is paid for.

It certifies by behaviour, not by a visit, and moves no money: a line without a trace in so many
months is a finding, for a person to look into.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms.answers.source_rows import AT
from transforms.money.entitlements import FINDING_COLUMNS, KEY
from transforms.policies.cards import month_of
from transforms.words import Language, word

BACKINGS = ("strong", "weak", "none")
PAID = ("payable", "nothing_due")
LINE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys((*KEY, "status"), pl.String()),
    "person_key": pl.Int64(),
    "until_on": pl.Date(),
}
TRACE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys((*KEY, "status"), pl.String()),
    **{"until_on": pl.Date(), "trace": pl.String(), "trace_on": pl.Date()},
    **{"strength": pl.String(), "strong_trace": pl.String(), "strong_on": pl.Date()},
    "backing": pl.String(),
}
INSURED_BY = ("养老", "医疗", "失业")
OTHER_DECISIONS = ("recovery", "same_person")


@dataclass(frozen=True)
class TraceCount:
    """How the paid lines of one policy are backed; the age is that of the last trace, in days."""

    policy_id: str
    strong: int
    weak: int
    none: int
    median_age_days: int | None
    no_person: int


def traced_lines(entitlements: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Return the lines that are paid, or were, for a person, each with the day traces count up to.

    Rows:    returns  LINE_SCHEMA; until_on: the period's last day, or the as-of date before it
    """
    year, month = pl.col("period").str.head(4), pl.col("period").str.slice(5, 2)
    first = pl.concat_str(year, pl.when(month == "").then(pl.lit("12")).otherwise(month))
    last_day = first.str.to_date("%Y%m").dt.month_end()
    return entitlements.filter(
        pl.col("status").is_in(PAID), pl.col("subject_kind") == "person"
    ).select(
        *KEY,
        "status",
        pl.col("subject_id").str.head(17).cast(pl.Int64).alias("person_key"),
        pl.min_horizontal(last_day, pl.lit(as_of)).alias("until_on"),
    )


def trace_findings(traces: pl.DataFrame) -> pl.DataFrame:
    """Say which persons would be paid without a trace in the months asked for.

    Rows:    traces   TRACE_SCHEMA; returns one per payable line without one, sorted
    """
    unbacked = traces.filter(pl.col("backing") == "none", pl.col("status") == "payable")
    details = [_detail(row) for row in unbacked.iter_rows(named=True)]
    return unbacked.select(
        pl.lit("paid_without_trace").alias("finding"),
        pl.lit("warning").alias("severity"),
        "policy_id",
        "subject_kind",
        "subject_id",
        pl.Series("detail", details, dtype=pl.String),
    ).sort(FINDING_COLUMNS)


def _detail(row: Mapping[str, Any]) -> str:
    line = f"{row['period']}, paid to {row['beneficiary_id']}"
    if row["trace_on"] is None:
        return f"{line}: no trace up to {row['until_on']}"
    age = (row["until_on"] - row["trace_on"]).days
    return f"{line}: last trace {row['trace_on']} ({row['trace']}), {age} days before the end"


def count_traces(traces: pl.DataFrame, entitlements: pl.DataFrame) -> tuple[TraceCount, ...]:
    """Count paid lines by policy and backing; those about no person are counted apart.

    Rows:    traces  TRACE_SCHEMA, of the same run's entitlements
    Holds:   strong + weak + none + no_person are all lines that are paid
    """
    paid = entitlements.filter(pl.col("status").is_in(PAID))
    lines = dict(paid.group_by("policy_id").len().iter_rows())
    age = (pl.col("until_on") - pl.col("trace_on")).dt.total_days()
    aged = traces.with_columns(age.alias("age_days"))
    counts = []
    for policy_id in sorted(lines):
        of = aged.filter(pl.col("policy_id") == policy_id)
        rows = dict(of.group_by("backing").len().iter_rows())
        ages = of["age_days"].drop_nulls().sort().to_list()
        middle = ages[(len(ages) - 1) // 2] if ages else None
        by_backing = {name: rows.get(name, 0) for name in BACKINGS}
        apart = lines[policy_id] - of.height
        assert apart >= 0, policy_id
        counts.append(TraceCount(policy_id, **by_backing, median_age_days=middle, no_person=apart))
    return tuple(counts)


def rows_left_by(trace: str, on: date) -> pl.Expr:
    """Say which visible rows of a person left a trace of that kind on that day.

    Holds:   the same rows that sql/traces goes by, but for refunds (see without_refunded)
    """
    month = month_of(on)
    arrived = pl.col("state") == "已到账"
    if trace in ("trace_on_time", "trace_late"):
        insured = (pl.col("month") == month) & pl.col("insurance").is_in(INSURED_BY)
        on_time = (pl.col("entry") == "正常") & arrived
        late = (pl.col("entry") != "退费") & (arrived | (pl.col("state") == "缓缴")) & ~on_time
        return insured & (on_time if trace == "trace_on_time" else late)
    return {
        "trace_attended": pl.col("worked_on") == on,
        "trace_wage": (pl.col("paid_on") == on) & (pl.col("net_fen") > 0),
        "trace_unemployed": pl.col("registered_on") == on,
        "trace_benefit": pl.lit(month).is_between("from_month", "to_month"),
        "trace_contract": pl.col("starts_on") == on,
        "trace_graduation": pl.col("graduated_on") == on,
        "trace_decision": (pl.col("decided_on") == on)
        & (pl.col("decision") == "是")
        & ~pl.col("provision").is_in(OTHER_DECISIONS),
    }[trace]


def without_refunded(contributions: pl.DataFrame) -> pl.DataFrame:
    """Leave out the months of a person, unit and insurance that were refunded (rulebook §1).

    Rows:    contributions  visible rows of one person
    """
    keys = ["unit_no", "insurance", "month"]
    arrived = contributions.filter(pl.col("state") == "已到账").group_by(keys)
    refunded = arrived.agg(
        (pl.col("entry") == "退费").any().alias("is_refunded"),
        (pl.col("unit_fen") + pl.col("person_fen")).sum().alias("arrived_fen"),
    ).filter("is_refunded", pl.col("arrived_fen") <= 0)
    return contributions.join(refunded, on=keys, how="anti", nulls_equal=True)


def trace_lines(told: Mapping[str, Any], language: Language = "en") -> list[str]:
    """Write the last trace of an explained row as lines a person reads."""
    if not told["is_person"]:
        return ["  last trace   not a person: an employer leaves no trace of life"]
    backing = word(f"backing_{told['backing']}", language)
    lines = [f"  backed       {backing}, up to {told['until_on']}"]
    for left in told["traces"]:
        named, strength = (word(left[name], language) for name in ("trace", "strength"))
        at = ", ".join(found[AT] for found in left["rows"][:1])
        lines += [
            f"  last trace   {left['trace_on']}  {named} ({strength}), "
            f"days before: {left['age_days']}  {at}, rows: {left['row_count']}",
            f"               {left['reason']}",
        ]
    return lines
