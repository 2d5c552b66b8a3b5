"""Release: a batch that two persons signed becomes payment files and entries, once."""

import hashlib
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.evidence import expect_evidence
from flows.money.funds import payer_warnings, read_anchors, read_funds
from flows.money.ledger_store import Ledger, open_ledger
from flows.money.newest import expect_still_due
from flows.money.whole import expect_at_home, expect_whole, witnessed
from flows.money.witnesses import tell_anchors
from flows.store import Home, file_digest, sync_path
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.batch_states import BatchState, release_obstacle
from transforms.money.batches import budget_mark
from transforms.money.ledger import payment_entries
from transforms.payments.bank_file import Payment, bank_files
from transforms.payments.pain001 import pain001
from transforms.payments.profile import profile_of
from transforms.payments.working_days import next_working_day

PAYMENTS_XML = "payments.xml"
# So much of the ledger's head fits into a payment file's own reference beside the batch's id.
HEAD_SHOWN = 12


def release_batch(home: Home, batch_id: str) -> dict[str, Any]:
    """Release a batch signed by two persons: post the ledger, write the payment files.

    Holds:   the ledger is posted in one transaction before any payment file gets its name; a
             release that was interrupted is completed, to the byte, and never done twice
    Raises:  LedgerForbidsError, DigestDiffersError, ParameterMissingError
    """
    with open_ledger(home) as ledger:
        expect_whole(home, ledger)
        expect_at_home(home, ledger.books())
        state = known_state(ledger.batch_states(), batch_id)
        if state.released is not None and payment_files_there(home, state):
            raise LedgerForbidsError(f"batch {batch_id} is already released: nothing is paid again")
        stored = verify_batch(home, state)
        if state.released is None:
            _check_releasable(home, ledger, state, stored)
            head = ledger.books().head
        else:
            head = state.released["ledger_head"]
        files = payment_files(stored, head)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        _stage(stored.folder, files)
        if state.released is None:
            _post(home, ledger, state, stored, digests)
        elif digests != state.released["files"]:
            raise DigestDiffersError(
                f"batch {batch_id} was released with other payment files than this version writes; "
                "complete it with the version that released it"
            )
        else:
            tell_anchors(read_anchors(home), ledger.books().home_id, ledger.postings())
        _put_in_place(stored.folder, files)
    control = stored.manifest["control"]
    return {
        "batch_id": batch_id,
        "state": "released",
        "fund": state.fund,
        "count": control["instruction_count"],
        "amount_fen": control["amount_fen"],
        "amount_yuan": yuan_text(control["amount_fen"]),
        "files": [str(stored.folder / name) for name in files],
        "warnings": payer_warnings(state.fund, stored.manifest["funding"]),
    }


def payment_files_there(home: Home, state: BatchState) -> bool:
    """Say whether every payment file of a released batch is in its place.

    Raises:  DigestDiffersError if one is there but was changed
    """
    folder, there = home.batches / state.batch_id, True
    for name, digest in (state.released or {"files": {}})["files"].items():
        path = folder / name
        if not path.exists():
            there = False
        elif file_digest(path) != digest:
            raise DigestDiffersError(f"{path} is not as it was released: do not send it to a bank")
    return there


def verify_payment_files(home: Home, state: BatchState) -> int:
    """Check the payment files of a released batch; return how many there are.

    Raises:  DigestDiffersError if one was changed, or is missing after an interrupted release
    """
    if not payment_files_there(home, state):
        raise DigestDiffersError(
            f"batch {state.batch_id} is released, but a payment file is missing: `wuxing release "
            f"{state.batch_id}` writes it again, the same to the byte"
        )
    return len(state.released["files"]) if state.released else 0


def _check_releasable(home: Home, ledger: Ledger, state: BatchState, stored: StoredBatch) -> None:
    obstacle = release_obstacle(state)
    if obstacle:
        raise LedgerForbidsError(obstacle)
    _expect_anchors_agreed(home, state)
    books = ledger.books()
    expect_evidence(home, state.run_id, books.runs[state.run_id])
    expect_still_due(home, books, stored)
    year = int(state.as_of[:4])
    budget_fen = read_funds(home).budget_fen(state.fund, year)
    spent_fen = ledger.spent_fen(state.fund, year, without=state.batch_id)
    mark = budget_mark(budget_fen, spent_fen, stored.manifest["control"]["amount_fen"])
    if mark:
        raise LedgerForbidsError(f"batch {state.batch_id}: {mark}; correct funds.toml")


def _expect_anchors_agreed(home: Home, state: BatchState) -> None:
    agreed = {f for said in state.signatures.values() for f in said["statement"]["anchors"]}
    lost = sorted(agreed - {str(folder) for folder in read_anchors(home)})
    if lost:
        raise LedgerForbidsError(
            f"batch {state.batch_id} was signed with the anchor folder {lost[0]}, which funds.toml "
            "does not name any more: put it back, or make a new run and sign it again"
        )


def payment_files(stored: StoredBatch, head: str) -> dict[str, bytes]:
    """Make the payment files of a batch from its own folder and the ledger's head before it.

    Holds:   the same batch gives the same bytes; sums are those of the batch's control totals
    """
    manifest = stored.manifest
    funding, as_of = manifest["funding"], date.fromisoformat(manifest["as_of"])
    profile = profile_of(funding["profile"], f"batch {manifest['batch_id']}, its bank profile")
    titles = {entry["policy_id"]: entry["title"] for entry in manifest["policies"]}
    payments = [
        Payment(
            payment_id=row["payment_id"],
            holder=row["holder"],
            account_no=row["account_no"],
            bank_name=row["bank_name"] or "",
            bank_code=row["bank_code"] or "",
            beneficiary_kind=row["beneficiary_kind"],
            beneficiary_id=row["beneficiary_id"],
            amount_fen=row["amount_fen"],
            purpose=titles[row["policy_id"]],
        )
        for row in stored.frame("instructions").iter_rows(named=True)
    ]
    control = manifest["control"]
    if (len(payments), sum(payment.amount_fen for payment in payments)) != (
        control["instruction_count"],
        control["amount_fen"],
    ):
        raise DigestDiffersError(f"batch {manifest['batch_id']}: control totals do not agree")
    header = {
        "batch_id": manifest["batch_id"],
        "payer_account": funding["payer_account"],
        "payer_name": funding["payer_name"],
        "project": manifest["fund"],
        "month": f"{as_of.year}{as_of.month:02d}",
        "ledger_head": head,
    }
    payer = {**funding, "reference": f"{manifest['batch_id']}-{head[:HEAD_SHOWN]}"}
    message = pain001(payments, manifest["batch_id"], payer, as_of, next_working_day(as_of))
    return {PAYMENTS_XML: message, **bank_files(payments, header, profile)}


def _staged(folder: Path, name: str) -> Path:
    return folder / f".staged-{name}"


def _stage(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put the files on disk under hidden names, always the same ones, so that none is left over."""
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
    digests: Mapping[str, str],
) -> None:
    entries = payment_entries(
        stored.frame("lines"), stored.frame("instructions"), int(state.as_of[:4])
    )
    posted = {"line_count": len(entries), "amount_fen": int(entries["amount_fen"].sum())}
    with witnessed(home, ledger):
        ledger.post("released", {**posted, "files": dict(digests)}, state.batch_id, entries=entries)
