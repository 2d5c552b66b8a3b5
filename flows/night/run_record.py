"""What a run leaves behind: its id, its folder, its manifest, its report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.returns import write_returns
from flows.data_package import write_data_package, write_table
from flows.inbox.in_force import states_of_snapshot
from flows.ingest.drop import SnapshotRef
from flows.night.made_by import keep_inputs, program
from flows.store import Home, file_digest, read_manifest, staged_folder, write_manifest
from sql.texts import policy_cards
from transforms.answers.deliveries import warnings_of
from transforms.answers.region import LAYOFFS, count_lists, region_figure
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
from transforms.gates import GateOutcome, check_frames
from transforms.money.batches import DraftBatch
from transforms.policies.cards import PolicyStatus
from transforms.words import Said, said_of

REVIEW_COLUMNS = {"kind": "数据类别", "file_digest": "文件摘要", "line": "行号"}
DAMAGED_ID = "invalid_person_id"
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


def nothing_more(
    _folder: Path, _frames: Mapping[str, pl.DataFrame], _manifest: Mapping[str, Any]
) -> None:
    """Add nothing to a run's folder."""


def write_run(
    run: RunSoFar,
    stopped: str | None = None,
    add_answers: AddAnswers = nothing_more,
) -> dict[str, Any]:
    """Write the run's folder once, and return its manifest.

    Holds:   the same run again must have made the same
    Raises:  DigestDiffersError if the run stands already with other content
    """
    frames = _frames(run)
    manifest = _manifest(run, frames, stopped)
    # What stopped it may have passed: a fault of the judge is no part of a run's id.
    instead = run.folder.exists() and _was_stopped_only(run.folder, manifest)
    if run.folder.exists() and not instead:
        _expect_same(run.folder, manifest)
        return manifest
    with staged_folder(run.folder, instead=instead) as folder:
        for name, frame in frames.items():
            path = folder / f"{name}.parquet"
            path.parent.mkdir(exist_ok=True)
            write_table(frame, path, policy_cards().get(path.stem))
        _clerical_review(run.snapshot).write_csv(folder / "clerical_review.csv", include_bom=True)
        write_returns(folder, run.home, run.snapshot, run.as_of)
        summary = _run_summary(run, frames, stopped, manifest["counts"])
        pages = {"report.html": render_report(summary)}
        if summary.has_trend:
            pages["trend.html"] = render_trend(summary, frames["trend"], manifest["counts"])
        for name, page in pages.items():
            (folder / name).write_text(page, encoding="utf-8")
        add_answers(folder, frames, manifest)
        write_data_package(folder, run.run_id, f"Run {run.run_id}")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests = {p.relative_to(folder).as_posix(): file_digest(p) for p in files}
        write_manifest(folder, {**manifest, "files": digests})
    return manifest


def _frames(run: RunSoFar) -> dict[str, pl.DataFrame]:
    frames = {name: read() for name, read in run.frames.items()}
    if run.findings:
        found = [*run.findings, pl.read_parquet(run.snapshot.folder / "findings.parquet")]
        columns = run.findings[0].columns
        frames["findings"] = pl.concat([frame.select(columns) for frame in found]).sort(columns)
    return frames | check_frames(run.gates)


def _manifest(
    run: RunSoFar, frames: Mapping[str, pl.DataFrame], stopped: str | None
) -> dict[str, Any]:
    return {
        **run.identity,
        "code_version": program()["version"],
        "made_by": {**program(), "inputs": keep_inputs(run.home)},
        "state": "stopped" if stopped else "done",
        "stopped_at": stopped,
        "outputs": {
            name: {"rows": frame.height, "digest": frame_digest(frame)}
            for name, frame in sorted(frames.items())
        },
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
        "counts": _counts(run.snapshot, frames)
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
    marked = [
        Said(
            "batch_waits",
            {"fund": b.fund, "batch": b.batch_id, "why": said_of(b.manifest["mark_said"])},
        )
        for b in run.batches
        if b.mark
    ]
    deliveries = warnings_of(states_of_snapshot(run.snapshot.folder, run.as_of))
    return [*run.snapshot.said("warnings"), *deliveries, *run.warnings, *marked]


def _counts(snapshot: SnapshotRef, frames: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    files = snapshot.manifest["files"]
    counts: dict[str, Any] = {
        name: sum(entry[name] for entry in files) for name in ("rows", "accepted", "quarantined")
    }
    if "determinations" in frames:
        outcomes = frames["determinations"]["outcome"].value_counts(sort=True)
        counts["determinations"] = dict(sorted(outcomes.iter_rows()))
        ran = {name: card for name, card in policy_cards().items() if f"policies/{name}" in frames}
        rows = {name: frames[f"policies/{name}"] for name in ran}
        counts["lists"] = count_lists(ran, rows, frames["determinations"])
        if LAYOFFS in rows:
            counts["region"] = region_figure(rows[LAYOFFS], frames["determinations"])
    if "entitlements" in frames:
        statuses = (
            frames["entitlements"]
            .group_by("status")
            .agg(pl.len().alias("rows"), pl.col("due_fen").sum())
        )
        counts["entitlements"] = {
            row["status"]: {"rows": row["rows"], "due_fen": row["due_fen"]}
            for row in statuses.sort("status").iter_rows(named=True)
        }
    if "damaged_rows" in frames:
        found = frames["identity_candidates"].filter(pl.col("rank") == 1).height
        counts["damaged_ids"] = {"rows": frames["damaged_rows"].height, "with_candidates": found}
    if "traces" in frames:
        backings = frames["traces"]["backing"].value_counts()
        counts["traces"] = dict(sorted(backings.iter_rows()))
    return counts


def _clerical_review(snapshot: SnapshotRef) -> pl.DataFrame:
    """List the rows whose person id is damaged: they wait for a clerk's decision.

    Rows:    one per quarantined row with a damaged person id; no name, no id
    """
    digests = {entry["name"]: entry["sha256"] for entry in snapshot.manifest["files"]}
    damaged = pl.read_parquet(snapshot.folder / "quarantine.parquet").filter(
        pl.col("rule") == DAMAGED_ID
    )
    return (
        damaged.select(
            pl.col("kind"),
            pl.col("source_file").replace(digests).alias("file_digest"),
            pl.col("source_line").alias("line"),
            pl.col("source_file"),
            pl.col("column"),
        )
        .sort("kind", "source_file", "line")
        .rename(REVIEW_COLUMNS)
    )


def _run_summary(
    run: RunSoFar,
    frames: Mapping[str, pl.DataFrame],
    stopped: str | None,
    counts: Mapping[str, Any],
) -> RunSummary:
    snapshot = run.snapshot
    tables = [pl.read_parquet(snapshot.folder / f"{n}.parquet") for n in ("quarantine", "repairs")]
    counted: dict[str, Any] = {}
    if "determinations" in frames:
        determinations = frames["determinations"]
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
        files=count_files(snapshot.manifest["files"], *tables),
        batches=count_batches(run.batches),
        warnings=_warnings(run),
        notes=snapshot.said("notes"),
        region=counts.get("region"),
        damaged_ids=counts.get("damaged_ids"),
        has_trend=stopped is None and "trend" in frames,
        digests={name: str(value) for name, value in run.identity.items() if "digest" in name},
        **counted,
    )
