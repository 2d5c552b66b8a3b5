"""Signing and release: two persons sign a batch, then it becomes payment files, once."""

import hashlib
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.funds import payer_warnings, read_funds
from flows.money.keys import check_role, open_key, signature_holds
from flows.money.ledger_store import Ledger, open_ledger
from flows.store import Home, file_digest, sync_path
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.batches import budget_mark
from transforms.money.ledger import (
    BatchState,
    missing_roles,
    payment_entries,
    same_person,
    signed_message,
)
from transforms.payments.bank_file import Payment, bank_files
from transforms.payments.pain001 import pain001
from transforms.payments.profile import profile_of
from transforms.payments.working_days import next_working_day

PAYMENTS_XML = "payments.xml"


def sign_batch(
    home: Home, batch_id: str, role: str, key_file: Path, passphrase: str
) -> dict[str, Any]:
    """Sign a batch in one role; the signature covers every byte of it.

    Raises:  LedgerForbidsError if the batch is not open for this role, this key or this person;
             DigestDiffersError if a file of the batch was changed
    """
    check_role(role)
    with open_ledger(home) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
        if state.state not in ("draft", "signed"):
            raise LedgerForbidsError(f"batch {batch_id} is already {state.state}: not to be signed")
        if role in state.signatures:
            raise LedgerForbidsError(f"batch {batch_id} is already signed as {role}")
        funding = verify_batch(home, state).manifest["funding"]
        key = open_key(ledger, key_file, passphrase, role)
        for other in state.signatures.values():
            if other["public_key"] == key.public_key or same_person(other["name"], key.name):
                raise LedgerForbidsError(
                    f"batch {batch_id}: the same person signed it as {other['role']}; "
                    "two different persons must sign"
                )
        message = signed_message(batch_id, state.batch_digest, role)
        content = {
            "role": role,
            "name": key.name,
            "fingerprint": key.fingerprint,
            "public_key": key.public_key,
            "batch_digest": state.batch_digest,
            "signature": key.private.sign(message).hex(),
        }
        with ledger.transaction():
            ledger.add_event(batch_id, "signed", role, content)
        signed = ledger.batch_states()[batch_id]
    return {
        "batch_id": batch_id,
        "role": role,
        "state": signed.state,
        "fingerprint": key.fingerprint,
        "missing_signatures": missing_roles(signed.signatures),
        "warnings": payer_warnings(state.fund, funding),
    }


def verify_signatures(ledger: Ledger, state: BatchState) -> int:
    """Check a batch's signatures against the registered keys; return how many there are.

    Raises:  DigestDiffersError if one is not that of its registered key over this batch
    """
    keys = ledger.keys()
    for role, said in state.signatures.items():
        registered = keys.get(said["fingerprint"], {})
        message = signed_message(state.batch_id, state.batch_digest, role)
        is_known = registered.get("public_key") == said["public_key"]
        is_of_role = registered.get("role") == role and registered.get("name") == said["name"]
        if not (is_known and is_of_role) or not signature_holds(
            said["public_key"], said["signature"], message
        ):
            raise DigestDiffersError(
                f"batch {state.batch_id}: the signature as {role} does not hold; do not pay it, "
                "run `wuxing verify`"
            )
    return len(state.signatures)


def release_batch(home: Home, batch_id: str) -> dict[str, Any]:
    """Release a batch signed by two persons: post the ledger, write the payment files.

    Holds:   the ledger is posted in one transaction before any payment file gets its name; a
             release that was interrupted is completed, to the byte, and never done twice
    Raises:  LedgerForbidsError, DigestDiffersError, ParameterMissingError
    """
    with open_ledger(home) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
        if state.released is not None and payment_files_there(home, state):
            raise LedgerForbidsError(f"batch {batch_id} is already released: nothing is paid again")
        stored = verify_batch(home, state)
        if state.released is None:
            _check_releasable(home, ledger, state, stored)
        files = payment_files(stored)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        if state.released is None:
            _stage(stored.folder, files)
            _post(ledger, state, stored, digests)
        elif digests != state.released["files"]:
            raise DigestDiffersError(
                f"batch {batch_id} was released with other payment files than this version writes; "
                "complete it with the version that released it"
            )
        else:
            _stage(stored.folder, files)
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
    batch_id = state.batch_id
    if state.state == "withdrawn":
        raise LedgerForbidsError(f"batch {batch_id} was withdrawn: release that of the later run")
    if state.mark:
        raise LedgerForbidsError(
            f"batch {batch_id}: {state.mark}; set the budget in funds.toml and make a new run"
        )
    missing = missing_roles(state.signatures)
    if missing:
        raise LedgerForbidsError(f"batch {batch_id}: signature missing: {', '.join(missing)}")
    verify_signatures(ledger, state)
    names = [said["name"] for said in state.signatures.values()]
    keys = {said["public_key"] for said in state.signatures.values()}
    if len(keys) < len(names) or same_person(names[0], names[1]):
        raise LedgerForbidsError(f"batch {batch_id}: one person signed twice; two must sign")
    year = int(state.as_of[:4])
    budget_fen = read_funds(home).budget_fen(state.fund, year)
    spent_fen = ledger.spent_fen(state.fund, year, without=batch_id)
    mark = budget_mark(budget_fen, spent_fen, stored.manifest["control"]["amount_fen"])
    if mark:
        raise LedgerForbidsError(f"batch {batch_id}: {mark}; correct funds.toml")


def payment_files(stored: StoredBatch) -> dict[str, bytes]:
    """Make the payment files of a batch from nothing but its own folder.

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
    }
    message = pain001(payments, manifest["batch_id"], funding, as_of, next_working_day(as_of))
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
    ledger: Ledger, state: BatchState, stored: StoredBatch, digests: Mapping[str, str]
) -> None:
    entries = payment_entries(
        stored.frame("lines"), stored.frame("instructions"), int(state.as_of[:4])
    )
    posted = (len(entries), int(entries["amount_fen"].sum()))
    if posted != (state.line_count, state.amount_fen):
        raise DigestDiffersError(f"batch {state.batch_id}: its lines are not those of its totals")
    with ledger.transaction():
        added = ledger.add_entries(entries)
        if added != len(entries):
            raise LedgerForbidsError(
                f"batch {state.batch_id}: {len(entries) - added} of its payments are already in "
                "the ledger without the batch being released; run `wuxing verify`"
            )
        content = {"line_count": added, "amount_fen": posted[1], "files": dict(digests)}
        ledger.add_event(state.batch_id, "released", "", content)
