"""What a run leaves behind: its id, its folder, its manifest, its report, its summary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from expectations.suites import thresholds_digest
from flows.answers.after_run import write_answers
from flows.store import file_digest, read_manifest, staged_folder, write_manifest
from sql.texts import parameters_digest, policy_cards, rules_digest
from transforms.amounts import yuan_text
from transforms.answers.report import render_report
from transforms.answers.run_summary import (
    RunSummary,
    count_batches,
    count_entitlements,
    count_files,
    count_findings,
    count_policies,
)
from transforms.digest import content_digest, frame_digest, short_id
from transforms.errors import DigestDiffersError
from transforms.money.exclusions import exclusions_digest
from transforms.words import Said

if TYPE_CHECKING:
    from flows.ingest.drop import SnapshotRef
    from flows.night.pipeline import Night

REVIEW_COLUMNS = {"kind": "数据类别", "file_digest": "文件摘要", "line": "行号"}
DAMAGED_ID = "invalid_person_id"


def run_identity(
    snapshot: SnapshotRef, as_of: date, funds_digest: str, ledger_digest: str
) -> dict[str, Any]:
    """Name a run by what goes into it: snapshot, day, rules, parameters, ledger state.

    Holds:   the funds' configuration, the exclusions and the gates' thresholds count as
             parameters: they decide holds, and whether a run stops
    Source:  contract, run_id
    """
    goes_in = {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": as_of.isoformat(),
        "rules_digest": rules_digest(),
        "parameters_digest": content_digest(
            [parameters_digest(), exclusions_digest(), thresholds_digest(), funds_digest]
        ),
        "ledger_digest": ledger_digest,
    }
    return {"run_id": short_id("R", goes_in), **goes_in}


def write_run(night: Night, stopped: str | None) -> Path:
    """Write the run's folder once; the same run again must have made the same.

    Raises:  DigestDiffersError if the run stands already with other content
    """
    target = night.request.home.runs / night.run_id
    frames = _frames(night)
    manifest = _manifest(night, frames, stopped)
    if target.exists():
        _expect_same(target, manifest)
        return target
    with staged_folder(target) as folder:
        for name, frame in frames.items():
            path = folder / f"{name}.parquet"
            path.parent.mkdir(exist_ok=True)
            frame.write_parquet(path, compression="zstd", statistics=False)
        review = _clerical_review(night)
        review.write_csv(folder / "clerical_review.csv", include_bom=True)
        page = render_report(_run_summary(night, stopped))
        (folder / "report.html").write_text(page, encoding="utf-8")
        if stopped is None:
            assert night.snapshot is not None and night.determined is not None
            place, as_of = night.snapshot.folder, night.request.as_of
            write_answers(folder, night.determined, frames, place, as_of)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest["files"] = {p.relative_to(folder).as_posix(): file_digest(p) for p in files}
        write_manifest(folder, manifest)
    return target


def _frames(night: Night) -> dict[str, pl.DataFrame]:
    frames: dict[str, pl.DataFrame] = {}
    if night.determined is not None:
        determined = night.determined
        frames["determinations"] = determined.determinations
        frames["findings"] = _findings(night)
        ran = [name for name, status in determined.policies.items() if status.status == "ran"]
        frames |= {f"policies/{name}": determined.policy_rows(name) for name in ran}
    if night.entitled is not None:
        frames["entitlements"] = night.entitled.entitlements
    return frames


def _findings(night: Night) -> pl.DataFrame:
    assert night.snapshot is not None and night.determined is not None
    found = [night.determined.findings, pl.read_parquet(night.snapshot.folder / "findings.parquet")]
    if night.entitled is not None:
        found.append(night.entitled.findings)
    columns = night.determined.findings.columns
    return pl.concat([frame.select(columns) for frame in found]).sort(columns)


def _manifest(
    night: Night, frames: Mapping[str, pl.DataFrame], stopped: str | None
) -> dict[str, Any]:
    return {
        **night.identity,
        "code_version": version("wuxing"),
        "state": "stopped" if stopped else "done",
        "stopped_at": stopped,
        "outputs": {
            name: {"rows": frame.height, "digest": frame_digest(frame)}
            for name, frame in sorted(frames.items())
        },
        "policies": _policies(night),
        "own_rows": night.determined.own_rows.to_dicts() if night.determined else [],
        "gates": {
            outcome.boundary: {check.check: check.status for check in outcome.checks}
            for outcome in night.outcomes
        },
        # A stopped run drafted nothing: what it drew up in memory was never written.
        "batches": [] if stopped else _batch_ids(night),
        "warnings": [str(said) for said in _warnings(night)],
        "said": [said.content() for said in _warnings(night)],
        "counts": _counts(night),
    }


def _expect_same(target: Path, manifest: Mapping[str, Any]) -> None:
    standing = read_manifest(target, "run")
    differing = [
        name
        for name, content in manifest.items()
        if name != "code_version" and standing.get(name) != content
    ]
    if differing:
        raise DigestDiffersError(
            f"run {target.name} stands already in {target.parent}, but {', '.join(differing)} came "
            "out differently now: the program or the snapshot was changed since; `wuxing verify` "
            "tells which"
        )


def _policies(night: Night) -> dict[str, Any]:
    if night.determined is None:
        return {}
    return {
        name: {
            "status": status.status,
            "reason": str(status.reason or ""),
            "said": status.reason and status.reason.content(),
            "reach": [status.reach_from_month, status.reach_to_month],
            "parameters_used": status.parameters_used,
        }
        for name, status in sorted(night.determined.policies.items())
    }


def _batch_ids(night: Night) -> list[str]:
    return [batch.batch_id for batch in night.drafted.batches] if night.drafted else []


def _warnings(night: Night) -> list[Said]:
    said = night.snapshot.said("warnings") if night.snapshot else []
    return said + (night.determined.warnings if night.determined else [])


def _counts(night: Night) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    if night.snapshot is not None:
        files = night.snapshot.manifest["files"]
        for name in ("rows", "accepted", "quarantined"):
            counts[name] = sum(entry[name] for entry in files)
    if night.determined is not None:
        outcomes = night.determined.determinations["outcome"].value_counts(sort=True)
        counts["determinations"] = dict(sorted(outcomes.iter_rows()))
    if night.entitled is not None:
        statuses = night.entitled.entitlements.group_by("status").agg(
            pl.len().alias("rows"), pl.col("due_fen").sum()
        )
        counts["entitlements"] = {
            row["status"]: {"rows": row["rows"], "due_fen": row["due_fen"]}
            for row in statuses.sort("status").iter_rows(named=True)
        }
    return counts


def _clerical_review(night: Night) -> pl.DataFrame:
    """List the rows whose person id is damaged: they wait for a clerk's decision.

    Rows:    one per quarantined row with a damaged person id; no name, no id
    """
    assert night.snapshot is not None
    files = night.snapshot.manifest["files"]
    digests = {entry["name"]: entry["sha256"] for entry in files}
    damaged = pl.read_parquet(night.snapshot.folder / "quarantine.parquet").filter(
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


def _run_summary(night: Night, stopped: str | None) -> RunSummary:
    assert night.snapshot is not None
    snapshot, determined = night.snapshot, night.determined
    tables = [pl.read_parquet(snapshot.folder / f"{n}.parquet") for n in ("quarantine", "repairs")]
    return RunSummary(
        run_id=night.run_id,
        snapshot_id=snapshot.snapshot_id,
        as_of=night.request.as_of.isoformat(),
        stopped_at=stopped,
        gates=night.outcomes,
        files=count_files(snapshot.manifest["files"], *tables),
        policies=count_policies(policy_cards(), determined.policies, determined.determinations)
        if determined
        else (),
        entitlements=count_entitlements(night.entitled.entitlements) if night.entitled else (),
        batches=count_batches(night.drafted.batches) if night.drafted and not stopped else (),
        findings=count_findings(_findings(night)) if determined else (),
        warnings=_warnings(night),
        notes=snapshot.said("notes"),
        digests={name: str(value) for name, value in night.identity.items() if "digest" in name},
    )


def summarise_run(night: Night) -> dict[str, Any]:
    """Return what `run --json` prints: ids, paths, counts, policies, warnings."""
    home = night.request.home
    batches = _batch_ids(night)
    run_folder = home.runs / night.run_id
    return {
        "run_id": night.run_id,
        "snapshot_id": night.identity["snapshot_id"],
        "as_of": night.request.as_of.isoformat(),
        "batches": batches,
        "paths": {
            "run": str(run_folder),
            "report": str(run_folder / "report.html"),
            "snapshot": str(home.snapshots / night.identity["snapshot_id"]),
            "omitted": str(run_folder / "omitted.xlsx"),
            "reviews": [str(home.batches / batch / "review.xlsx") for batch in batches],
        },
        "counts": _counts(night),
        "policies": {
            name: {"status": entry["status"], "reason": entry["reason"]}
            for name, entry in _policies(night).items()
        },
        "warnings": [str(warning) for warning in _warnings(night)],
    }


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """Say at a glance what ran, what did not and why, and where to look."""
    lines = [f"run {summary['run_id']} as of {summary['as_of']}"]
    counts = summary["counts"]
    lines.append(
        f"  rows {counts['rows']:,} = accepted {counts['accepted']:,} "
        f"+ quarantined {counts['quarantined']:,}"
    )
    for name, policy in summary["policies"].items():
        why = f": {policy['reason']}" if policy["reason"] else ""
        lines.append(f"  {policy['status']:<8} {name}{why}")
    outcomes = counts["determinations"].items()
    lines.append("  determinations  " + ", ".join(f"{name} {n:,}" for name, n in outcomes))
    for status, entry in counts["entitlements"].items():
        due = yuan_text(entry["due_fen"], ",")
        lines.append(f"  {status:<12} {entry['rows']:>7,} lines {due:>16} 元")
    lines += [f"  warning: {warning}" for warning in summary["warnings"]]
    lines.append(f"  report  {summary['paths']['report']}")
    lines.append(f"  omitted {summary['paths']['omitted']}")
    lines += [f"  review  {path}" for path in summary["paths"]["reviews"]]
    return lines


def file_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Say for each file: rows = accepted + quarantined."""
    return [
        f"  {f['name']}: {f['rows']:,} rows = {f['accepted']:,} accepted "
        f"+ {f['quarantined']:,} quarantined"
        for f in manifest["files"]
    ]
