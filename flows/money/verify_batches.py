"""A batch on the disk, and its entries in the ledger, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.approval import APPROVAL, approval_sheet
from flows.money.as_run import expect_as_run
from flows.money.batch_folder import StoredBatch, is_filled_in, read_batch
from flows.money.ledger import ENTRY_SCHEMA, Ledger
from flows.money.notice import NOTICE, announced_from, notice_bytes, unannounced
from flows.money.paid_as_signed import unlike_signed
from flows.money.reconcile import RECONCILIATION, STATEMENT, posted_again, reconciliation_files
from flows.money.review import successor
from flows.money.review_pack import expect_drawn_so
from flows.money.settle import kept_path, settlement_of
from flows.money.verify_folders import files_beside
from flows.store import MANIFEST, Home, digest_problems, file_digest
from transforms.digest import frame_digest
from transforms.money.batch_states import BatchState, is_as_posted
from transforms.money.batches import batch_name
from transforms.money.books import Books
from transforms.money.ledger import later_entries, payment_entries
from transforms.money.postings import Posting
from transforms.payments.notice import NOTICE_DAYS
from transforms.sheets.csv_file import as_before

WRITTEN = (NOTICE, APPROVAL, *RECONCILIATION)


def batch_problems(
    home: Home, ledger: Ledger, state: BatchState, warnings: list[str]
) -> Iterator[str]:
    """Say what of a batch is not as recorded: files, contents, payment files, entries.

    Rows:    warnings  takes what nobody can say is wrong: files of another form, early releases
    Holds:   a file that was changed is not read: nobody knows what it does to a reader
    """
    folder = home.batches / state.batch_id
    changed = digest_problems([(folder / MANIFEST, state.batch_digest)])
    if changed:
        yield from changed
        return
    stored = read_batch(home, state.batch_id)
    if not is_as_posted(state, stored.manifest):
        yield f"{home.ledger_path} says of {folder} another thing than its manifest"
    files, beside = batch_files(home, stored, state)
    changed = digest_problems(files)
    yield from changed
    if changed:
        yield from _release_to_repeat(folder, state)
        yield from files_beside(folder, [*(path for path, _ in files), *beside])
        return
    written = _written_again(ledger, stored, state)
    for path, content in written.items():
        if not path.is_file():
            yield f"{path} is missing or can't be read"
        elif path.read_bytes() != content:
            yield f"{path} is not as it was written"
    known = [*(path for path, _ in files), *_copies(folder, state), *written]
    yield from files_beside(folder, known)
    yield from _origin_problems(home, ledger, state, stored)
    for name, digest in stored.manifest["content_digests"].items():
        if frame_digest(stored.frame(name)) != digest:
            yield f"{folder / name}.parquet holds other rows than were drawn up"
    yield from _entry_problems(ledger, state, stored)
    yield from _answer_problems(state, stored)
    yield from _statement_problems(ledger, state, stored)
    expect_as_run(home, stored, ledger.books())
    expect_drawn_so(home, ledger.postings(), stored, state)
    if state.released:
        yield from unlike_signed(stored, state.released, warnings)
        warnings += _released_early(home, ledger.books(), stored, state.released)


def _released_early(
    home: Home, books: Books, stored: StoredBatch, released: Mapping[str, Any]
) -> Iterator[str]:
    """Tell of lines that were paid before their notice was over; long ago none asked for one."""
    # A release has said its day for as long as the notice has been asked for at it, but a day.
    day = released.get("on")
    count, ends = unannounced(home, books, stored, day) if day else (0, "")
    if count:
        yield (
            f"batch {stored.manifest['batch_id']} was released on {day} though {count} lines were "
            f"not publicly announced for {NOTICE_DAYS} working days{ends}: find out who let it pass"
        )


def _release_to_repeat(folder: Path, state: BatchState) -> Iterator[str]:
    """Say of a batch that was released and lacks a payment file how to have it again."""
    if not all((folder / name).exists() for name in state.payment_files):
        yield (
            f"batch {state.batch_id} was released, and not all its payment files are in place: if "
            "the release was stopped, `wuxing release` once more puts them there, the same"
        )


def batch_files(
    home: Home, stored: StoredBatch, state: BatchState
) -> tuple[list[tuple[Path, str]], list[Path]]:
    """List the files that manifest and ledger name, with digests, and what may lie beside them."""
    folder = home.batches / state.batch_id
    papers = (state.released or {}).get("papers", {})
    named = [
        *stored.manifest["files"].items(),
        *state.payment_files.items(),
        *((name, digest) for name, digest in papers.items() if (folder / name).is_file()),
        *((name, digest) for name, digest in state.review.items() if not is_filled_in(name)),
    ]
    files = [(folder / name, digest) for name, digest in named]
    beside = [*_copies(folder, state), *(folder / name for name in WRITTEN)]
    answers = [said["file_digest"] for said in state.settled]
    statements = sorted({said["file_digest"] for said in state.reconciled})
    files += [(kept_path(stored, digest), digest) for digest in answers]
    files += [(kept_path(stored, digest, STATEMENT), digest) for digest in statements]
    return files, beside


def _written_again(ledger: Ledger, stored: StoredBatch, state: BatchState) -> dict[Path, bytes]:
    """Write again what stands beside a batch and no posting names."""
    folder = stored.folder
    written = {}
    notice = folder / NOTICE
    if notice.is_file():
        # One from before the batch, or the one it came from, was put up counts from the as-of day.
        drawn = notice_bytes(stored, date.fromisoformat(state.as_of))
        is_drawn = notice.read_bytes() == drawn
        put_up = announced_from(state, ledger.batch_states())
        written[notice] = drawn if is_drawn else notice_bytes(stored, put_up)
    if state.released:
        written[folder / APPROVAL] = approval_sheet(ledger.books(), state)
    if state.reconciled:
        _, found = posted_again(ledger, stored, state, len(state.reconciled) - 1)
        files = reconciliation_files(state, found)
        written |= {folder / name: content for name, content in files.items()}
    return {path: _as_of_then(path, content) for path, content in written.items()}


def _as_of_then(path: Path, content: bytes) -> bytes:
    """Return a CSV as an earlier version wrote it, where it stands like that."""
    before = as_before(content)
    is_before = path.suffix == ".csv" and path.is_file() and path.read_bytes() == before
    return before if is_before else content


def _origin_problems(
    home: Home, ledger: Ledger, state: BatchState, stored: StoredBatch
) -> Iterator[str]:
    """Hold a batch's id against what it comes from; one after a review is drawn up once more."""
    if batch_name(state.run_id, state.fund, stored.manifest.get("review")) != state.batch_id:
        yield f"{stored.folder / MANIFEST} names another run or fund than the batch's id does"
    if state.came_from:
        before = ledger.books().batches[state.came_from]
        drawn = successor(read_batch(home, before.batch_id), before.reviewed[-1])
        if drawn.manifest != stored.as_drawn:
            yield f"{stored.folder} is not what the review of batch {state.came_from} leaves"


def _copies(folder: Path, state: BatchState) -> list[Path]:
    return [
        path
        for name in filter(is_filled_in, state.review)
        for path in (folder / name, *folder.glob(f"{Path(name).stem}-*{Path(name).suffix}"))
    ]


def changed_copies(home: Home, state: BatchState) -> Iterator[str]:
    """Say which workbooks for the reviewer are not as they were written."""
    for name in filter(is_filled_in, state.review):
        path = home.batches / state.batch_id / name
        if path.is_file() and file_digest(path) != state.review[name]:
            yield (
                f"{path} was filled in or changed since it was written: it is no evidence; `wuxing "
                "batch pack` writes it anew beside it"
            )


def _entry_problems(ledger: Ledger, state: BatchState, stored: StoredBatch) -> Iterator[str]:
    """Compare a batch's entries with its lines and with the bank's answers, row by row."""
    postings = ledger.postings(batch_id=state.batch_id)
    for posting, wanted in replayed_entries(postings, stored, state):
        differing = _first_difference(ledger.entries_at(posting.sequence), wanted)
        if differing:
            yield (
                f"{ledger.home.ledger_path}, batch {state.batch_id}: entry {differing} of posting "
                f"{posting.sequence} is not that of the batch's lines and the bank's answers"
            )


def replayed_entries(
    postings: Sequence[Posting], stored: StoredBatch, state: BatchState
) -> Iterator[tuple[Posting, pl.DataFrame]]:
    """Derive a batch's entries again, posting by posting, from its lines and answers alone."""
    year, history = int(state.as_of[:4]), pl.DataFrame(schema=ENTRY_SCHEMA)
    for posting in postings:
        if posting.kind == "released":
            entries = payment_entries(stored.frame("lines"), stored.frame("instructions"), year)
        else:
            entries = later_entries(posting.kind, posting.said, history)
        history = pl.concat([history, entries])
        yield posting, entries


def _answer_problems(state: BatchState, stored: StoredBatch) -> Iterator[str]:
    """Read the bank's files again, in their order, and hold them against what was posted."""
    for count, said in enumerate(state.settled):
        path = kept_path(stored, said["file_digest"])
        before = replace(state, settled=state.settled[:count])
        found = settlement_of(stored, before, path.read_bytes(), str(path))
        if any(said[name] != value for name, value in found.items()):
            yield f"{path} says another thing than was posted of it"


def _statement_problems(ledger: Ledger, state: BatchState, stored: StoredBatch) -> Iterator[str]:
    """Read the statements again, in their order, and hold them against what was posted."""
    for place, posted in enumerate(state.reconciled):
        if posted_again(ledger, stored, state, place)[0] != posted:
            yield f"{stored.folder}: its statements say another thing than was posted of them"


def _first_difference(found: pl.DataFrame, wanted: pl.DataFrame) -> int:
    """Return the number of the first row that differs, counted from one; 0 if none does."""
    if found.equals(wanted):
        return 0
    pairs = zip(found.iter_rows(), wanted.iter_rows(), strict=False)
    same = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    return min(found.height, wanted.height) + 1 if same is None else same + 1
