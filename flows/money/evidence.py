"""Whether a run and its snapshot still are what the ledger recorded, to the byte."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import ingest_drop, snapshot_files
from flows.scratch import scratch_folder
from flows.store import MANIFEST, Home, expect_digests, file_digest, read_manifest
from transforms.errors import DigestDiffersError, WuxingError
from transforms.money.books import Books


@dataclass(frozen=True)
class Recorded:
    """A recorded run and its snapshot: each file is held against its digest once, when opened."""

    run: Path
    snapshot: Path
    digests: Mapping[Path, str]
    held: set[Path] = field(default_factory=set, repr=False)

    def opened(self, paths: Iterable[Path]) -> list[Path]:
        """Return those of some files that there are, for their bytes to be believed.

        Raises:  DigestDiffersError naming one that is missing, was changed, or put there since
        """
        there = [path for path in paths if path in self.digests or path.is_file()]
        new = [path for path in there if path not in self.held]
        expect_digests((path, self.digests.get(path, "")) for path in new)
        self.held.update(new)
        return there

    def tables(self, kind: str) -> list[Path]:
        """List the snapshot's files of a kind, none of them opened yet; none if not delivered."""
        return self._of_kind.get(self.snapshot / "tables" / kind, [])

    @cached_property
    def _of_kind(self) -> dict[Path, list[Path]]:
        """Sort the files once: a kind's one table, or the folder that its tables lie in."""
        tables, found = self.snapshot / "tables", dict[Path, list[Path]]()
        for path in self.digests:
            of = path.with_suffix("") if path.parent == tables else path.parent
            found.setdefault(of, []).append(path)
        return found


def open_run(home: Home, run_id: str, books: Books) -> Recorded:
    """Open a run and its snapshot, both manifests as the ledger recorded them; no table is read.

    Raises:  DigestDiffersError naming the manifest, or the run that the ledger does not know;
             DropRefusedError if the snapshot is not there
    """
    if run_id not in books.runs:
        raise DigestDiffersError(
            f"the ledger knows no run {run_id}: if it was interrupted, run it again first"
        )
    # A folder that is not there, put by perhaps, is told so: nobody changed it.
    said = read_manifest(home.snapshots / books.runs[run_id]["snapshot_id"], "snapshot")
    run, snapshot = expect_manifests(home, run_id, books)
    files = [*run_files(run), *snapshot_files(snapshot, said)]
    return Recorded(run, snapshot, dict(sorted(files)))


def run_table(home: Home, run_id: str, recorded: Mapping[str, Any], name: str) -> Path | None:
    """Return where a table of a run lies, as the ledger recorded it; None if it is not there.

    A carried night brings only some tables of the runs before it, and not their snapshots.

    Raises:  DigestDiffersError naming the file
    """
    folder = home.runs / run_id
    path = folder / f"{name}.parquet"
    if not path.is_file():
        return None
    expect_digests([(folder / MANIFEST, recorded["run_manifest"])])
    expect_digests([(path, dict(run_files(folder)).get(path, ""))])
    return path


def expect_evidence(home: Home, run_id: str, books: Books) -> None:
    """Check a run's outputs and its snapshot's tables against what the ledger recorded.

    Raises:  DigestDiffersError naming the file
    """
    run, snapshot = expect_manifests(home, run_id, books)
    expect_digests(
        [*run_files(run), *snapshot_files(snapshot, read_manifest(snapshot, "snapshot"))]
    )


def expect_manifests(home: Home, run_id: str, books: Books) -> tuple[Path, Path]:
    """Check the manifests of a run and its snapshot alone; return the folders of both.

    Raises:  DigestDiffersError naming the file
    """
    recorded = books.runs[run_id]
    run, snapshot = home.runs / run_id, home.snapshots / recorded["snapshot_id"]
    manifests = {run: recorded["run_manifest"], snapshot: recorded["snapshot_manifest"]}
    expect_digests([(folder / MANIFEST, digest) for folder, digest in manifests.items()])
    expect_recorded_so(snapshot, books)
    return run, snapshot


def expect_recorded_so(snapshot: Path, books: Books) -> None:
    """Hold a snapshot against what runs recorded of it.

    Of one that was gone, another version may have made a manifest that says the same otherwise:
    then its raw files decide, read again.

    Raises:  DigestDiffersError naming a run that recorded it otherwise
    """
    manifest, digest = snapshot / MANIFEST, file_digest(snapshot / MANIFEST)
    recorded = books.snapshots.get(snapshot.name, {})
    others = [run_id for said, run_id in recorded.items() if said != digest]
    if others and not _is_read_so(snapshot):
        raise DigestDiffersError(
            f"{manifest} is not the one that run {others[0]} recorded, and its raw files read "
            "otherwise: sign and pay nothing, find out who changed it, and bring the snapshot back "
            "from a backup"
        )


def _is_read_so(snapshot: Path) -> bool:
    """Say whether a snapshot's raw files still give its tables and lists."""
    stored = read_manifest(snapshot, "snapshot")
    with scratch_folder(Home(snapshot.parent.parent).temporary) as scratch:
        try:
            again = ingest_drop(snapshot / "raw", scratch)
        except WuxingError:
            return False
    names = ("snapshot_id", "tables", "lists")
    return all(again.manifest.get(name) == stored.get(name) for name in names)


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
