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

    policy_id: str
    title: str
    item: int
    kind: str
    fund: str
    bureau: str
    status: str
    reason: Said | None
    periods: str
    outcomes: Mapping[str, int]
    eligible_fen: int
    reasons: tuple[tuple[str, int], ...]
    unconfirmed: tuple[str, ...]


@dataclass(frozen=True)
class EntitlementCount:
    """One status of one policy's entitlements, with its reason where one is given."""

    policy_id: str
    status: str
    reason: str
    rows: int
    due_fen: int


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
class FindingCount:
    """How many findings of one sort there are."""

    finding: str
    severity: str
    policy_id: str
    rows: int


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
    entitlements: Sequence[EntitlementCount] = ()
    traces: Sequence[TraceCount] = ()
    batches: Sequence[BatchCount] = ()
    findings: Sequence[FindingCount] = ()
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
            name=entry["name"],
            kind=entry["kind"],
            rows=entry["rows"],
            accepted=entry["accepted"],
            quarantined=entry["quarantined"],
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
    outcomes = count_outcomes(determinations)
    period = pl.col("period")
    spans = determinations.group_by("policy_id").agg(period.min(), period.max().alias("last"))
    periods = {name: _span(*ends) for name, *ends in spans.collect().iter_rows()}
    eligible_fen = sum_eligible_fen(determinations)
    reasons = count_reasons(determinations)
    return tuple(
        _policy_count(
            cards[policy_id],
            run,
            periods.get(policy_id, ""),
            outcomes.get(policy_id, {}),
            eligible_fen.get(policy_id, 0),
            reasons.get(policy_id, ()),
        )
        for policy_id, run in sorted(runs.items(), key=lambda pair: (cards[pair[0]].item, pair[0]))
    )


def _policy_count(
    card: PolicyCard,
    run: PolicyStatus,
    periods: str,
    outcomes: Mapping[str, int],
    eligible_fen: int,
    reasons: Sequence[tuple[str, int]],
) -> PolicyCount:
    titles = {provision.name: provision.title for provision in card.provisions}
    unconfirmed = sorted(
        f"{titled(used)} = {value_text(used)}"
        for used in run.parameters_used
        if not used["confirmed"]
    )
    return PolicyCount(
        policy_id=card.policy_id,
        title=card.title,
        item=card.item,
        kind=card.kind,
        fund=card.fund or "",
        bureau=card.bureau,
        status=run.status,
        reason=run.reason,
        periods=periods,
        outcomes=outcomes,
        eligible_fen=eligible_fen,
        reasons=tuple((titles.get(reason, reason), rows) for reason, rows in reasons),
        unconfirmed=tuple(dict.fromkeys(unconfirmed)),
    )


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first}–{last}"


def count_outcomes(determinations: pl.LazyFrame) -> dict[str, dict[str, int]]:
    """Count the outcomes of each policy: policy_id → outcome → rows."""
    return _nested(determinations.group_by("policy_id", "outcome").len().collect())


def sum_eligible_fen(determinations: pl.LazyFrame) -> dict[str, int]:
    """Add up what each policy's eligible rows amount to, in fen."""
    eligible = determinations.filter(pl.col("outcome") == "eligible")
    sums = eligible.group_by("policy_id").agg(pl.col("amount_fen").sum())
    return dict(sums.collect().iter_rows())


def count_reasons(determinations: pl.LazyFrame) -> dict[str, tuple[tuple[str, int], ...]]:
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
    return {policy_id: tuple(pairs) for policy_id, pairs in reasons.items()}


def count_entitlements(entitlements: pl.DataFrame) -> tuple[EntitlementCount, ...]:
    """Count the entitlements by policy, status and reason, with the sum due in fen."""
    counts = (
        entitlements.with_columns(
            # The reason of these names other policies or nothing; of held, what to mend.
            pl.when(pl.col("status") == "held")
            .then(pl.col("reason"))
            .otherwise(pl.lit(""))
            .fill_null("")
            .alias("reason")
        )
        .group_by("policy_id", "status", "reason")
        .agg(pl.len().alias("rows"), pl.col("due_fen").sum())
        .sort("policy_id", "status", "reason")
    )
    return tuple(EntitlementCount(**row) for row in counts.iter_rows(named=True))


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


def count_findings(findings: pl.DataFrame) -> tuple[FindingCount, ...]:
    """Count the findings by sort, the severe ones first."""
    rank = {"critical": 0, "warning": 1}
    counts = findings.with_columns(pl.col("policy_id").fill_null("")).group_by(
        "finding", "severity", "policy_id"
    )
    rows = [FindingCount(*row) for row in counts.len().iter_rows()]
    return tuple(
        sorted(rows, key=lambda row: (rank.get(row.severity, 2), row.finding, row.policy_id))
    )


def _nested(counts: pl.DataFrame) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for outer, inner, rows in counts.sort(counts.columns).iter_rows():
        nested.setdefault(outer, {})[inner] = rows
    return nested
