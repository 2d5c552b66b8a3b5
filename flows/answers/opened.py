"""A recorded run opened to be told of: what is read of it is what the ledger recorded."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.law import Law, law_of
from flows.answers.snapshot_rows import SnapshotRows
from flows.money.evidence import open_run
from flows.money.ledger_store import books_of
from flows.store import Home, read_manifest
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.books import Books


@dataclass(frozen=True)
class Evidence:
    """A run that is there, its snapshot, and what the ledger knows."""

    home: Home
    manifest: Mapping[str, Any]
    source: SnapshotRows
    books: Books
    place: Path | None = None

    def opened(self, *names: str) -> Path:
        """Return the run's folder, in which these tables, if there, are as it was recorded.

        `place`: where a run is being written that is not recorded yet.

        Raises:  DigestDiffersError naming the file
        """
        folder = self.place or self.home.runs / str(self.manifest["run_id"])
        if self.source.recorded and not self.place:
            self.source.recorded.opened(folder / f"{name}.parquet" for name in names)
        return folder

    @cached_property
    def law(self) -> Law:
        """Return the cards and rules that the run was made by."""
        return law_of(self.home, self.manifest)


def read_evidence(home: Home, run_id: str) -> Evidence:
    """Open a run with its snapshot and the ledger's books; no row is read yet.

    Holds:   whatever is read of it later was held against manifests that the ledger recorded
    Raises:  DropRefusedError if there is none, or it stopped before its determinations;
             DigestDiffersError if it is not as it was recorded
    """
    manifest = read_manifest(home.runs / run_id, "run")
    if not manifest.get("policies"):
        at = manifest.get("stopped_at")
        raise DropRefusedError(f"run {run_id} has no determinations: it stopped at its gate {at}")
    books = books_of(home)
    recorded, as_of = open_run(home, run_id, books), date.fromisoformat(manifest["as_of"])
    source = SnapshotRows(recorded.snapshot, as_of, manifest["own_rows"], recorded)
    return Evidence(home, manifest, source, books)


@contextmanager
def files_readable(run_id: str) -> Iterator[None]:
    """Let a file of a run or its snapshot that can't be read be a plain answer.

    Raises:  DigestDiffersError
    """
    try:
        yield
    except (pl.exceptions.ComputeError, OSError) as broken:
        raise DigestDiffersError(
            f"a file of run {run_id} or of its snapshot can't be read: it is missing or damaged; "
            "`wuxing verify` names it"
        ) from broken
