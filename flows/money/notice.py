"""The public notice of a batch as a file beside it."""

from datetime import date
from typing import Any

from flows.money.batch_folder import known_state, verify_batch
from flows.money.ledger_store import open_ledger
from flows.store import Home, replace_file
from transforms.errors import LedgerForbidsError
from transforms.payments.notice import notice_list, notice_window
from transforms.sheets.csv_file import csv_bytes

NOTICE = "notice.csv"


def write_notice(home: Home, batch_id: str) -> dict[str, Any]:
    """Write notice.csv of a batch: masked, with the last day of five working days.

    Holds:   the same batch gives the same bytes
    Raises:  LedgerForbidsError for a withdrawn batch, DigestDiffersError for a changed one
    """
    with open_ledger(home) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
    if state.state == "withdrawn":
        raise LedgerForbidsError(f"batch {batch_id} was withdrawn: it is not to be announced")
    stored = verify_batch(home, state)
    titles = {entry["policy_id"]: entry["title"] for entry in stored.manifest["policies"]}
    window = notice_window(date.fromisoformat(stored.manifest["as_of"]))
    rows = notice_list(stored.frame("instructions"), titles, window)
    path = stored.folder / NOTICE
    replace_file(path, csv_bytes(rows))
    return {
        "batch_id": batch_id,
        "path": str(path),
        "rows": rows.height,
        "first_day": window[0].isoformat(),
        "last_day": window[1].isoformat(),
    }
