"""Money that a beneficiary gave back: recorded with its document, confirmed by two persons."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from flows.money.acts import unsigned
from flows.money.ledger_store import open_ledger
from flows.money.settle import about_batch, released_batch
from flows.money.whole import witnessed
from flows.store import Home
from transforms.amounts import yuan_text
from transforms.errors import LedgerForbidsError
from transforms.money.entitlements import KEY
from transforms.money.ledger import posted_entries


def recovered_act(
    home: Home, payment_id: str, amount_fen: int, document_no: str, line: Mapping[str, str]
) -> dict[str, Any]:
    """Prepare the act by which two persons confirm money that a beneficiary gave back.

    Rows:    line  period and subject_id, where the payment has several lines
    Raises:  LedgerForbidsError unless one paid line of at least that amount is meant
    """
    if not document_no.strip():
        raise LedgerForbidsError("recovered money has a document number: give --document")
    with open_ledger(home) as ledger:
        lines = ledger.paid_lines().filter(pl.col("payment_id") == payment_id)
        for name, value in line.items():
            lines = lines.filter(pl.col(name) == value)
        paid_fen = int(lines["amount_fen"].sum())
        if lines.height != 1 or not 0 < amount_fen <= paid_fen:
            raise LedgerForbidsError(
                f"payment {payment_id}: {lines.height} paid lines of {yuan_text(paid_fen)} 元 are "
                "meant; name one with --period and --subject, and no more than it"
            )
        row = lines.row(0, named=True)
        said = {
            "act": "recovered",
            "payment_id": payment_id,
            "line": {name: row[name] for name in KEY},
            "amount_fen": amount_fen,
            "document_no": document_no.strip(),
        }
        return unsigned({**said, **about_batch(ledger, ledger.batch_of(payment_id))})


def record_recovered(home: Home, act: Mapping[str, Any]) -> dict[str, Any]:
    """Post recovered money, confirmed by two persons: so much less counts as paid.

    Raises:  LedgerForbidsError if it is not confirmed, or more than was paid
    """
    statement = act["statement"]
    with open_ledger(home) as ledger:
        released_batch(home, ledger, statement["batch_id"])
        history = ledger.entries_of(statement["batch_id"])
        entries = posted_entries("recovered", {"act": act}, history, history.clear)
        left = ledger.paid_lines().filter(pl.col("payment_id") == statement["payment_id"])
        for name in KEY:
            left = left.filter(pl.col(name) == statement["line"][name])
        if entries.height != 1 or statement["amount_fen"] > left["amount_fen"].sum():
            raise LedgerForbidsError("more would be recovered than was paid: nothing was posted")
        with witnessed(home, ledger):
            ledger.post(
                "recovered", {"act": act}, statement["batch_id"], statement["payment_id"], entries
            )
    return {
        "batch_id": statement["batch_id"],
        "payment_id": statement["payment_id"],
        "document_no": statement["document_no"],
        "recovered_yuan": yuan_text(statement["amount_fen"]),
    }
