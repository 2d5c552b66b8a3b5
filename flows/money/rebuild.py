"""Rebuild a ledger that was lost or put back, from what witnesses kept and batches hold."""

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flows.money.approval import APPROVAL
from flows.money.batch_folder import verify_batch
from flows.money.export import folder_in, postings_in
from flows.money.funds import read_anchors
from flows.money.ledger_store import open_ledger, write_ledger
from flows.money.signatures import holds
from flows.money.verify_batches import replayed_entries
from flows.money.whole import unknown_payment_files
from flows.money.witnesses import ANCHOR_FORM, read_witness, tell_witness
from flows.store import MANIFEST, Home, staged_folder, sync_path
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.money.books import OPEN_STATES, Books
from transforms.money.ledger import ENTRY_FIELDS
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting, entries_digest, parted_at

SET_ASIDE = "before-rebuild"


def rebuild_ledger(home: Home, given: Sequence[Path]) -> dict[str, Any]:
    """Write the ledger anew, to the byte of every posting, from the witness that has seen most.

    Rows:    given  exported batches and anchors' files, beside the journal and the anchor folders
    Holds:   each posting's entries are derived again from its batch and the bank's answers, and
             are those that it posted; a batch whose folder is gone comes back from its export; the
             old file is set aside, never removed
    Raises:  DigestDiffersError if witnesses differ or a batch is not there as it was released;
             LedgerForbidsError if the ledger is behind nobody, and no batch came back
    """
    postings, source = _longest(home, given)
    books = read_books(postings, holds)
    if books.problems:
        raise DigestDiffersError(f"{source}: {books.problems[0]}; nothing was rebuilt")
    put_back = [*filter(None, (_put_back(home, path, books) for path in given))]
    if _is_whole(home, postings):
        if put_back:
            return _made(home, books, source, batches_put_back=put_back)
        raise LedgerForbidsError("the ledger is whole and behind nobody: nothing to rebuild")
    rows = [row for posting in _with_entries(home, postings, books) for row in posting]
    making = home.root / ".making-ledger.sqlite"
    write_ledger(making, postings, rows)
    _set_aside(home)
    os.replace(making, home.ledger_path)
    sync_path(home.root)
    tell_witness(home.journal_path, postings)
    counts = {"postings": len(postings), "entries": len(rows)}
    return _made(home, books, source, batches_put_back=put_back, **counts)


def _made(home: Home, books: Books, source: Path, **made: Any) -> dict[str, Any]:
    """Say what was made: no posting where only batches came back."""
    return {
        "source": str(source),
        "postings": 0,
        "entries": 0,
        **made,
        "folders_gone": [
            state.batch_id
            for state in books.batches.values()
            if state.state in OPEN_STATES and not (home.batches / state.batch_id).is_dir()
        ],
        "to_be_written_again": _without_files(home, books),
        "not_released_by_it": [str(path) for path in unknown_payment_files(home, books)],
    }


def _longest(home: Home, given: Sequence[Path]) -> tuple[list[Posting], Path]:
    """Return the postings of the witness that has seen most; all must have seen one ledger."""
    anchors = [path for f in read_anchors(home) for path in sorted(f.glob(ANCHOR_FORM))]
    seen = [(read_witness(path), path) for path in (home.journal_path, *anchors)]
    seen += [(postings_in(path), path) for path in given]
    postings, source = max(seen, key=lambda pair: len(pair[0]))
    if not postings:
        raise DropRefusedError(
            f"nobody has kept a posting of {home.root}: bring an anchor's file or an exported "
            "batch; without one, reconcile with the bank and begin a new home"
        )
    hashes = [posting.posting_hash for posting in postings]
    for other, path in seen:
        position = parted_at(hashes, [(p.sequence, p.posting_hash) for p in other])
        if position:
            raise DigestDiffersError(
                f"{path} and {source} have seen two ledgers, from posting {position} on: ask who "
                "signed which; nothing was rebuilt"
            )
    return postings, source


def _is_whole(home: Home, postings: Sequence[Posting]) -> bool:
    """Say whether the ledger has all these postings, and their entries: then it is not rebuilt."""
    if not home.ledger_path.exists():
        return False
    try:
        with open_ledger(home, only_look=True) as ledger:
            is_whole = not list(ledger.entry_problems())
            return is_whole and ledger.books().position >= len(postings)
    except DigestDiffersError:
        return False


def _put_back(home: Home, path: Path, books: Books) -> str:
    """Put a batch's folder that is gone back from its export; return the batch's id if it did."""
    if not zipfile.is_zipfile(path):
        return ""
    batch_id, files = folder_in(path)
    is_whole = files.keys() >= json.loads(files[MANIFEST])["files"].keys()
    if batch_id not in books.batches or (home.batches / batch_id).exists() or not is_whole:
        return ""
    with staged_folder(home.batches / batch_id) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return batch_id


def _with_entries(
    home: Home, postings: Sequence[Posting], books: Books
) -> Iterator[list[tuple[Any, ...]]]:
    """Derive every posting's entries again, in the order of the postings."""
    derived: dict[int, list[tuple[Any, ...]]] = {}
    for batch_id in sorted({p.batch_id for p in postings if p.entry_count}):
        state = books.batches[batch_id]
        if not (home.batches / batch_id).is_dir():
            raise DigestDiffersError(
                f"batch {batch_id}: its folder is not there; give the file of `wuxing batch "
                "export` that its signers keep, or bring the folder back; nothing was rebuilt"
            )
        stored = verify_batch(home, state)
        mine = [p for p in postings if p.batch_id == batch_id]
        for posting, entries in replayed_entries(mine, stored, state):
            derived[posting.sequence] = list(entries.select(ENTRY_FIELDS).iter_rows())
    for posting in postings:
        rows = derived.get(posting.sequence, [])
        if (len(rows), entries_digest(rows)) != (posting.entry_count, posting.entries_digest):
            raise DigestDiffersError(
                f"batch {posting.batch_id}: its lines and answers are not those of posting "
                f"{posting.sequence}; bring back its folder as it was; nothing was rebuilt"
            )
        yield [(posting.sequence, *row) for row in rows]


def _without_files(home: Home, books: Books) -> list[str]:
    """List the released batches whose files are not there: an older home came back."""
    folders = {home.batches / one.batch_id: one for one in books.batches.values() if one.released}
    return [
        one.batch_id
        for folder, one in folders.items()
        if not all((folder / name).is_file() for name in (APPROVAL, *one.payment_files))
    ]


def _set_aside(home: Home) -> None:
    """Rename a ledger's file and its log, also one that stands alone: SQLite would replay it."""
    number = len(list(home.root.glob(f"ledger.sqlite.{SET_ASIDE}-*"))) + 1
    for path in sorted(home.root.glob("ledger.sqlite*")):
        if SET_ASIDE not in path.name:
            ending = path.name.removeprefix("ledger.sqlite")
            path.rename(home.root / f"ledger.sqlite.{SET_ASIDE}-{number}{ending}")
