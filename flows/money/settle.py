"""Settlement: the bank's answers to a released batch, each taken once."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.acts import unsigned
from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.clock import today
from flows.money.funds import read_funds
from flows.money.ledger_store import Ledger, open_ledger
from flows.money.paid_as_signed import expect_as_signed
from flows.money.release import files_there
from flows.money.returned import over_warnings, owner_of, returned_of, standings, waiting_lines
from flows.money.twice import paid_twice, twice_warnings
from flows.money.whole import expect_at_home, expect_whole, witnessed
from flows.store import ANSWERS, Home, file_digest, replace_file
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.money.batch_states import BatchState
from transforms.money.ledger import later_entries
from transforms.payments.layouts import ReturnCode
from transforms.payments.profile import Profile, profile_of
from transforms.payments.return_file import (
    Answer,
    answers_given,
    check_days,
    check_late,
    read_answers,
    settle_answers,
)


def settle_batch(
    home: Home, batch_id: str, path: Path, act: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Take the bank's answer: post what came back, so that it is due again.

    Rows:    act  confirms the late returns in the file, if there are any, by two persons
    Holds:   a file is taken whole or not at all; the same file again gives the same answer
    Raises:  DropRefusedError for a file that does not fit; LedgerForbidsError for a batch that was
             not released, or late returns that nobody confirmed
    """
    content, digest = read_file(path)
    with open_ledger(home) as ledger:
        stored, state = released_batch(home, ledger, batch_id)
        codes = read_funds(home).profile_of(state.fund).returns
        if digest not in {said["file_digest"] for said in state.settled}:
            expect_at_home(home, ledger.books())
            said = _taken_of(home, stored, state, content, str(path))
            answers = _answers(stored, content, str(path))
            check_days(answers, state.as_of, today(), str(path))
            if said["late"]:
                _expect_confirmable(ledger, state, said["late"], answers, path, act)
                said["act"] = act
            entries = later_entries("settled", said, ledger.entries_of(batch_id))
            if said["new_count"] or entries.height:
                with witnessed(home, ledger, keeping=partial(keep, stored, digest, content)):
                    ledger.post("settled", said, batch_id, digest, entries)
            state = ledger.batch_states()[batch_id]
        else:
            keep(stored, digest, content)
        twice = paid_twice(ledger, batch_id)
        waiting = [line for line in waiting_lines(ledger) if line["batch_id"] == batch_id]
    returned = returned_of(state)
    answered = sum(kept["new_count"] for kept in state.settled)
    told = Counter(answer.arrived for answer in _answers(stored, content, str(path)))
    return {
        "batch_id": batch_id,
        "state": state.state,
        "arrived": answered - len(returned),
        "returned": len(returned),
        "restored": sum(len(kept["restored"]) for kept in state.settled),
        "unanswered": state.instruction_count - answered,
        "returned_yuan": yuan_text(_sum_of(stored, [*returned])),
        "file": {"arrived": told[True], "returned": told[False]},
        "returned_by_owner": _by_owner(stored, returned, codes, standings(waiting)),
        "paid_twice": twice,
        "warnings": [*twice_warnings(twice), *map(str, over_warnings(waiting))],
    }


def _by_owner(
    stored: StoredBatch,
    returned: Mapping[str, tuple[str, str]],
    codes: Mapping[str, ReturnCode],
    standing: Mapping[str, str],
) -> list[dict[str, str]]:
    """List what came back by who is to act, with what to do."""
    sent = stored.frame("instructions").select("payment_id", "amount_fen", "policy_id", "holder")
    sent_of = {name: said for name, *said in sent.iter_rows()}
    listed = [
        {
            "payment_id": payment_id,
            "amount_yuan": yuan_text(sent_of[payment_id][0]),
            "policy_id": sent_of[payment_id][1],
            "holder": sent_of[payment_id][2],
            "reason": reason,
            "returned_on": day,
            **owner_of(reason, codes, standing.get(payment_id, "")),
        }
        for payment_id, (reason, day) in returned.items()
    ]
    return sorted(listed, key=lambda line: (line["owner"], line["payment_id"]))


def read_file(path: Path) -> tuple[bytes, str]:
    """Read a bank's file; return its content and digest.

    Raises:  DropRefusedError if it can't be read
    """
    try:
        content = path.read_bytes()
    except OSError as unreadable:
        raise DropRefusedError(f"{path} can't be read: check the path") from unreadable
    return content, hashlib.sha256(content).hexdigest()


def released_batch(home: Home, ledger: Ledger, batch_id: str) -> tuple[StoredBatch, BatchState]:
    """Return a released batch, all of it as it was released, its payment files as it was signed.

    Raises:  LedgerForbidsError, DigestDiffersError
    """
    expect_whole(home, ledger)
    state = known_state(ledger.batch_states(), batch_id)
    if state.released is None:
        raise LedgerForbidsError(f"batch {batch_id} is {state.state}: not released")
    stored = verify_batch(home, state)
    files_there(home, state)
    expect_as_signed(stored, state.released)
    return stored, state


def _taken_of(
    home: Home, stored: StoredBatch, state: BatchState, content: bytes, where: str
) -> dict[str, Any]:
    """Set a file's answers against those taken before; say if it is in a form that came later.

    Raises:  DropRefusedError, as `settlement_of`
    """
    then = profile_of(stored.manifest["funding"]["profile"], where)
    try:
        answers_given(content, then, where)
        return settlement_of(stored, state, content, where)
    except DropRefusedError as refused:
        now = read_funds(home).profile_of(state.fund)
        if now.answer == then.answer or not _reads(content, now, where):
            raise
        raise DropRefusedError(
            f"{refused}; it is in the form that [answer] of the bank profile has today, and batch "
            f"{state.batch_id} is answered in the form of when it was drawn up: write the answers "
            "in that one, or ask the bank for a pain.002"
        ) from refused


def _reads(content: bytes, profile: Profile, where: str) -> bool:
    try:
        return bool(answers_given(content, profile, where))
    except DropRefusedError:
        return False


def settlement_of(
    stored: StoredBatch, state: BatchState, content: bytes, where: str
) -> dict[str, Any]:
    """Set a file's answers against those of all files that were taken before it.

    Rows:    returns  what is posted of it: payments returned, late, restored, by id, reason, day
    Raises:  DropRefusedError for a file that does not fit
    """
    paid = stored.frame("instructions")["payment_id"].to_list()
    known, answers = known_answers(stored, state), _answers(stored, content, where)
    new, late, restored = settle_answers(answers, known, set(paid), where)
    refused = [answer for answer in new if not answer.arrived]
    return {
        "file_digest": hashlib.sha256(content).hexdigest(),
        "new_count": len(new),
        "arrived_count": len(new) - len(refused),
        "returned": _listed(refused),
        "late": _listed(late),
        "restored": _listed(restored),
        "returned_fen": _sum_of(stored, [answer.payment_id for answer in refused]),
    }


def known_answers(stored: StoredBatch, state: BatchState) -> dict[str, Answer]:
    """Return the bank's last answer of each payment, from the files that were taken.

    Raises:  DigestDiffersError if one of them is not there any more
    """
    known: dict[str, Answer] = {}
    for said in state.settled:
        path = kept_path(stored, said["file_digest"])
        if not path.is_file() or file_digest(path) != said["file_digest"]:
            raise DigestDiffersError(
                f"{path} is missing or changed: give the bank's file to `wuxing settle` once more"
            )
        content = path.read_bytes()
        known |= {answer.payment_id: answer for answer in _answers(stored, content, str(path))}
    return known


def _answers(stored: StoredBatch, content: bytes, where: str) -> list[Answer]:
    batch_id = stored.manifest["batch_id"]
    profile = profile_of(stored.manifest["funding"]["profile"], f"batch {batch_id}")
    paid = stored.frame("instructions")["payment_id"].to_list()
    return read_answers(content, profile, where, batch_id, paid)


def kept_path(stored: StoredBatch, digest: str, ending: str = "answer") -> Path:
    """Return where a bank's file that was taken is kept, by its digest."""
    return stored.folder / ANSWERS / f"{digest}.{ending}"


def keep(stored: StoredBatch, digest: str, content: bytes, ending: str = "answer") -> None:
    """Keep a bank's file beside its batch, by its digest."""
    path = kept_path(stored, digest, ending)
    if not path.is_file() or file_digest(path) != digest:
        replace_file(path, content)


def _listed(answers: list[Answer]) -> list[list[str]]:
    return [[answer.payment_id, answer.reason, answer.answered_on] for answer in answers]


def _sum_of(stored: StoredBatch, payment_ids: list[str]) -> int:
    chosen = stored.frame("instructions").filter(pl.col("payment_id").is_in(payment_ids))
    return int(chosen["amount_fen"].sum())


def _expect_confirmable(
    ledger: Ledger,
    state: BatchState,
    late: list[list[str]],
    answers: list[Answer],
    path: Path,
    act: Mapping[str, Any] | None,
) -> None:
    line = next(answer.line for answer in answers if answer.payment_id == late[0][0])
    where = f"{path}, line {line}"
    check_late([day for _, _, day in late], date.fromisoformat(state.as_of), where)
    recovered = ledger.entries_of(state.batch_id, "recovered")["payment_id"].to_list()
    gone = [payment_id for payment_id, _, _ in late if payment_id in recovered]
    if gone:
        raise LedgerForbidsError(f"{where}: the money of payment {gone[0]} was recovered already")
    if act is None:
        raise LedgerForbidsError(
            f"{where}: says 失败 of payment {late[0][0]}, which arrived by an earlier file; a late "
            "return is confirmed by reviewer and approver: `--reviewer-key` and `--approver-key`, "
            "or `--out`"
        )


def late_return_act(
    home: Home, batch_id: str, path: Path, *, is_given: bool = False
) -> dict[str, Any] | None:
    """Prepare the act by which two persons confirm the late returns in a file.

    Rows:    is_given  whether the keys for it are given: then a file without one needs none
             returns   none where all that the file says was taken before, or needs no act
    Raises:  DropRefusedError, LedgerForbidsError, as `settle_batch`
    """
    content, digest = read_file(path)
    with open_ledger(home) as ledger:
        stored, state = released_batch(home, ledger, batch_id)
        found = _taken_of(home, stored, state, content, str(path))
        late = found["late"]
        if not late and (is_given or not (found["new_count"] or found["restored"])):
            return None
        if not late:
            raise LedgerForbidsError(f"{path} holds no late return: nothing is to be confirmed")
        answers = _answers(stored, content, str(path))
        _expect_confirmable(ledger, state, late, answers, path, {})
        said = {"act": "late_return", "file_digest": digest, "payments": late}
        return unsigned({**said, **about_batch(ledger, batch_id)})


def about_batch(ledger: Ledger, batch_id: str) -> dict[str, Any]:
    """State which batch, ledger and day an act is for.

    Raises:  LedgerForbidsError in a copy, which can't post it
    """
    books = ledger.books()
    expect_at_home(ledger.home, books)
    return {
        "home_id": books.home_id,
        "batch_id": batch_id,
        "ledger_position": books.position,
        "ledger_head": books.head,
        "signed_on": today(),
    }
