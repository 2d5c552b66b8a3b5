"""From determinations to what is due: exclusions, netting, holds, one status per row."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.money.claims import IN_PART
from transforms.money.exclusion_file import Exclusion
from transforms.money.exclusions import (
    NONE_ABSENT,
    ROW,
    contradicting_answers,
    settle_by_clerk,
    settle_larger_stands,
)
from transforms.policies.cards import PolicyStatus, Reach

KEY = ["policy_id", "period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id"]
ENTITLEMENT_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEY, pl.String()),
    **dict.fromkeys(["determined_fen", "paid_before_fen", "due_fen"], pl.Int64()),
    **dict.fromkeys(["status", "reason", "cause", "cause_rows"], pl.String()),
}
OUTSIDE_SPAN = "outside_span"
FINDING_COLUMNS = ["finding", "severity", "policy_id", "subject_kind", "subject_id", "detail"]
STATUSES = ("recovery", "unsupported", "superseded", "conflict", "nothing_due", "held", "payable")


def net_against_ledger(
    eligible: pl.DataFrame, paid: pl.DataFrame, periods: Mapping[tuple[str, str], bool]
) -> pl.DataFrame:
    """Set what is determined against what was paid or signed for the same key.

    Rows:    eligible  one per key, amount_fen
             paid      one per line paid and not returned, or signed and not yet released
             periods   as compared_periods: (policy, period) and whether it is outside the span
             returns   one per eligible key, and one per key paid of such a period
    Units:   fen
    Source:  rulebook §4.2, §4.4
    Raises:  ContractError if an eligible key occurs twice
    """
    paid_sums = paid.group_by(KEY).agg(pl.col("amount_fen").sum().alias("paid_before_fen"))
    determined = eligible.select(
        *KEY, pl.col("amount_fen").alias("determined_fen"), pl.lit(True).alias("is_eligible")
    )
    if determined.select(KEY).is_duplicated().any():
        raise ContractError("an eligible determination occurs twice")
    compared = pl.DataFrame(
        [(*pair, is_outside) for pair, is_outside in periods.items()],
        schema={"policy_id": pl.String, "period": pl.String, "is_outside": pl.Boolean},
        orient="row",
    )
    return (
        determined.join(paid_sums, on=KEY, how="full", coalesce=True, validate="1:1")
        .join(compared, on=["policy_id", "period"], how="left", validate="m:1")
        .with_columns(
            pl.col("is_eligible").fill_null(False),
            pl.col("determined_fen").fill_null(0),
            pl.col("paid_before_fen").fill_null(0),
        )
        # Money paid under a policy that did not run, or for a month that is yet to come, is
        # neither due nor to be asked back: there is nothing to compare it with.
        .filter(
            pl.col("is_eligible")
            | (pl.col("is_outside").is_not_null() & pl.col("paid_before_fen").ne(0))
        )
        .with_columns(pl.col("is_outside").fill_null(False))
        .sort(KEY)
        .with_row_index(ROW)
    )


def settle_exclusions(
    netted: pl.DataFrame,
    exclusions: Sequence[Exclusion],
    answers: pl.DataFrame,
    absent: Mapping[str, bool] = NONE_ABSENT,
) -> pl.DataFrame:
    """Apply the exclusions in their order.

    Rows:    netted   one per key; answers: a clerk's decisions `conflict`, one per row's key
             absent   policies that did not run, and whether they should have
             returns  the same, plus superseded_by and conflict_with (null where they do not apply)
    """
    settled = netted.with_columns(
        pl.lit(None, pl.String).alias("superseded_by"),
        pl.lit(None, pl.String).alias("conflict_with"),
    )
    for exclusion in exclusions:
        if exclusion.form == "larger_stands":
            settled = settle_larger_stands(settled, exclusion)
        else:
            settled = settle_by_clerk(settled, exclusion, answers, absent)
    return settled.with_columns(
        (pl.col("determined_fen") - pl.col("paid_before_fen")).alias("open_fen")
    )


def open_rows(settled: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that would be paid now, were nothing in the way of the account."""
    return settled.filter(
        (pl.col("open_fen") > 0)
        & pl.col("superseded_by").is_null()
        & pl.col("conflict_with").is_null()
    )


def decide_statuses(
    settled: pl.DataFrame, holds: pl.DataFrame, causes: pl.DataFrame
) -> pl.DataFrame:
    """Give each row its status, the first that applies, with the reason and what is due.

    Rows:    settled  one per key; holds: row_number and hold_reason of rows that can't be paid
             causes   CAUSE_SCHEMA, one for each row with more paid than is determined
             returns  the contract's entitlements, sorted by key
    Units:   fen
    Holds:   due_fen + paid_before_fen == determined_fen where payable or held, or recovery of all;
             due_fen is 0 elsewhere
    Source:  rulebook §4.2
    """
    is_due = pl.col("status").is_in(["recovery", "held", "payable"])
    entitlements = (
        settled.join(holds, on=ROW, how="left", validate="1:1")
        .join(causes, on=ROW, how="left", validate="1:1")
        .with_columns(_status().alias("status"), pl.col("cause", "cause_rows").fill_null(""))
        .with_columns(
            pl.when((pl.col("status") == "recovery") & ~pl.col("is_claim"))
            .then(-pl.col("sure_fen"))
            .when(is_due)
            .then("open_fen")
            .otherwise(0)
            .alias("due_fen"),
            _reason().alias("reason"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in ENTITLEMENT_SCHEMA.items())
        .sort(KEY)
    )
    check_entitlements(entitlements)
    return entitlements


def _status() -> pl.Expr:
    open_fen = pl.col("open_fen")
    statuses = {
        "recovery": (open_fen < 0) & (pl.col("is_claim") | (pl.col("sure_fen") > 0)),
        "unsupported": open_fen < 0,
        "superseded": pl.col("superseded_by").is_not_null(),
        "conflict": pl.col("conflict_with").is_not_null(),
        "nothing_due": open_fen == 0,
        "held": pl.col("hold_reason").is_not_null(),
        "payable": pl.lit(True),
    }
    return pl.coalesce(pl.when(is_so).then(pl.lit(code)) for code, is_so in statuses.items())


def _reason() -> pl.Expr:
    paid_more = (
        pl.when("is_eligible")
        .then(pl.lit("less_determined"))
        .when("is_outside")
        .then(pl.lit(OUTSIDE_SPAN))
        .otherwise(pl.lit("not_eligible"))
    )
    return (
        pl.when(pl.col("status").is_in(["recovery", "unsupported"]))
        .then(paid_more)
        .when(pl.col("status") == "superseded")
        .then("superseded_by")
        .when(pl.col("status") == "conflict")
        .then("conflict_with")
        .when(pl.col("status") == "held")
        .then("hold_reason")
        .otherwise(pl.lit(""))
    )


def check_entitlements(entitlements: pl.DataFrame) -> None:
    """Assert what every entitlement promises.

    Raises:  ContractError naming the broken promise
    """
    due, status = pl.col("due_fen"), pl.col("status")
    left = due + pl.col("paid_before_fen") - pl.col("determined_fen")
    promises = {
        "due + paid before = determined": ~status.is_in(["payable", "held"]) | (left == 0),
        "no more is asked back than was paid": (status != "recovery") | (left >= 0),
        "payable and held are above zero": ~status.is_in(["payable", "held"]) | (due > 0),
        "recovery is below zero": (status == "recovery") == (due < 0),
        "settled rows are not due": status.is_in(["payable", "held", "recovery"]) | (due == 0),
        "more was paid than is determined where it is asked back, or can't be": status.is_in(
            ["recovery", "unsupported"]
        )
        == (pl.col("cause") != ""),
        "a reason stands where one is due": ~status.is_in(["superseded", "conflict", "held"])
        | (pl.col("reason") != ""),
    }
    for promise, holds in promises.items():
        if not entitlements.select(holds.fill_null(False).all()).item():
            raise ContractError(f"entitlements break a promise: {promise}")
    if entitlements.select(KEY).is_duplicated().any():
        raise ContractError("an entitlement occurs twice")


def money_findings(
    settled: pl.DataFrame,
    entitlements: pl.DataFrame,
    answers: pl.DataFrame,
    identity_conflicts: pl.DataFrame,
) -> pl.DataFrame:
    """Say what a person should look at: money paid on a row that is now excluded, and doubts.

    Rows:    settled, entitlements  one per key, before and after its status was decided
             identity_conflicts     person_id and cause, one per person and cause
             returns             findings, one per policy, subject and matter; sorted
    """
    # What is asked back already needs nobody's hand.
    kept = entitlements.filter(pl.col("status") != "recovery", pl.col("paid_before_fen") > 0)
    excluded = settled.join(kept, on=KEY, how="semi")
    is_unsupported = (pl.col("status") == "unsupported") | (pl.col("cause") == IN_PART)
    outside = entitlements.filter(is_unsupported, reason=OUTSIDE_SPAN)
    unsupported = entitlements.filter(is_unsupported, pl.col("reason") != OUTSIDE_SPAN)
    places = pl.concat_str(pl.lit("; "), "cause", pl.lit(": "), "cause_rows")
    parts = [
        money_finding(
            unsupported.with_columns(pl.concat_str("period", places).alias("period")),
            "paid_without_support",
            "more was paid than is determined now, and no row says that it was wrong; "
            "a clerk decides",
        ),
        money_finding(
            excluded.filter(pl.col("superseded_by").is_not_null()),
            "paid_then_superseded",
            "money was paid for a row that another policy supersedes; recover it by hand if due",
        ),
        money_finding(
            excluded.filter(pl.col("conflict_with").is_not_null()),
            "paid_then_in_conflict",
            "money was paid for a row that is now in conflict with another",
        ),
        money_finding(
            outside,
            "paid_outside_span",
            "money was paid for a period outside the policy's span as it is now; nothing is asked "
            "back",
        ),
        money_finding(
            contradicting_answers(settled, answers),
            "conflict_decisions_contradict",
            "a clerk let two rows of one person's month stand; that settles nothing",
        ),
        _doubts(identity_conflicts),
    ]
    return pl.concat(parts).select(FINDING_COLUMNS).unique().sort(FINDING_COLUMNS)


def _doubts(identity_conflicts: pl.DataFrame) -> pl.DataFrame:
    return identity_conflicts.select(
        pl.lit("identity_conflict").alias("finding"),
        pl.lit("warning").alias("severity"),
        pl.lit("").alias("policy_id"),
        pl.lit("person").alias("subject_kind"),
        pl.col("person_id").alias("subject_id"),
        pl.col("cause").alias("detail"),
    )


def money_finding(rows: pl.DataFrame, finding: str, detail: str) -> pl.DataFrame:
    """Make of rows of money findings; what differs stands in their period, behind the detail."""
    return rows.select(
        pl.lit(finding).alias("finding"),
        pl.lit("warning").alias("severity"),
        "policy_id",
        "subject_kind",
        "subject_id",
        pl.concat_str(pl.lit(f"{detail}: "), "period").alias("detail"),
    )


def compared_periods(
    paid: pl.DataFrame, policies: Mapping[str, PolicyStatus], spans: Mapping[str, Reach]
) -> dict[tuple[str, str], bool]:
    """Say of (policy, period) pairs of money paid whether they are outside the span.

    Rows:    paid     one per paid line; policies: what became of each; spans: reached on any day
             returns  those outside, and those inside that this run can speak about
    Source:  rulebook §4.4
    """
    pairs = paid.select("policy_id", "period").unique().sort("policy_id", "period").iter_rows()
    outside = {(name, of): name in spans and not spans[name].covers(of) for name, of in pairs}
    return {
        (name, period): is_outside
        for (name, period), is_outside in outside.items()
        if is_outside or (name in policies and policies[name].reaches(period))
    }
