"""A batch on the disk, and its entries in the ledger, row by row."""

from collections.abc import Iterator

import polars as pl

from flows.money.batch_folder import StoredBatch, read_batch
from flows.money.ledger import Ledger
from flows.money.notice import NOTICE, notice_bytes
from flows.money.verify_folders import files_beside
from flows.store import MANIFEST, Home, digest_problems
from transforms.digest import frame_digest, short_id
from transforms.money.batch_states import BatchState
from transforms.money.ledger import payment_entries, return_entries


def batch_problems(home: Home, ledger: Ledger, state: BatchState) -> Iterator[str]:
    """Say what of a batch is not as recorded: files, contents, payment files, entries."""
    folder = home.batches / state.batch_id
    yield from digest_problems([(folder / MANIFEST, state.batch_digest)])
    stored = read_batch(home, state.batch_id)
    files = [(folder / name, digest) for name, digest in stored.manifest["files"].items()]
    released = state.released["files"] if state.released else {}
    files += [(folder / name, digest) for name, digest in released.items()]
    yield from digest_problems(files)
    known = [path for path, _ in files]
    notice = folder / NOTICE
    if notice.is_file():
        known.append(notice)
        if notice.read_bytes() != notice_bytes(stored):
            yield f"{notice} was changed after it was written"
    yield from files_beside(folder, known)
    if short_id("B", {"run_id": state.run_id, "fund": state.fund}) != state.batch_id:
        yield f"{folder / MANIFEST} names another run or fund than the batch's id does"
    for name, digest in stored.manifest["content_digests"].items():
        if frame_digest(stored.frame(name)) != digest:
            yield f"{folder / name}.parquet holds other rows than were drawn up"
    yield from _entry_problems(ledger, state, stored)


def _entry_problems(ledger: Ledger, state: BatchState, stored: StoredBatch) -> Iterator[str]:
    """Compare a batch's entries with its lines and with the bank's answers, row by row."""
    lines, instructions = stored.frame("lines"), stored.frame("instructions")
    expected = payment_entries(lines, instructions, int(state.as_of[:4]))
    expected = expected if state.released else expected.clear()
    returned = [answer[0] for said in state.settled for answer in said["returned"]]
    for kind, wanted in (
        ("payment", expected),
        ("return", return_entries(expected, returned)),
    ):
        found = ledger.entries_of(state.batch_id, kind)
        differing = _first_difference(found, wanted)
        if differing:
            yield (
                f"{ledger.home.ledger_path}, batch {state.batch_id}: {kind} entry {differing} of "
                f"{found.height} is not that of the batch's lines and the bank's answers"
            )


def _first_difference(found: pl.DataFrame, wanted: pl.DataFrame) -> int:
    """Return the number of the first row that differs, counted from one; 0 if none does."""
    if found.equals(wanted):
        return 0
    pairs = zip(found.iter_rows(), wanted.iter_rows(), strict=False)
    same = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    return min(found.height, wanted.height) + 1 if same is None else same + 1
