"""Settlement: the bank's answer to a released batch; what came back is due again."""

import hashlib
from pathlib import Path
from typing import Any

from flows.money.batch_folder import known_state, verify_batch
from flows.money.ledger_store import open_ledger
from flows.money.whole import expect_whole, witnessed
from flows.store import Home
from transforms.amounts import yuan_text
from transforms.errors import DropRefusedError, LedgerForbidsError
from transforms.money.ledger import return_entries
from transforms.payments.profile import profile_of
from transforms.payments.return_file import check_answers, read_answers


def settle_batch(home: Home, batch_id: str, path: Path) -> dict[str, Any]:
    """Take the bank's answer: post what came back, so that it is due again.

    Holds:   a file is taken whole or not at all, and once; a payment comes back once
    Raises:  DropRefusedError for a file that does not fit; LedgerForbidsError for a batch that was
             not released, or a file that was taken already
    """
    try:
        content = path.read_bytes()
    except OSError as unreadable:
        raise DropRefusedError(f"{path} can't be read: check the path") from unreadable
    file_digest = hashlib.sha256(content).hexdigest()
    with open_ledger(home) as ledger:
        expect_whole(home, ledger)
        state = known_state(ledger.batch_states(), batch_id)
        if state.released is None:
            raise LedgerForbidsError(f"batch {batch_id} is {state.state}: not released")
        if any(taken["file_digest"] == file_digest for taken in state.settled):
            raise LedgerForbidsError(f"batch {batch_id} is already settled with this file")
        stored = verify_batch(home, state)
        profile = profile_of(stored.manifest["funding"]["profile"], f"batch {batch_id}")
        answers = read_answers(content, profile, str(path))
        paid = ledger.payments_of(batch_id)
        still_paid = set(ledger.paid_lines()["payment_id"])
        payment_ids = set(paid["payment_id"])
        check_answers(answers, payment_ids, payment_ids - still_paid, str(path))
        refused = [answer for answer in answers if not answer.arrived]
        entries = return_entries(paid, [answer.payment_id for answer in refused])
        arrived = len(answers) - len(refused)
        event: dict[str, Any] = {
            "file_digest": file_digest,
            "arrived_count": arrived,
            "returned_count": len(refused),
            "returned_fen": int(entries["amount_fen"].sum()),
            "returned": [[a.payment_id, a.reason, a.answered_on] for a in refused],
        }
        with witnessed(home, ledger):
            ledger.post("settled", event, batch_id, file_digest, entries)
    return {
        "batch_id": batch_id,
        "state": "settled",
        "arrived": arrived,
        "returned": len(refused),
        "unanswered": len(payment_ids) - len(answers),
        "returned_yuan": yuan_text(event["returned_fen"]),
    }
