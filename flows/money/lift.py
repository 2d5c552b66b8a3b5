"""Claims that the newest run asks back no more: two persons lift what is open of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.money.acts import unsigned
from flows.money.evidence import expect_evidence
from flows.money.ledger import Ledger
from flows.money.recover import asked_of, paid_now, told_of
from flows.money.settle import about_batch
from flows.money.whole import whole_ledger, witnessed
from flows.store import Home
from transforms.errors import LedgerForbidsError
from transforms.money.books import Books
from transforms.money.claims import KEY, Paid, list_statement
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting


def lift_act(home: Home, reason: str, subject_id: str = "") -> dict[str, Any]:
    """Prepare the act by which two persons lift what the newest run asks back no more.

    Rows:    subject_id  only the claims about this person or unit
    Raises:  LedgerForbidsError if there is nothing to be lifted, or no reason
    """
    if not reason.strip():
        raise LedgerForbidsError("a claim is lifted for a reason: give --reason")
    with whole_ledger(home) as ledger:
        books = ledger.books()
        claims = _liftable(home, ledger, subject_id)
        if not claims:
            raise LedgerForbidsError(
                "the newest run still asks for all that is open of the signed claims, or can't "
                "tell: `wuxing recovery show`"
            )
        run_id = books.newest_run
        said = list_statement(run_id, books.runs[run_id]["run_manifest"], claims, reason.strip())
        return unsigned({**said, **about_batch(ledger, "")})


def _liftable(home: Home, ledger: Ledger, subject_id: str = "") -> list[list[Any]]:
    books = ledger.books()
    if not books.newest_run:
        return []
    expect_evidence(home, books.newest_run, books)
    rows = _rows(home, books, paid_now(ledger))
    return [row for row in rows if subject_id in ("", row[KEY.index("subject_id")])]


def _rows(home: Home, books: Books, paid: Paid) -> list[list[Any]]:
    """Return, by key, what the newest run asks of a claim, what is open beyond it, and why.

    Units:   fen
    """
    return [
        [*key, fen, books.claims[key].open_fen - fen, cause, ""]
        for key, (fen, cause) in sorted(asked_of(home, books, paid).items())
        if books.claims[key].open_fen > fen
    ]


def record_lift(home: Home, act: Mapping[str, Any]) -> dict[str, Any]:
    """Post what two persons lift: so much less is open of each claim.

    Raises:  LedgerForbidsError if it is not signed, or not what the newest run lets be lifted
    """
    statement = act["statement"]
    with whole_ledger(home, at_home=True) as ledger:
        found = _liftable(home, ledger)
        if any(claim not in found for claim in statement["claims"]):
            raise LedgerForbidsError(
                f"{statement['list_id']} is not what the newest run asks back no more: it may be "
                "posted already, or a later run asks otherwise; `wuxing recovery show`"
            )
        with witnessed(home, ledger):
            ledger.post("recovery_lifted", {"act": act}, subject=statement["list_id"])
    return {**told_of(statement), "reason": statement["reason"]}


def lift_problems(home: Home, ledger: Ledger, postings: Sequence[Posting]) -> Iterator[str]:
    """Work out again what the last of some postings could lift, from its run and those before."""
    *earlier, posted = postings
    before = read_books(earlier, lambda *_: True)
    found = _rows(home, before, paid_now(ledger, posted.sequence))
    if any(claim not in found for claim in posted.said["act"]["statement"]["claims"]):
        yield f"{posted.subject} lifts what run {before.newest_run} did not let be lifted"
