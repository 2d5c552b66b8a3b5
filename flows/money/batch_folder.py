"""A batch on disk: written once, read back, and checked byte by byte against its manifest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from flows.data_package import write_data_package, write_table
from flows.store import (
    Home,
    digest_problems,
    file_digest,
    read_manifest,
    write_manifest,
)
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.batch_states import BatchState, is_as_posted
from transforms.money.batches import DraftBatch
from transforms.money.entitlements import KEY
from transforms.money.ledger import PAID_SCHEMA

SHOWN = 10
FRAMES = ("instructions", "lines", "unpaid_lines")


@dataclass(frozen=True)
class StoredBatch:
    """A batch as it lies on disk; its frames are read when asked for."""

    folder: Path
    manifest: dict[str, Any]

    def frame(self, name: str) -> pl.DataFrame:
        """Read instructions, lines or unpaid_lines.

        Raises:  DigestDiffersError if the file can't be read
        """
        return _read_frame(self.folder / f"{name}.parquet")

    def frames(self) -> dict[str, pl.DataFrame]:
        """Read all three, by name."""
        return {name: self.frame(name) for name in FRAMES}

    def numbered_lines(self) -> pl.DataFrame:
        """Read the lines, each with its number, `line`, from 1."""
        return self.frame("lines").with_row_index("line", offset=1)

    @property
    def as_drawn(self) -> dict[str, Any]:
        """Return the manifest as it was drawn up, before its files were written."""
        return {name: value for name, value in self.manifest.items() if name != "files"}


def write_record(folder: Path, batch: DraftBatch) -> None:
    """Write what is signed of a batch, its manifest and what that names, into an empty folder.

    Holds:   the same run writes the same bytes
    """
    for name in FRAMES:
        write_table(getattr(batch, name), folder / f"{name}.parquet")
    write_data_package(folder, batch.batch_id, f"Batch {batch.batch_id}")
    names = sorted(path.name for path in folder.iterdir())
    files = {name: file_digest(folder / name) for name in names}
    write_manifest(folder, {**batch.manifest, "files": files})


def expect_redrawn(target: Path, batch: DraftBatch) -> None:
    """Check that the batch whose folder is there already is the one that was drawn up again.

    Raises:  DigestDiffersError if it has other contents
    """
    manifest = StoredBatch(target, read_manifest(target, "batch")).as_drawn
    if manifest != batch.manifest:
        differing = sorted(
            name
            for name in manifest.keys() | batch.manifest.keys()
            if manifest.get(name) != batch.manifest.get(name)
        )
        raise DigestDiffersError(
            f"batch {batch.batch_id} is there already and differs in {', '.join(differing)} from "
            "what the same run draws up now; run `wuxing verify`"
        )


def digests_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the digest of each file's content."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def batch_digest(folder: Path) -> str:
    """Return a batch's digest: of its manifest's bytes, which name every other file's digest."""
    return file_digest(folder / "manifest.json")


def read_batch(home: Home, batch_id: str) -> StoredBatch:
    """Read a batch's manifest.

    Raises:  DropRefusedError if there is no such batch; DigestDiffersError if it is damaged
    """
    folder = home.batches / batch_id
    return StoredBatch(folder, read_manifest(folder, "batch"))


def known_state(states: Mapping[str, BatchState], batch_id: str) -> BatchState:
    """Return a batch's state from the ledger.

    Raises:  LedgerForbidsError if this home's ledger knows no such batch
    """
    if batch_id not in states:
        raise LedgerForbidsError(
            f"this home's ledger knows no batch {batch_id}: give the whole id as `wuxing batch "
            "list` shows it; one of another home, or of a run that was interrupted, is not there"
        )
    return states[batch_id]


def verify_batch(home: Home, state: BatchState) -> StoredBatch:
    """Check that every byte of a batch is as it was when it was drawn up.

    Raises:  DigestDiffersError naming the file
    """
    if not (home.batches / state.batch_id).is_dir():
        raise DigestDiffersError(
            f"batch {state.batch_id}: its folder is not there: `wuxing ledger rebuild FILE` puts "
            "it back from what `wuxing batch export` wrote; what is not released can be given up: "
            f"`wuxing batch withdraw {state.batch_id}`"
        )
    stored = read_batch(home, state.batch_id)
    is_as_recorded = batch_digest(stored.folder) == state.batch_digest
    if not is_as_recorded or not is_as_posted(state, stored.manifest):
        raise DigestDiffersError(_changed(stored.folder / "manifest.json"))
    for name, digest in stored.manifest["files"].items():
        path = stored.folder / name
        if not path.is_file() or file_digest(path) != digest:
            raise DigestDiffersError(_changed(path))
    return stored


def line_named(row: Mapping[str, Any]) -> str:
    """Name a line of a batch by its number, policy, period and payment."""
    return f"line {row['line']} ({row['policy_id']}, {row['period']}, {row['payment_id']})"


def some_of(said: Iterable[str]) -> str:
    """Tell the first of what was found, and how many more there are."""
    found = [*said]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{'; '.join(found[:SHOWN])}{more}"


def _changed(path: Path) -> str:
    return (
        f"{path} is not as it was when the batch was drawn up: nothing was signed or paid; "
        "find out who changed it, and make a new run"
    )


def signed_lines(home: Home, states: Iterable[BatchState]) -> pl.DataFrame:
    """Return the lines of batches that are signed and not yet released, as the ledger would."""
    return batch_lines(home, [state for state in states if state.reserves])


def batch_lines(home: Home, states: Iterable[BatchState]) -> pl.DataFrame:
    """Return the lines of some batches, as the ledger would.

    Rows:    one per line, columns PAID_SCHEMA
    Raises:  DigestDiffersError if one of the batches was changed
    """
    frames = [_lines_of(verify_batch(home, state).folder) for state in states]
    return pl.concat([pl.DataFrame(schema=PAID_SCHEMA), *frames]).sort(["payment_id", *KEY])


def _lines_of(folder: Path) -> pl.DataFrame:
    accounts = _read_frame(folder / "instructions.parquet").select("payment_id", "account_no")
    lines = _read_frame(folder / "lines.parquet")
    return lines.join(accounts, on="payment_id", how="left", validate="m:1").select(
        pl.col(name).cast(dtype) for name, dtype in PAID_SCHEMA.items()
    )


def _read_frame(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as broken:
        raise DigestDiffersError(f"{path} is missing or damaged: find out why") from broken


def is_filled_in(name: str) -> bool:
    """Say whether a file of the reviewer's copy is one to fill in: it proves nothing by itself."""
    return name.endswith(".xlsx")


def review_as_drawn(home: Home, state: BatchState) -> dict[str, bytes]:
    """Read those files of a batch's reviewer's copy that are to the byte what was drawn up."""
    there = [home.batches / state.batch_id / name for name in state.review]
    lying = {path.name: path.read_bytes() for path in there if path.is_file()}
    return {name: lying[name] for name, d in digests_of(lying).items() if d == state.review[name]}


def expect_pages(home: Home, state: BatchState) -> None:
    """Hold the pages that signers read against what was drawn up; who has none read none here.

    Raises:  DigestDiffersError naming the page, and how it is drawn up again
    """
    folder = home.batches / state.batch_id
    pages = [(folder / name, digest) for name, digest in state.review.items()]
    pages = [(path, d) for path, d in pages if path.is_file() and not is_filled_in(path.name)]
    changed = digest_problems(pages)
    if changed:
        raise DigestDiffersError(
            f"{changed[0]}: what it shows is not the batch; nothing was signed; `wuxing batch pack "
            f"{state.batch_id}` draws it up again: read that"
        )
