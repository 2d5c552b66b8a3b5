"""The night: its stages, and their order, from a drop to draft batches.

The order stands once, in run_night. A stage takes what it needs and returns what it makes; who
calls it is up to the caller: `wuxing run` plainly, the nightly flow each as a Prefect task.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from flows.answers.after_run import write_answers
from flows.answers.identity import write_review
from flows.answers.nights import write_index
from flows.answers.objected import write_objections
from flows.answers.takeup import NAME, taken_up
from flows.answers.trend import employment_trend, has_trend
from flows.inbox.in_force import states_of_snapshot
from flows.inbox.tonight import Waiting, await_suppliers, read_tonight
from flows.ingest.drop import ingest_drop, load_snapshot
from flows.midway import midway
from flows.money.batch import Drafted, draft_batches, record_drafts, record_stopped_run
from flows.money.entitle import Entitled, build_entitlements
from flows.money.evidence import expect_recorded_so
from flows.money.funds import Funds, read_funds
from flows.money.ledger_store import open_ledger
from flows.money.objections import home_run, objected_after
from flows.money.standing import Standing, read_standing
from flows.money.whole import expect_whole
from flows.night import gates
from flows.night.causes import Causes
from flows.night.determine import Determined, determine
from flows.night.identity import with_proposed
from flows.night.part import Means
from flows.night.parts import Parting
from flows.night.progress import Progress, Report
from flows.night.run_name import held_against, last_finished, run_before, run_identity
from flows.night.run_record import RunSoFar, write_run
from flows.night.settings import read_settings
from flows.night.summary import summarise_run
from flows.night.traces import last_traces
from flows.store import Home, expect_home, hold_home
from sql import Connection, query
from transforms.answers.deliveries import with_ages
from transforms.answers.takeup import GROUP
from transforms.answers.traces import trace_findings
from transforms.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class NightRequest:
    """What one run is asked to do: from a drop, a snapshot that is there already, or the inbox."""

    home: Home
    as_of: date
    drop: Path | None = None
    snapshot_id: str | None = None
    threads: int | None = None
    memory_limit: str | None = None
    parting: Parting = field(default_factory=Parting)
    inbox: bool = False
    waiting: Waiting = field(default_factory=Waiting)


@dataclass(frozen=True)
class Stage(Generic[P, R]):
    """One step of the night, by its name for people; tried again only where it posts nothing."""

    title: str
    act: Callable[P, R]
    retries: int


class Call(Protocol):
    """How a stage is called, under its number and title."""

    def __call__(self, name: str, stage: Stage[P, R], /, *given: P.args, **named: P.kwargs) -> R:
        """Call the stage and return what it makes."""


def call_plainly(_name: str, stage: Stage[P, R], /, *given: P.args, **named: P.kwargs) -> R:
    """Call a stage and do nothing else."""
    return stage.act(*given, **named)


def stage(title: str, retries: int = 0) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a function a stage."""
    return lambda act: Stage(title, act, retries)


def run_night(
    request: NightRequest, progress: Progress, call: Call = call_plainly
) -> dict[str, Any]:
    """Do all stages, in this order, while holding the home folder; return the run's summary.

    Raises:  UsageError unless there is one of drop and snapshot; DropRefusedError if there is no
             home; GateStoppedError
    """
    if [request.drop is not None, request.snapshot_id is not None, request.inbox].count(True) != 1:
        raise UsageError("give either a drop folder or --snapshot, one of the two")
    expect_home(request.home)
    gates.preload()
    settings = read_settings(request.home)
    memory = request.memory_limit or settings.night.memory or None
    request = replace(request, memory_limit=memory)
    funds, numbers = read_funds(request.home), count(1)

    def do(step: Stage[P, R], *given: P.args, **named: P.kwargs) -> R:
        name = f"{next(numbers)} {step.title}"
        progress.report(name, 0)
        midway().stages.append(name)
        return call(name, step, *given, **named)

    if request.inbox:
        # Others may use the home meanwhile.
        await_suppliers(request.home, request.as_of, request.waiting, progress.report)
    with hold_home(request.home):
        run, standing = do(read_extracts, request, funds, progress.report)
        run = do(judge_extracts, run)
        means = Means(request.threads, request.memory_limit, request.home.temporary)
        parting = request.parting.at(run.home, run.snapshot)
        determined = do(determine_rows, run, standing, means, parting, progress.listener)
        run = do(judge_snapshot, run, determined)
        run = do(judge_determinations, run, determined)
        entitled = do(make_entitlements, run, determined, standing, funds, means)
        run = do(find_traces, run, determined.connection, entitled)
        run = do(propose_for_damaged_ids, run, entitled.entitlements, standing, means)
        run = do(judge_entitlements, run, determined.connection, entitled)
        drafted = do(make_batches, run, entitled, standing, funds)
        run = do(judge_batches, run, determined.connection, drafted)
        summary = do(record_run, run, determined.connection, drafted, standing)
    progress.end()
    return summary


@stage("extracts → snapshot", retries=2)
def read_extracts(request: NightRequest, funds: Funds, report: Report) -> tuple[RunSoFar, Standing]:
    """Make the snapshot of the drop, or open the one asked for; read the ledger; name the run."""
    home, as_of = request.home, request.as_of
    with open_ledger(home) as ledger:
        expect_whole(home, ledger, tells=False)
        books = ledger.books()
    ingest = partial(ingest_drop, snapshots=home.snapshots, report=report, used=books.snapshots)
    ingest = partial(ingest, registers=home.registers, cache=home.cache)
    if request.inbox:
        snapshot = read_tonight(home, as_of, request.waiting, ingest)
    elif request.drop is not None:
        snapshot = ingest(request.drop)
    else:
        snapshot = load_snapshot(home.snapshots, str(request.snapshot_id))
    expect_recorded_so(snapshot.folder, books)
    standing = read_standing(home, as_of.year)
    last = last_finished(books.runs, as_of, snapshot)
    before = objected_after(home, snapshot, run_before(books.runs, as_of, snapshot))
    identity = run_identity(snapshot, as_of, funds.digest, standing.digest, last, before, home)
    return RunSoFar(home, as_of, snapshot, identity), standing


@stage("gate: extracts")
def judge_extracts(run: RunSoFar) -> RunSoFar:
    """Gate: what came in is complete, mostly usable, and has not lost what nights before had."""
    before = held_against(run.home.snapshots, run.identity["compared_with"])
    with gates.connected(run.snapshot, run.as_of, before) as connection:
        return _judged(run, "extracts", connection)


@stage("facts, policies, determinations", retries=1)
def determine_rows(
    run: RunSoFar, standing: Standing, means: Means, parting: Parting, report: Report
) -> Determined:
    """Build the facts, run every policy that can run, decide every row."""
    return determine(
        run.snapshot.tables(),
        run.as_of,
        standing.released,
        ledger_payment_ids=standing.payment_ids,
        parting=parting,
        on_step=lambda step: report(step, 0),
        **vars(means),
    )


@stage("gate: snapshot")
def judge_snapshot(run: RunSoFar, determined: Determined) -> RunSoFar:
    """Gate: the snapshot's tables fit together."""
    run = replace(
        run,
        tables=determined.tables,
        frames={"trend": lambda: employment_trend(determined.store)} if has_trend() else {},
        findings=(determined.findings,),
        policies=with_ages(determined.policies, states_of_snapshot(run.snapshot.folder, run.as_of)),
        own_rows=determined.own_rows.to_dicts(),
        warnings=tuple(determined.warnings),
    )
    return _judged(run, "snapshot", determined.connection)


@stage("gate: determinations")
def judge_determinations(run: RunSoFar, determined: Determined) -> RunSoFar:
    """Gate: every determination is one a person could defend."""
    statuses = {name: found.status for name, found in determined.policies.items()}
    gates.register_policy_runs(determined.connection, statuses, run.as_of)
    return _judged(run, "determinations", determined.connection)


@stage("entitlements", retries=1)
def make_entitlements(
    run: RunSoFar, determined: Determined, standing: Standing, funds: Funds, means: Means
) -> Entitled:
    """Net what is determined against what was paid, apply exclusions, find accounts."""
    determined.forget(gates.words_of("entitlements", "batch"))
    connection, night = determined.connection, (run.snapshot.folder, run.as_of, run.own_rows)
    causes = Causes(run.home, *night, connection, standing, funds.digest, means)
    before = home_run(run.home, run.identity.get("run_before", "")), run.as_of.isoformat()
    return build_entitlements(connection, determined.policies, standing, funds, causes, before)


@stage("last traces of the persons paid", retries=1)
def find_traces(run: RunSoFar, connection: Connection, entitled: Entitled) -> RunSoFar:
    """Find by what each person paid was last seen; who was not is a finding."""
    traces = last_traces(connection, run.snapshot.tables(), run.as_of, entitled.entitlements)
    if traces is None:
        return run
    frames = {**run.frames, "traces": lambda: traces}
    return replace(run, frames=frames, findings=(*run.findings, trace_findings(traces)))


propose_for_damaged_ids = stage("persons proposed for unreadable ids", retries=1)(with_proposed)


@stage("gate: entitlements")
def judge_entitlements(run: RunSoFar, connection: Connection, entitled: Entitled) -> RunSoFar:
    """Gate: money is conserved from determinations to entitlements."""
    gates.register(connection, "entitlements", entitled.entitlements)
    run = replace(
        run,
        frames={
            **run.frames,
            "entitlements": lambda: entitled.entitlements,
            "signed_lines": lambda: entitled.signed_lines,
            # Only where somebody objects: a night without is as it was before there were any.
            **({"objections": lambda: entitled.objections} if entitled.objections.height else {}),
        },
        findings=(*run.findings, entitled.findings),
    )
    return _judged(run, "entitlements", connection)


@stage("draft batches", retries=1)
def make_batches(run: RunSoFar, entitled: Entitled, standing: Standing, funds: Funds) -> Drafted:
    """Draw up a batch for each fund, in memory: nothing is written before its gate."""
    return draft_batches(run.run_id, run.as_of, entitled, run.policies, funds, standing)


@stage("gate: batches")
def judge_batches(run: RunSoFar, connection: Connection, drafted: Drafted) -> RunSoFar:
    """Gate: instructions, lines and control totals agree; only then the run has batches."""
    gates.register_drafts(connection, drafted.batches)
    return replace(_judged(run, "batch", connection), batches=tuple(drafted.batches))


@stage("record the run, withdraw older drafts")
def record_run(
    run: RunSoFar, connection: Connection, drafted: Drafted, standing: Standing
) -> dict[str, Any]:
    """Write the run and its batches, then record the drafts and withdraw older ones."""
    unknown = "select policy_id, period, outcome from determinations where outcome = 'undetermined'"
    determined, entitled = query(connection, unknown).lazy(), run.frames["entitlements"]()
    made = taken_up(run.home, run.as_of, entitled, determined, run.snapshot.folder, standing)
    frames = {**run.frames, NAME: lambda: made.by(*GROUP)}
    run = replace(run, taken_up=made, frames=frames)

    def add_answers(folder: Path, frames: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
        write_answers(folder, connection, frames, run.snapshot.folder, run.as_of)
        write_review(folder, connection, frames, run.run_id)
        write_objections(run.home, folder, frames, manifest)

    manifest = write_run(run, add_answers=add_answers)
    with open_ledger(run.home) as ledger:
        record_drafts(run.home, drafted, ledger)
    write_index(run.home)
    return summarise_run(run.home, manifest)


def _judged(run: RunSoFar, boundary: str, connection: Connection) -> RunSoFar:
    outcome = gates.judge_boundary(connection, boundary, run.as_of)
    run = replace(run, gates=(*run.gates, outcome))
    if outcome.stops_run:
        write_run(run, stopped=boundary)
        with open_ledger(run.home) as ledger:
            record_stopped_run(run.home, run.run_id, ledger)
        write_index(run.home)
        gates.stop_if_critical(outcome, str(run.folder / "report.html"), run.run_id)
    return run
