"""Whether a run and its snapshot still are what the ledger recorded, to the byte."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import snapshot_files
from flows.store import MANIFEST, Home, expect_digests, file_digest, read_manifest


def expect_evidence(home: Home, run_id: str, recorded: Mapping[str, Any]) -> None:
    """Check a run's outputs and its snapshot's tables against what the ledger recorded.

    Raises:  DigestDiffersError naming the file
    """
    run, snapshot = expect_manifests(home, run_id, recorded)
    expect_digests(
        [*run_files(run), *snapshot_files(snapshot, read_manifest(snapshot, "snapshot"))]
    )


def expect_manifests(home: Home, run_id: str, recorded: Mapping[str, Any]) -> tuple[Path, Path]:
    """Check the manifests of a run and its snapshot alone; return the folders of both.

    Raises:  DigestDiffersError naming the file
    """
    run, snapshot = home.runs / run_id, home.snapshots / recorded["snapshot_id"]
    manifests = {run: recorded["run_manifest"], snapshot: recorded["snapshot_manifest"]}
    expect_digests([(folder / MANIFEST, digest) for folder, digest in manifests.items()])
    return run, snapshot


def run_record(home: Home, run_id: str) -> dict[str, Any]:
    """Return what is posted of a run: its manifest and its snapshot's, and what they are of."""
    run = home.runs / run_id
    manifest = read_manifest(run, "run")
    return {
        **{name: manifest[name] for name in ("state", "as_of", "snapshot_id")},
        "run_manifest": file_digest(run / MANIFEST),
        "snapshot_manifest": file_digest(home.snapshots / manifest["snapshot_id"] / MANIFEST),
    }


def table_files(snapshot: Path, kind: str) -> list[tuple[Path, str]]:
    """List a snapshot's files of a kind with their digests; none if it was not delivered."""
    table = read_manifest(snapshot, "snapshot")["tables"].get(kind, {"files": {}})
    return [(snapshot / name, digest) for name, digest in sorted(table["files"].items())]


def rows_of(files: Iterable[tuple[Path, str]]) -> pl.DataFrame:
    """Read the rows of some files; a frame without columns where there is no file."""
    frames = [pl.read_parquet(path) for path, _ in files]
    return pl.concat(frames) if frames else pl.DataFrame()


def run_files(folder: Path) -> list[tuple[Path, str]]:
    """List a run's files with the digests its manifest gives them."""
    manifest = read_manifest(folder, "run")
    return [(folder / name, digest) for name, digest in manifest["files"].items()]
