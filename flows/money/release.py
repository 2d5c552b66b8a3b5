"""Release: a batch that two persons signed becomes payment files and entries, once."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.money.approval import APPROVAL, file_approval, papers_of
from flows.money.as_run import changed_rules, expect_as_run
from flows.money.batch_folder import StoredBatch, digests_of, known_state, verify_batch
from flows.money.clock import today
from flows.money.evidence import expect_evidence
from flows.money.funds import payer_warnings, read_anchors, read_funds
from flows.money.ledger_store import Ledger
from flows.money.newest import expect_none_restored, expect_nothing_since, expect_still_due
from flows.money.notice import expect_announced
from flows.money.paid_as_signed import ASK_BANK
from flows.money.payment_files import payment_files
from flows.money.signatures import holds_truly
from flows.money.whole import whole_ledger, witnessed
from flows.store import Home, file_digest, sync_path
from flows.typeset import NO_FONT
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.money.batch_states import BatchState, release_obstacle, reserving
from transforms.money.batches import budget_mark
from transforms.money.books import Books, too_early
from transforms.money.ledger import payment_entries
from transforms.money.roster import statement_bytes
from transforms.payments.profile import expect_unchanged, profile_of

REHEARSED_HERE = "a rehearsal: its lines count as paid in this home; pay from another one"


def release_batch(home: Home, batch_id: str, *, is_rehearsal: bool = False) -> dict[str, Any]:
    """Release a batch signed by two persons: post the ledger, write the payment files.

    A batch whose payer still is the placeholder is released as a rehearsal or not at all.

    Holds:   the ledger is posted in one transaction before any payment file gets its name; a
             release that was interrupted is completed, to the byte, and never done twice
    Raises:  LedgerForbidsError, DigestDiffersError, ParameterMissingError
    """
    with whole_ledger(home, at_home=True) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
        is_again = state.released is not None
        if is_again and files_there(home, state):
            raise LedgerForbidsError(f"batch {batch_id} is already released: nothing is paid again")
        stored = verify_batch(home, state)
        if state.released is None:
            _check_releasable(home, ledger, state, stored)
            _expect_payer(state, stored, is_rehearsal)
            head, changed = ledger.books().head, changed_rules(home, stored.manifest)
        else:
            # What was posted is completed though its run is lost.
            head, is_rehearsal = state.released["ledger_head"], state.released["is_rehearsal"]
            changed = []
        rows = stored.frame("instructions")
        files = payment_files(stored.manifest, rows, head, is_rehearsal=is_rehearsal)
        _expect_sizes(stored, files, is_rehearsal)
        papers = papers_of(ledger.books(), state, stored, is_rehearsal)
        with _staged_files(stored.folder, files):
            digests = digests_of(files)
            if state.released is None:
                of_papers = {"papers": digests_of(papers), "is_rehearsal": is_rehearsal}
                _post(home, ledger, state, stored, {"files": digests, **of_papers})
            elif digests != state.released["files"]:
                raise DigestDiffersError(
                    f"batch {batch_id} was released with other payment files than this version "
                    "writes; complete it with the version that released it"
                )
            file_approval(stored.folder, ledger.books(), ledger.batch_states()[batch_id], papers)
            _put_in_place(stored.folder, files)
    warnings = [*changed, *_warnings(stored, is_rehearsal, papers)]
    return {**_told(state, stored, files), "is_again": is_again, "warnings": warnings}


def _told(state: BatchState, stored: StoredBatch, files: Mapping[str, bytes]) -> dict[str, Any]:
    control = stored.manifest["control"]
    return {
        "batch_id": state.batch_id,
        "state": "released",
        "fund": state.fund,
        "count": control["instruction_count"],
        "amount_fen": control["amount_fen"],
        "amount_yuan": yuan_text(control["amount_fen"]),
        "files": [str(stored.folder / name) for name in files],
    }


def _warnings(stored: StoredBatch, is_rehearsal: bool, papers: Mapping[str, bytes]) -> list[str]:
    said = payer_warnings(stored.manifest["fund"], stored.manifest["funding"])
    return [*said, *[REHEARSED_HERE] * is_rehearsal, *[NO_FONT] * (not papers)]


def files_there(home: Home, state: BatchState) -> bool:
    """Say whether a released batch's payment files and approval sheet are all in their place.

    Raises:  DigestDiffersError if one is there but was changed
    """
    folder = home.batches / state.batch_id
    there = (folder / APPROVAL).is_file()
    for name, digest in state.payment_files.items():
        path = folder / name
        if not path.exists():
            there = False
        elif file_digest(path) != digest:
            raise DigestDiffersError(
                f"{path} is not as it was released: {ASK_BANK}; when it is moved away, `wuxing "
                "release` once more writes it as it was"
            )
    return there


def _check_releasable(home: Home, ledger: Ledger, state: BatchState, stored: StoredBatch) -> None:
    obstacle = release_obstacle(state)
    if obstacle:
        raise LedgerForbidsError(obstacle)
    _expect_profile(state, stored)
    _expect_anchors_agreed(home, state)
    books = ledger.books()
    _expect_signatures(home, books, state)
    expect_evidence(home, state.run_id, books)
    expect_as_run(home, stored, books)
    expect_none_restored(ledger, stored)
    expect_still_due(home, books, stored)
    expect_nothing_since(home, books, stored, [*ledger.batches_of_payments()], today())
    expect_announced(home, books, stored, today())
    year = int(state.as_of[:4])
    budget_fen = read_funds(home).budget_fen(state.fund, year)
    spent_fen = ledger.spent_fen(state.fund, year, without=state.batch_id)
    mark = budget_mark(budget_fen, spent_fen, stored.manifest["control"]["amount_fen"])
    if not mark:
        return
    others = reserving(books.batches, state.fund, year, without=state.batch_id)
    if others:
        reserved = yuan_text(sum(one.amount_fen for one in others))
        raise LedgerForbidsError(
            f"batch {state.batch_id}: {mark}; {reserved} 元 are reserved by signed batches: "
            f"{', '.join(one.batch_id for one in others)}; `wuxing batch withdraw ID` frees what "
            "one reserves, or correct funds.toml"
        )
    raise LedgerForbidsError(f"batch {state.batch_id}: {mark}; correct funds.toml")


def _expect_profile(state: BatchState, stored: StoredBatch) -> None:
    """Check the bank profile of a batch that was drawn up before it was held to say the truth."""
    where = f"batch {state.batch_id}, its bank profile"
    try:
        expect_unchanged(profile_of(stored.manifest["funding"]["profile"], where), where)
    except DropRefusedError as untrue:
        raise LedgerForbidsError(f"{untrue}; then make a new run") from untrue


def _expect_signatures(home: Home, books: Books, state: BatchState) -> None:
    """Verify the batch's signatures once more, an outside seal's by its own command."""
    for role, said in state.signatures.items():
        member = books.roster.members[said["statement"]["key_id"]]
        message = statement_bytes(said["statement"])
        if not holds_truly(home)(member, message, said["signature"]):
            raise DigestDiffersError(
                f"batch {state.batch_id}: the signature as {role} does not hold; do not pay it"
            )
        early = too_early(books, state.batch_id, said["statement"], today())
        if early:
            raise LedgerForbidsError(f"batch {state.batch_id}, signature as {role}: {early}")


def _expect_payer(state: BatchState, stored: StoredBatch, is_rehearsal: bool) -> None:
    said = payer_warnings(state.fund, stored.manifest["funding"])
    if said and not is_rehearsal:
        raise LedgerForbidsError(
            f"batch {state.batch_id}: {said[0]}; fill it in and make a new run, or release it with "
            "--rehearsal"
        )
    if is_rehearsal and not said:
        raise LedgerForbidsError(
            f"batch {state.batch_id} has a real payer: --rehearsal is for a home without one"
        )


def _expect_anchors_agreed(home: Home, state: BatchState) -> None:
    agreed = {f for said in state.signatures.values() for f in said["statement"]["anchors"]}
    lost = sorted(agreed - {str(folder) for folder in read_anchors(home)})
    if lost:
        raise LedgerForbidsError(
            f"batch {state.batch_id} was signed with the anchor folder {lost[0]}, which funds.toml "
            "does not name any more: put it back, or make a new run and sign it again"
        )


def _expect_sizes(stored: StoredBatch, files: Mapping[str, bytes], is_rehearsal: bool) -> None:
    found = {name: len(content) for name, content in files.items()}
    if not is_rehearsal and found != stored.manifest["payment_file_bytes"]:
        raise DigestDiffersError(
            f"batch {stored.manifest['batch_id']}: its payment files are not of the size they had "
            "when it was drawn up; release it with the version that drew it up"
        )


def _staged(folder: Path, name: str) -> Path:
    # What a release that was killed leaves, the next command that holds the home takes away.
    return folder / f".making-{name}"


@contextmanager
def _staged_files(folder: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Have the files on disk under hidden names inside; none of these is left, however it ends."""
    try:
        _stage(folder, files)
        yield
    finally:
        for name in files:
            _staged(folder, name).unlink(missing_ok=True)


def _stage(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        with _staged(folder, name).open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    sync_path(folder)


def _put_in_place(folder: Path, files: Mapping[str, bytes]) -> None:
    for name in files:
        os.replace(_staged(folder, name), folder / name)
    sync_path(folder)


def _post(
    home: Home,
    ledger: Ledger,
    state: BatchState,
    stored: StoredBatch,
    said: Mapping[str, Any],
) -> None:
    entries = payment_entries(
        stored.frame("lines"), stored.frame("instructions"), int(state.as_of[:4])
    )
    sums = {"line_count": len(entries), "amount_fen": int(entries["amount_fen"].sum())}
    posted = {**sums, **said, "on": today()}
    with witnessed(home, ledger):
        ledger.post("released", posted, state.batch_id, entries=entries)
