"""Whether a home may spend: its ledger whole and not behind any witness, nothing unknown paid."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.money.funds import read_anchors
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.objections import standing_again
from flows.money.witnesses import (
    ADVICE,
    anchor_path,
    expect_anchors,
    expect_witnessed,
    forgotten,
    tell_anchors,
    tell_witness,
    told_anchors,
    unreached,
)
from flows.store import Home, place_of
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.books import Books

PAYMENT_FILES = ("payments*.xml", "bank*.txt", "rehearsal-*")


def expect_whole(home: Home, ledger: Ledger, *, tells: bool = True) -> None:
    """Check the ledger from its first posting to its last entry, its witnesses, the disk.

    `tells`: also the anchor folders, of what one of them could not take when it was posted; a
    night goes on where none is connected.

    Holds:   afterwards the journal, and every anchor folder that is told, has seen every posting
    Raises:  DigestDiffersError: nothing is to be drawn up, signed or paid until it is reconciled;
             LedgerForbidsError if an anchor folder that is told is not there
    """
    if not ledger.is_kept:
        raise LedgerForbidsError(f"there is no ledger in {home.root}: `wuxing init` makes one")
    postings, books = ledger.postings(), ledger.books()
    problem = next(ledger.entry_problems(), None)
    if problem:
        raise DigestDiffersError(f"{home.ledger_path}, {problem}; {ADVICE}")
    tell_witness(home.journal_path, postings)
    # A copy pays nothing, and a night computed again is of a day that anchors have gone on from.
    if is_at_home(home, books):
        expect_anchors(former_anchors(home, told_anchors(postings)), books.home_id, books.hashes)
    expect_anchors(read_anchors(home), books.home_id, books.hashes)
    unknown = unknown_payment_files(home, books)
    if unknown:
        raise DigestDiffersError(
            f"{unknown[0]} is a payment file that the ledger did not release; {ADVICE}"
        )
    for answer in standing_again(home, books.withdrawn):
        raise DigestDiffersError(answer)
    if tells and is_at_home(home, books):
        tell_anchors(read_anchors(home), books.home_id, postings)


@contextmanager
def whole_ledger(home: Home, *, at_home: bool = False) -> Iterator[Ledger]:
    """Open a home's ledger to act by it: whole, and if `at_home`, no copy's."""
    with open_ledger(home) as ledger:
        expect_whole(home, ledger)
        if at_home:
            expect_at_home(home, ledger.books())
        yield ledger


def former_anchors(home: Home, told: Iterable[str]) -> list[Path]:
    """Return the anchor folders that signatures name and funds.toml no longer does.

    What they saw stays seen: who names another folder does not take back what was paid.
    """
    named = {str(folder) for folder in read_anchors(home)}
    return [Path(folder) for folder in told if folder not in named]


def unwitnessed(home: Home, *, again: bool = True) -> list[str]:
    """Hold a ledger against its journal and anchors, to look; say which can't vouch for it.

    Raises:  DigestDiffersError if it is behind one of them
    """
    folders = read_anchors(home)
    try:
        with open_ledger(home, only_look=True) as ledger:
            books, postings = ledger.books(), ledger.postings()
        told = told_anchors(postings)
        expect_witnessed(home.journal_path, books.hashes)
        expect_anchors(former_anchors(home, told), books.home_id, books.hashes)
        paths = {str(folder): anchor_path(folder, books.home_id) for folder in folders}
        found = [
            unreached(path) or forgotten(path, books.hashes, told.get(folder, 0))
            for folder, path in paths.items()
        ]
    except DigestDiffersError:
        # What was posted meanwhile its witnesses have, and what was read has not.
        if not again:
            raise
        return unwitnessed(home, again=False)
    if not folders:
        return [
            f"{home.funds_path} names no folder in [anchors]: nothing outside knows what was paid"
        ]
    return [said for said in found if said]


def unknown_payment_files(home: Home, books: Books) -> list[Path]:
    """List the payment files that no release in the ledger names."""
    released = {
        home.batches / state.batch_id / name
        for state in books.batches.values()
        for name in state.payment_files
    }
    found = {path for form in PAYMENT_FILES for path in home.batches.glob(f"*/{form}")}
    return sorted(found - released)


def is_at_home(home: Home, books: Books) -> bool:
    """Say whether a home lies where its heads have put it, or `init` made it; else it is a copy."""
    return books.place == place_of(home)


def expect_at_home(home: Home, books: Books) -> None:
    """Check that this home lies where its heads have put it.

    Raises:  LedgerForbidsError for a copy: it can look, replay and verify, not sign or release
    """
    if not is_at_home(home, books):
        raise LedgerForbidsError(
            f"this is a copy of home {books.home_id}, or it was moved: it can be looked at, "
            "replayed and verified; to sign, release and take the bank's answers here, both heads "
            "sign `wuxing home move`"
        )


@contextmanager
def witnessed(
    home: Home,
    ledger: Ledger,
    *,
    is_move: bool = False,
    keeping: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Post inside: every anchor folder is reached before, and holds the new head afterwards.

    `keeping`: keeps what the posting names, as soon as it stands, also where an anchor takes no
    more.

    Raises:  LedgerForbidsError if an anchor folder is not there, or this is a copy, which would
             part the anchors from its home, and is not moved by this: nothing is posted
    """
    if not is_move:
        expect_at_home(home, ledger.books())
    folders, home_id = read_anchors(home), ledger.books().home_id
    tell_anchors(folders, home_id, ledger.postings())
    with ledger.transaction():
        yield
    keeping()
    tell_anchors(folders, home_id, ledger.postings())
