"""What a run's report says, in plain counts: no id, no name, no account of anybody.

The pipeline fills a RunSummary from what its stages made; the counting is done here, so that the
page and the run's manifest count in one way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from transforms.answers.deliveries import DeliveryState
from transforms.answers.traces import TraceCount
from transforms.gates import GateOutcome
from transforms.money.batches import DraftBatch
from transforms.policies.card_text import titled, value_text
from transforms.policies.cards import PolicyCard, PolicyStatus
from transforms.words import Said, said_of

OUTCOMES = ("eligible", "ineligible", "undetermined")


@dataclass(frozen=True)
class FileCount:
    """One delivered file; `by_rule` counts its quarantined rows by quarantine rule."""

    name: str
    kind: str
    rows: int
    accepted: int
    quarantined: int
    repaired: int
    by_rule: Mapping[str, int]


@dataclass(frozen=True)
class PolicyCount:
    """One policy: whether it ran, what it decided, what it costs, on which unproven numbers."""

    card: PolicyCard
    run: PolicyStatus
    periods: str
    outcomes: Mapping[str, int]
    eligible_fen: int
    reasons: Sequence[tuple[str, int]]
    unconfirmed: Sequence[str]


@dataclass(frozen=True)
class BatchCount:
    """One draft batch with its control totals; `marks` say why it can't be released yet."""

    batch_id: str
    fund: str
    instruction_count: int
    line_count: int
    total_fen: int
    marks: tuple[Said, ...]


@dataclass(frozen=True)
class RunSummary:
    """Everything the report shows. `stopped_at` is the boundary that stopped the run, or None.

    `warnings` and `notes` are what the stages said; they carry counts and file names only.
    `digests` are shown as they are: what the run rests on (rules, parameters, ledger, code).
    """

    run_id: str
    snapshot_id: str
    as_of: str
    stopped_at: str | None
    gates: Sequence[GateOutcome]
    files: Sequence[FileCount] = ()
    deliveries: Sequence[DeliveryState] = ()
    policies: Sequence[PolicyCount] = ()
    entitlements: Sequence[Mapping[str, Any]] = ()
    traces: Sequence[TraceCount] = ()
    batches: Sequence[BatchCount] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    taken_up: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[Said] = ()
    notes: Sequence[Said] = ()
    digests: Mapping[str, str] | None = None
    has_trend: bool = False
    region: Mapping[str, Any] | None = None
    damaged_ids: Mapping[str, int] | None = None


def count_files(
    files: Iterable[Mapping[str, Any]], quarantine: pl.DataFrame, repairs: pl.DataFrame
) -> tuple[FileCount, ...]:
    """Count the rows of each file by what became of them.

    Rows:    files       the snapshot manifest's entries: name, kind, rows, accepted, quarantined
             quarantine  one per quarantined row · repairs  one per repaired cell
    """
    by_rule = _nested(quarantine.group_by("source_file", "rule").len())
    rows_repaired = repairs.unique(["source_file", "source_line"]).group_by("source_file").len()
    repaired = dict(rows_repaired.iter_rows())
    return tuple(
        FileCount(
            **{name: entry[name] for name in ("name", "kind", "rows", "accepted", "quarantined")},
            repaired=repaired.get(entry["name"], 0),
            by_rule=by_rule.get(entry["name"], {}),
        )
        for entry in sorted(files, key=lambda entry: (entry["kind"], entry["name"]))
    )


def count_policies(
    cards: Mapping[str, PolicyCard],
    runs: Mapping[str, PolicyStatus],
    determinations: pl.LazyFrame,
) -> tuple[PolicyCount, ...]:
    """Count what each policy decided, in the order of the notice's items.

    Rows:    determinations  as in the contract; returns one per policy that was asked for
    """
    outcomes = _nested(determinations.group_by("policy_id", "outcome").len().collect())
    period, amounts = pl.col("period"), pl.col("amount_fen")
    sums = determinations.group_by("policy_id").agg(
        period.min().alias("first"),
        period.max().alias("last"),
        amounts.filter(pl.col("outcome") == "eligible").sum(),
    )
    of_policy = {name: rest for name, *rest in sums.collect().iter_rows()}
    reasons = _count_reasons(determinations)
    counted = []
    for name, run in sorted(runs.items(), key=lambda pair: (cards[pair[0]].item, pair[0])):
        first, last, eligible_fen = of_policy.get(name, ("", "", 0))
        titles = {one.name: one.title for one in cards[name].provisions}
        counted.append(
            PolicyCount(
                card=cards[name],
                run=run,
                periods=first if first == last else f"{first}–{last}",
                outcomes=outcomes.get(name, {}),
                eligible_fen=eligible_fen,
                reasons=[(titles.get(one, one), rows) for one, rows in reasons.get(name, ())],
                unconfirmed=_unconfirmed(run),
            )
        )
    return tuple(counted)


def _unconfirmed(run: PolicyStatus) -> list[str]:
    used = (one for one in run.parameters_used if not one["confirmed"])
    return sorted({f"{titled(one)} = {value_text(one)}" for one in used})


def _count_reasons(determinations: pl.LazyFrame) -> dict[str, list[tuple[str, int]]]:
    """Count how often each provision kept somebody out, the most frequent first.

    Rows:    a row with two reasons counts under both
    """
    counts = (
        determinations.select("policy_id", "reason_codes")
        .explode("reason_codes")
        .drop_nulls()
        .group_by("policy_id", "reason_codes")
        .len()
        .sort(["policy_id", "len", "reason_codes"], descending=[False, True, False])
        .collect()
    )
    reasons: dict[str, list[tuple[str, int]]] = {}
    for policy_id, reason, rows in counts.iter_rows():
        reasons.setdefault(policy_id, []).append((reason, rows))
    return reasons


def count_entitlements(entitlements: pl.DataFrame) -> list[dict[str, Any]]:
    """Count the entitlements by policy, status and reason.

    Rows:    returns  policy_id, status, reason (of what is held; else empty), rows, due_fen
    Units:   fen
    """
    # The reason of the others names other policies or nothing; of held, what to mend.
    reason = pl.when(pl.col("status") == "held").then("reason").fill_null("").alias("reason")
    counts = entitlements.group_by("policy_id", "status", reason).agg(
        pl.len().alias("rows"), pl.col("due_fen").sum()
    )
    return counts.sort("policy_id", "status", "reason").to_dicts()


def count_batches(batches: Iterable[DraftBatch]) -> tuple[BatchCount, ...]:
    """Take the control totals of each draft batch, and what keeps it from release."""
    return tuple(
        BatchCount(
            batch_id=batch.batch_id,
            fund=batch.fund,
            instruction_count=batch.manifest["control"]["instruction_count"],
            line_count=batch.manifest["control"]["line_count"],
            total_fen=batch.manifest["control"]["amount_fen"],
            marks=(said_of(batch.manifest["mark_said"]),) if batch.mark else (),
        )
        for batch in batches
    )


def count_findings(findings: pl.DataFrame) -> list[dict[str, Any]]:
    """Count the findings by sort, the severe ones first.

    Rows:    returns  finding, severity, policy_id, rows
    """
    counts = findings.group_by("finding", "severity", pl.col("policy_id").fill_null("")).agg(
        pl.len().alias("rows")
    )
    rank = pl.col("severity").replace_strict({"critical": 0, "warning": 1}, default=2)
    return counts.sort(rank, "finding", "policy_id").to_dicts()


def _nested(counts: pl.DataFrame) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for outer, inner, rows in counts.sort(counts.columns).iter_rows():
        nested.setdefault(outer, {})[inner] = rows
    return nested
