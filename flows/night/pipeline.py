"""The main job as a list of stages, from a drop to draft batches.

Each stage takes the Night, does one thing and leaves what it made on it. `wuxing run` calls the
stages here; the nightly Prefect flow calls the same ones as tasks.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from flows.ingest.drop import SnapshotRef, ingest_drop, load_snapshot
from flows.money.batch import Drafted, draft_batches, record_drafts
from flows.money.batch_folder import signed_lines
from flows.money.funds import Funds, read_funds
from flows.money.ledger_store import open_ledger
from flows.night import gates
from flows.night.determine import Determined, determine
from flows.night.entitle import Entitled, build_entitlements
from flows.night.progress import Progress
from flows.night.run_record import run_identity, summarise_run, write_run
from flows.store import Home, hold_home
from transforms.errors import UsageError
from transforms.gates import GateOutcome

T = TypeVar("T")


@dataclass(frozen=True)
class NightRequest:
    """What one run is asked to do: from a drop, or from a snapshot that is there already."""

    home: Home
    as_of: date
    drop: Path | None = None
    snapshot_id: str | None = None
    threads: int | None = None
    memory_limit: str | None = None


@dataclass
class Night:
    """One run on its way: what was asked, and what the stages have made so far."""

    request: NightRequest
    progress: Progress
    funds: Funds
    run_id: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    outcomes: list[GateOutcome] = field(default_factory=list)
    snapshot: SnapshotRef | None = None
    determined: Determined | None = None
    entitled: Entitled | None = None
    drafted: Drafted | None = None


def run_night(request: NightRequest, progress: Progress) -> dict[str, Any]:
    """Do all stages in order while holding the home folder; return the run's summary."""
    night = begin(request, progress)
    with hold_home(request.home):
        for stage in STAGES:
            stage(night)
    progress.end()
    return summarise(night)


def begin(request: NightRequest, progress: Progress) -> Night:
    """Open a night: read the funds, load in the background what takes long to load."""
    if (request.drop is None) == (request.snapshot_id is None):
        raise UsageError("give either a drop folder or --snapshot, one of the two")
    gates.preload()
    return Night(request, progress, read_funds(request.home))


def read_extracts(night: Night) -> None:
    """Make the snapshot of the drop, or open the one that was asked for."""
    home, request = night.request.home, night.request
    if request.drop is not None:
        night.snapshot = ingest_drop(request.drop, home.snapshots, report=night.progress.report)
    else:
        night.snapshot = load_snapshot(home.snapshots, str(request.snapshot_id))
    with open_ledger(home) as ledger:
        ledger_digest = ledger.state_digest()
    night.identity = run_identity(night.snapshot, request.as_of, night.funds.digest, ledger_digest)
    night.run_id = night.identity["run_id"]


def judge_extracts(night: Night) -> None:
    """Gate: what came in is complete and mostly usable."""
    snapshot = _made(night.snapshot)
    with gates.connected(snapshot, night.request.as_of) as connection:
        _judge(night, "extracts", connection)


def determine_rows(night: Night) -> None:
    """Build the facts, run every policy that can run, decide every row."""
    request = night.request
    night.progress.report("facts and policies", 0)
    with open_ledger(request.home) as ledger:
        paid_lines, payment_ids = ledger.paid_lines(), ledger.payment_ids()
    night.determined = determine(
        _made(night.snapshot).tables(),
        request.as_of,
        paid_lines,
        ledger_payment_ids=payment_ids,
        threads=request.threads,
        memory_limit=request.memory_limit,
        temp_folder=request.home.temporary,
    )


def judge_snapshot(night: Night) -> None:
    """Gate: the snapshot's tables fit together."""
    _judge(night, "snapshot", _made(night.determined).connection)


def judge_determinations(night: Night) -> None:
    """Gate: every determination is one a person could defend."""
    determined = _made(night.determined)
    statuses = {policy_id: found.status for policy_id, found in determined.policies.items()}
    gates.register_policy_runs(determined.connection, statuses, night.request.as_of)
    gates.register(determined.connection, "determinations", determined.determinations)
    _judge(night, "determinations", determined.connection)


def make_entitlements(night: Night) -> None:
    """Net what is determined against what was paid, apply exclusions, find accounts."""
    night.progress.report("entitlements", 0)
    home = night.request.home
    with open_ledger(home) as ledger:
        paid = pl.concat([ledger.paid_lines(), signed_lines(home, ledger.batch_states().values())])
    night.entitled = build_entitlements(_made(night.determined), paid, night.funds)


def judge_entitlements(night: Night) -> None:
    """Gate: money is conserved from determinations to entitlements."""
    connection = _made(night.determined).connection
    gates.register(connection, "entitlements", _made(night.entitled).entitlements)
    _judge(night, "entitlements", connection)


def make_batches(night: Night) -> None:
    """Draw up a batch for each fund, in memory: nothing is written before its gate."""
    home = night.request.home
    with open_ledger(home) as ledger:
        night.drafted = draft_batches(
            night.run_id,
            night.request.as_of,
            _made(night.entitled),
            _made(night.determined),
            night.funds,
            ledger,
            signed_lines(home, ledger.batch_states().values()),
        )


def judge_batches(night: Night) -> None:
    """Gate: instructions, lines and control totals agree."""
    connection, drafted = _made(night.determined).connection, _made(night.drafted)
    gates.register_drafts(connection, drafted.batches)
    _judge(night, "batch", connection)


def record_run(night: Night) -> None:
    """Write the run and its batches, then record the drafts and withdraw older ones."""
    night.progress.report("run and batches written", 0)
    write_run(night, stopped=None)
    with open_ledger(night.request.home) as ledger:
        record_drafts(night.request.home, _made(night.drafted), ledger)
    night.progress.end()


STAGES = (
    read_extracts,
    judge_extracts,
    determine_rows,
    judge_snapshot,
    judge_determinations,
    make_entitlements,
    judge_entitlements,
    make_batches,
    judge_batches,
    record_run,
)


def summarise(night: Night) -> dict[str, Any]:
    """Return what `wuxing run --json` prints."""
    return summarise_run(night)


def count_table(night: Night) -> list[dict[str, Any]]:
    """Return counts of a finished night, one row per policy and outcome; no person in it."""
    counts = (
        _made(night.determined)
        .determinations.group_by("policy_id", "outcome")
        .agg(pl.len().alias("rows"), pl.col("amount_fen").sum())
    )
    return counts.sort("policy_id", "outcome").to_dicts()


def _judge(night: Night, boundary: str, connection: Any) -> None:
    outcome = gates.judge_boundary(connection, boundary, night.request.as_of)
    night.outcomes.append(outcome)
    if outcome.stops_run:
        folder = write_run(night, stopped=boundary)
        gates.stop_if_critical(outcome, str(folder / "report.html"))


def _made(made: T | None) -> T:
    assert made is not None, "a stage was called before the one it needs"
    return made
