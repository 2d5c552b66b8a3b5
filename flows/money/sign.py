"""Signing: what a person puts the name to, at the home or on a machine of the own."""

import getpass
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flows.money.as_run import changed_rules, expect_as_run
from flows.money.batch_folder import expect_pages, known_state, verify_batch
from flows.money.clock import today
from flows.money.evidence import expect_evidence
from flows.money.funds import payer_warnings, read_anchors
from flows.money.keys import SigningKey
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.review_pack import expect_drawn_so
from flows.money.seals import Seal
from flows.money.whole import expect_at_home, expect_whole, whole_ledger, witnessed
from flows.money.witnesses import ADVICE, Seen, expect_seen, read_seen, write_seen
from flows.store import Home
from transforms.amounts import yuan_text
from transforms.errors import LedgerForbidsError, UsageError
from transforms.money.batch_states import BatchState, release_obstacle
from transforms.money.books import (
    Books,
    batch_statement,
    leaving_obstacle,
    neither_open_nor_paid,
    signing_obstacle,
)
from transforms.money.capitals import amount_in_capitals
from transforms.money.postings import Posting


@dataclass(frozen=True)
class Signable:
    """A batch as a signer sees it: the ledger up to now, and the batch's own manifest."""

    batch_id: str
    postings: list[Posting]
    books: Books
    manifest: Mapping[str, Any]
    anchors: list[str]


def signable_batch(home: Home, ledger: Ledger, batch_id: str) -> Signable:
    """Check a batch, the run and snapshot behind it and the whole ledger, to be signed.

    Raises:  LedgerForbidsError, DigestDiffersError: then nobody is to sign
    """
    expect_whole(home, ledger)
    books = ledger.books()
    state = known_state(books.batches, batch_id)
    stored = verify_batch(home, state)
    expect_pages(home, state)
    expect_evidence(home, state.run_id, books)
    expect_as_run(home, stored, books)
    expect_drawn_so(home, ledger.postings(), stored, state)
    anchors = [str(folder) for folder in read_anchors(home)]
    return Signable(batch_id, ledger.postings(), books, stored.manifest, anchors)


def sign_batch(
    home: Home,
    batch_id: str,
    role: str,
    key: SigningKey | Seal,
    typed: tuple[int, int] | None = None,
    reason: str | None = None,
    unpaid: Sequence[str] = (),
) -> dict[str, Any]:
    """Sign a batch, or its refusal, at its home and post it: what is refused is due again.

    Rows:    typed, reason, unpaid  as `sign`
    Raises:  LedgerForbidsError if the batch is not open for this role, this key or this person;
             DigestDiffersError if anything behind it was changed
    """
    with open_ledger(home) as ledger:
        batch = signable_batch(home, ledger, batch_id)
        expect_at_home(home, batch.books)
        return _post(home, ledger, batch, sign(batch, role, key, typed, reason, unpaid))


def state_for_seal(
    home: Home,
    batch_id: str,
    role: str,
    seal: Seal,
    typed: tuple[int, int] | None = None,
    unpaid: Sequence[str] = (),
) -> dict[str, Any]:
    """State at its home what a seal is to sign of a batch; the signature comes by `accept`."""
    with open_ledger(home) as ledger:
        batch = signable_batch(home, ledger, batch_id)
        expect_at_home(home, batch.books)
        return sign(batch, role, seal, typed, unpaid=unpaid)


def withdraw_batch(home: Home, batch_id: str, reason: str, by: str = "") -> dict[str, Any]:
    """Give up a batch that is not released: what it reserved is free, its lines are due again.

    Rows:    by  who gives it up; else who is logged in
    Raises:  LedgerForbidsError if it is released, or was left before
    """
    with whole_ledger(home, at_home=True) as ledger:
        known_state(ledger.batch_states(), batch_id)
        said = {"reason": _reason(reason), "by": person_named(by), "on": today()}
        with witnessed(home, ledger):
            ledger.post("given_up", said, batch_id)
        return {"batch_id": batch_id, "state": ledger.batch_states()[batch_id].state, **said}


def person_named(by: str) -> str:
    """Return the name that was given, else the one under which somebody is logged in here."""
    try:
        return by.strip() or getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"


def _reason(text: str) -> str:
    if not text.strip():
        raise UsageError("say why, with --reason")
    return text.strip()


def sign(
    batch: Signable,
    role: str,
    key: SigningKey | Seal,
    typed: tuple[int, int] | None,
    reason: str | None = None,
    unpaid: Sequence[str] = (),
) -> dict[str, Any]:
    """Sign a batch, or its refusal: return the statement and its signature; keep what was seen.

    Rows:    typed   count and amount in fen, as the signer read them from the review
             reason  why it is refused
             unpaid  batches that this signer signed, and knows that nothing was paid of
    Raises:  UsageError if they are not the batch's; LedgerForbidsError, DigestDiffersError
    """
    books, state = batch.books, known_state(batch.books.batches, batch.batch_id)
    signed = expect_seen(key.path, books.home_id, books.hashes).signed
    if typed and typed != (state.instruction_count, state.amount_fen):
        raise UsageError(
            f"batch {batch.batch_id} has not {typed[0]} payments of {yuan_text(typed[1])} 元: "
            "nothing was signed; read its review again"
        )
    signer = {"role": role, "key_id": key.key_id, "signed_on": today(), "anchors": batch.anchors}
    if reason is None:
        expect_come(state)
        _expect_paid_or_open(books, signed, {*unpaid, batch.batch_id})
        obstacle = signing_obstacle(books, batch.batch_id, signer, books.position)
    else:
        obstacle, reason = leaving_obstacle(books, batch.batch_id), _reason(reason)
    statement = batch_statement(books, state, signer, books.position, reason)
    if obstacle:
        raise LedgerForbidsError(obstacle)
    gone = {*unpaid, *(b for b, known in books.batches.items() if known.released)}
    signed = {b: digest for b, digest in signed.items() if b not in gone and b != batch.batch_id}
    signed |= {batch.batch_id: state.batch_digest} if reason is None else {}
    write_seen(key.path, books.home_id, Seen(books.position, books.head, signed))
    return {"statement": statement, "signature": key.sign(statement)}


def _expect_paid_or_open(books: Books, signed: Mapping[str, str], known: Collection[str]) -> None:
    """Check that a ledger has all that its signer signed before, but for what he knows of.

    Raises:  LedgerForbidsError naming what it says to be unpaid, or does not know
    """
    for batch_id in neither_open_nor_paid(books, signed):
        if batch_id not in known:
            raise LedgerForbidsError(
                f"you signed batch {batch_id}, and by this ledger nothing was paid of it: nothing "
                "was signed now. If the bank paid it all the same, the ledger was put back: sign "
                f"nothing, {ADVICE}. If you know that nothing was paid of it, say so with "
                f"--unpaid {batch_id}"
            )


def expect_come(state: BatchState) -> None:
    """Check that a batch's day has come: what is due then nobody knows before.

    A clock may be a day behind that of the machine on which the night was run.

    Raises:  LedgerForbidsError saying which day it is of
    """
    if date.fromisoformat(state.as_of) > date.fromisoformat(today()) + timedelta(days=1):
        raise LedgerForbidsError(
            f"batch {state.batch_id} is as of {state.as_of}, a day to come (today is {today()}): "
            "run the night of today and sign its batch, or wait until that day"
        )


def accept_signature(home: Home, signed: Mapping[str, Any]) -> dict[str, Any]:
    """Post a signature that was made elsewhere, after the same checks as at home.

    Raises:  LedgerForbidsError if it is not of this batch, run, roster and ledger
    """
    with open_ledger(home) as ledger:
        batch = signable_batch(home, ledger, signed["statement"]["batch_id"])
        expect_at_home(home, batch.books)
        if signed["statement"]["act"] != "reject":
            expect_come(known_state(batch.books.batches, batch.batch_id))
        _expect_signed_by_now(str(signed["statement"]["signed_on"]))
        return _post(home, ledger, batch, signed)


def _expect_signed_by_now(signed_on: str) -> None:
    # It may be of any day before: it lay in a drawer. `too_early` says which is too far.
    if signed_on > (date.fromisoformat(today()) + timedelta(days=1)).isoformat():
        raise LedgerForbidsError(
            f"it says that it was signed on {signed_on}, a day to come (today is {today()}): look "
            "at the clock where it was signed, and sign again"
        )


def _post(home: Home, ledger: Ledger, batch: Signable, signed: Mapping[str, Any]) -> dict[str, Any]:
    statement = signed["statement"]
    role, act = statement["role"], statement["act"]
    with witnessed(home, ledger):
        ledger.post("rejected" if act == "reject" else "signed", signed, batch.batch_id, role)
    state = ledger.batch_states()[batch.batch_id]
    warnings = payer_warnings(state.fund, batch.manifest["funding"])
    warnings += changed_rules(home, batch.manifest)
    if state.mark:
        # Both may sign it all the same; nobody is to think that it is paid then.
        warnings.append(release_obstacle(state))
    return {
        "batch_id": batch.batch_id,
        "role": role,
        "act": act,
        "state": state.state,
        "fingerprint": signed["statement"]["key_id"],
        "missing_signatures": state.missing_roles,
        "warnings": warnings if act == "sign" else [],
    }


def what_is_signed(batch: Signable, key_file: Path) -> dict[str, Any]:
    """Return what a signer is shown before signing.

    Rows:    changed  what was posted since this signer's last signature, counted by kind
    """
    state = known_state(batch.books.batches, batch.batch_id)
    seen = read_seen(key_file, batch.books.home_id).position
    return {
        "batch_id": batch.batch_id,
        "fund": state.fund,
        "as_of": state.as_of,
        "instruction_count": state.instruction_count,
        "amount_fen": yuan_text(state.amount_fen, ","),
        "amount_in_capitals": amount_in_capitals(state.amount_fen),
        "mark": state.mark,
        "announced": min(state.announced, default=""),
        "came_from": state.came_from,
        "sample": (state.reviewed or [batch.manifest.get("review") or {}])[-1].get("sample"),
        "unconfirmed": batch.manifest["unconfirmed"],
        "changed": dict(Counter(posting.kind for posting in batch.postings[seen:])),
        "last_signed_position": seen,
        "ledger_position": batch.books.position,
        "roster_digest": batch.books.roster.digest(),
        "batch_digest": state.batch_digest,
        "pages": dict(state.review),
        "anchors": batch.anchors,
    }
