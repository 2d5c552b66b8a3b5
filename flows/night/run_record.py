"""What a run leaves behind: its id, its folder, its manifest, its report."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.returns import rows_with_damaged_ids, write_returns
from flows.data_package import (
    DETERMINATIONS,
    POLICIES,
    scan_tables,
    write_data_package,
    write_pieces,
    write_table,
)
from flows.inbox.in_force import states_of_snapshot
from flows.ingest.drop import SnapshotRef
from flows.money.returned import over_on_night, over_soon
from flows.night.made_by import keep_inputs
from flows.night.part import seal_folder
from flows.program import program
from flows.scratch import scratch_folder
from flows.store import Home, read_manifest, staged_folder
from sql.texts import policy_cards
from transforms.answers.deliveries import warnings_of
from transforms.answers.region import LAYOFFS, count_lists, count_small, region_figure
from transforms.answers.report import render_report
from transforms.answers.run_summary import (
    RunSummary,
    count_batches,
    count_entitlements,
    count_files,
    count_findings,
    count_policies,
)
from transforms.answers.takeup import TakenUp
from transforms.answers.traces import count_traces
from transforms.answers.trend import render_trend
from transforms.digest import frame_digest
from transforms.errors import DigestDiffersError
from transforms.gates import GateOutcome, check_frames, gate_warnings
from transforms.money.batches import DraftBatch
from transforms.policies.cards import PolicyStatus
from transforms.policies.coverage import read_by
from transforms.sheets.csv_file import guarded
from transforms.words import Said, said_of

# Another program that makes the same of the same has made the same run.
ABOUT_THE_PROGRAM = ("code_version", "made_by")


@dataclass(frozen=True)
class RunSoFar:
    """What a run has made so far: enough to write it down, wherever it stops."""

    home: Home
    as_of: date
    snapshot: SnapshotRef
    identity: Mapping[str, Any]
    gates: tuple[GateOutcome, ...] = ()
    # What may be large comes in pieces; the rest as it is.
    tables: Mapping[str, Callable[[], Iterable[pl.DataFrame]]] = field(default_factory=dict)
    frames: Mapping[str, Callable[[], pl.DataFrame]] = field(default_factory=dict)
    findings: tuple[pl.DataFrame, ...] = ()
    policies: Mapping[str, PolicyStatus] = field(default_factory=dict)
    own_rows: Sequence[Mapping[str, Any]] = ()
    warnings: tuple[Said, ...] = ()
    batches: tuple[DraftBatch, ...] = ()
    taken_up: TakenUp | None = None

    @property
    def run_id(self) -> str:
        """Return the run's id."""
        return str(self.identity["run_id"])

    @property
    def folder(self) -> Path:
        """Return the folder that the run is written to."""
        return self.home.runs / self.run_id


AddAnswers = Callable[[Path, Mapping[str, pl.DataFrame], Mapping[str, Any]], None]


def write_run(
    run: RunSoFar,
    stopped: str | None = None,
    add_answers: AddAnswers | None = None,
) -> dict[str, Any]:
    """Write the run's folder once, and return its manifest.

    Holds:   the same run again must have made the same
    Raises:  DigestDiffersError if the run stands already with other content
    """
    with scratch_folder(run.home.temporary) as written:
        outputs = _write_tables(run, written)
        frames = _frames(run)
        manifest = _manifest(run, frames, outputs, scan_tables(written), stopped)
        # What stopped it may have passed: a fault of the judge is no part of a run's id.
        instead = run.folder.exists() and _was_stopped_only(run.folder, manifest)
        if run.folder.exists() and not instead:
            _expect_same(run.folder, manifest)
            return manifest
        with staged_folder(run.folder, instead=instead) as folder:
            for path in written.iterdir():
                shutil.move(path, folder)
            _fill(folder, run, frames, manifest, add_answers)
    return manifest


def _write_tables(run: RunSoFar, folder: Path) -> dict[str, dict[str, Any]]:
    """Write what comes in pieces; return the rows and the digest of each."""
    outputs = {}
    for name, pieces in run.tables.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        outputs[name] = write_pieces(pieces(), path, policy_cards().get(path.stem))
    return outputs


def _fill(
    folder: Path,
    run: RunSoFar,
    frames: Mapping[str, pl.DataFrame],
    manifest: Mapping[str, Any],
    add_answers: AddAnswers | None,
) -> None:
    """Write a run's folder, in which its large tables are already."""
    tables = scan_tables(folder)
    for name, frame in frames.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        write_table(frame, path)
    waiting = guarded(rows_with_damaged_ids(run.snapshot))
    waiting.write_csv(folder / "clerical_review.csv", include_bom=True)
    write_returns(folder, run.home, run.snapshot, run.as_of)
    summary = _run_summary(run, frames, tables, manifest)
    pages = {"report.html": render_report(summary)}
    if summary.has_trend:
        pages["trend.html"] = render_trend(summary, frames["trend"], manifest["counts"])
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
    if add_answers:
        add_answers(folder, frames, manifest)
    write_data_package(folder, run.run_id, f"Run {run.run_id}")
    seal_folder(folder, manifest)


def _frames(run: RunSoFar) -> dict[str, pl.DataFrame]:
    frames = {name: read() for name, read in run.frames.items()}
    if run.findings:
        found = [*run.findings, pl.read_parquet(run.snapshot.folder / "findings.parquet")]
        columns = run.findings[0].columns
        frames["findings"] = pl.concat([frame.select(columns) for frame in found]).sort(columns)
    return frames | check_frames(run.gates)


def _manifest(
    run: RunSoFar,
    frames: Mapping[str, pl.DataFrame],
    outputs: Mapping[str, Any],
    tables: Mapping[str, pl.LazyFrame],
    stopped: str | None,
) -> dict[str, Any]:
    small = {
        name: {"rows": frame.height, "digest": frame_digest(frame)}
        for name, frame in frames.items()
    }
    return {
        **run.identity,
        "code_version": program()["version"],
        "made_by": {**program(), "inputs": keep_inputs(run.home)},
        "state": "stopped" if stopped else "done",
        "stopped_at": stopped,
        "outputs": dict(sorted({**outputs, **small}.items())),
        "policies": {
            name: {
                "status": status.status,
                "reason": str(status.reason or ""),
                "said": status.reason and status.reason.content(),
                "reach": [status.reach_from_month, status.reach_to_month],
                "parameters_used": status.parameters_used,
            }
            for name, status in sorted(run.policies.items())
        },
        "own_rows": list(run.own_rows),
        "gates": {
            outcome.boundary: {check.check: check.status for check in outcome.checks}
            for outcome in run.gates
        },
        "batches": [batch.batch_id for batch in run.batches],
        "warnings": [str(said) for said in _warnings(run)],
        "said": [said.content() for said in _warnings(run)],
        "counts": _counts(run.snapshot, frames, tables)
        | ({"takeup": run.taken_up.total()} if run.taken_up else {}),
    }


def _was_stopped_only(target: Path, manifest: Mapping[str, Any]) -> bool:
    standing = read_manifest(target, "run")
    return (standing["state"], manifest["state"]) == ("stopped", "done")


def _expect_same(target: Path, manifest: Mapping[str, Any]) -> None:
    standing = read_manifest(target, "run")
    differing = [
        name
        for name, content in manifest.items()
        if name not in ABOUT_THE_PROGRAM and standing.get(name) != content
    ]
    if differing:
        raise DigestDiffersError(
            f"run {target.name} stands already in {target.parent}, but {', '.join(differing)} came "
            "out differently now: the program or the snapshot was changed since; `wuxing verify` "
            "tells which"
        )


def _warnings(run: RunSoFar) -> list[Said]:
    marks = [(b, said_of(b.manifest["mark_said"])) for b in run.batches if b.mark]
    marked = [
        Said("batch_waits", {"fund": b.fund, "batch": b.batch_id, "why": why}) for b, why in marks
    ]
    deliveries = warnings_of(states_of_snapshot(run.snapshot.folder, run.as_of))
    ran = {name for name, found in run.policies.items() if found.status == "ran"}
    checks = gate_warnings(run.gates, read_by([c for n, c in policy_cards().items() if n in ran]))
    over = over_on_night(run.home, run.as_of, run.run_id)
    if "entitlements" in run.frames:
        over += over_soon(run.home, run.frames["entitlements"](), run.as_of, run.run_id)
    return [*run.snapshot.said("warnings"), *deliveries, *checks, *run.warnings, *over, *marked]


def _counts(
    snapshot: SnapshotRef,
    frames: Mapping[str, pl.DataFrame],
    tables: Mapping[str, pl.LazyFrame],
) -> dict[str, Any]:
    files = snapshot.manifest["files"]
    counts: dict[str, Any] = {
        name: sum(entry[name] for entry in files) for name in ("rows", "accepted", "quarantined")
    }
    if DETERMINATIONS in tables:
        outcomes = tables[DETERMINATIONS].group_by("outcome").len().collect()
        counts["determinations"] = dict(sorted(outcomes.iter_rows()))
        ran = {name: card for name, card in policy_cards().items() if POLICIES + name in tables}
        rows = {name: tables[POLICIES + name] for name in ran}
        counts["lists"] = count_lists(ran, rows, tables[DETERMINATIONS])
        if LAYOFFS in rows:
            counts["region"] = region_figure(rows[LAYOFFS], tables[DETERMINATIONS])
    return counts | count_small(frames)


def _run_summary(
    run: RunSoFar,
    frames: Mapping[str, pl.DataFrame],
    tables: Mapping[str, pl.LazyFrame],
    manifest: Mapping[str, Any],
) -> RunSummary:
    snapshot, counts, stopped = run.snapshot, manifest["counts"], manifest["stopped_at"]
    quarantine, repairs = (
        pl.read_parquet(snapshot.folder / f"{name}.parquet") for name in ("quarantine", "repairs")
    )
    counted: dict[str, Any] = {}
    if DETERMINATIONS in tables:
        determinations = tables[DETERMINATIONS]
        counted["policies"] = count_policies(policy_cards(), run.policies, determinations)
    if "entitlements" in frames:
        counted["entitlements"] = count_entitlements(frames["entitlements"])
    if "traces" in frames:
        counted["traces"] = count_traces(frames["traces"], frames["entitlements"])
    if "findings" in frames:
        counted["findings"] = count_findings(frames["findings"])
    if run.taken_up:
        counted["taken_up"] = [*run.taken_up.by("policy_id").to_dicts(), run.taken_up.total()]
    return RunSummary(
        run_id=run.run_id,
        snapshot_id=snapshot.snapshot_id,
        as_of=run.as_of.isoformat(),
        stopped_at=stopped,
        gates=run.gates,
        deliveries=states_of_snapshot(snapshot.folder, run.as_of),
        files=count_files(snapshot.manifest["files"], quarantine, repairs),
        batches=count_batches(run.batches),
        warnings=_warnings(run),
        notes=snapshot.said("notes"),
        region=counts.get("region"),
        damaged_ids=counts.get("damaged_ids"),
        has_trend=stopped is None and "trend" in frames,
        digests={name: str(value) for name, value in run.identity.items() if "digest" in name},
        **counted,
    )
