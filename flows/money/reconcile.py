"""Reconciliation: statements of the payer's account against a batch, payment by payment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import StoredBatch
from flows.money.funds import read_funds
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.settle import keep, kept_path, known_answers, read_file, released_batch
from flows.money.whole import witnessed
from flows.store import Home, file_digest, replace_file
from transforms.amounts import yuan_text
from transforms.digest import frame_digest
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.batch_states import BatchState
from transforms.payments.layouts import statement_layout
from transforms.payments.statement import (
    STANDINGS,
    Entry,
    Reconciliation,
    merged,
    read_statement,
    reconcile,
    refuse_unread_movements,
)
from transforms.sheets.csv_file import csv_bytes
from transforms.sheets.workbook import Line, Sheet, workbook_bytes
from transforms.words import Said, word, worded, words_column

RECONCILIATION = ("reconciliation.csv", "reconciliation.xlsx")
STATEMENT = "statement"
LABEL_LENGTH = 8


def reconcile_batch(home: Home, batch_id: str, path: Path) -> dict[str, Any]:
    """Take a statement of the payer's account, and account for every payment of a batch by it.

    Holds:   statements add up, what stands in two of them counts once; the same again, with the
             same answers of the bank, posts nothing
    Raises:  DropRefusedError for a file that does not fit; LedgerForbidsError for a batch that was
             not released
    """
    content, digest = read_file(path)
    with open_ledger(home) as ledger:
        stored, state = released_batch(home, ledger, batch_id)
        layout = read_funds(home).profile_of(state.fund).received["statement"]
        before = [said for said in state.reconciled if said["file_digest"] != digest]
        _expect_read(content, layout, str(path), stored, state)
        taken = {"file_digest": digest, "layout": layout, "holds_accounts": True}
        statements = [*statements_of(stored, before), entries_of(content, taken)]
        found = reconciliation_of(ledger, stored, state, statements)
        said = {**taken, **_outcome(state, found)}
        keeping = partial(keep, stored, digest, content, STATEMENT)
        if said not in state.reconciled[-1:]:
            with witnessed(home, ledger, keeping=keeping):
                ledger.post("reconciled", said, batch_id, digest)
        keeping()
        files = reconciliation_files(state, found)
    for name, written in files.items():
        replace_file(stored.folder / name, written)
    return _told(state, found, [str(stored.folder / name) for name in files])


def _expect_read(
    content: bytes, layout: Mapping[str, Any], where: str, stored: StoredBatch, state: BatchState
) -> None:
    """Read a statement that is given now: all of its movements.

    Raises:  DropRefusedError naming the lines, and by whose form they were read
    """
    form, accounts = statement_layout(layout, where), stored.frame("instructions")["account_no"]
    try:
        read_statement(content, form, where)
        refuse_unread_movements(content, form, where, set(accounts))
    except DropRefusedError as refused:
        raise DropRefusedError(
            f"{refused}; it was read by [statement] of the bank profile that funds.toml names for "
            f"{state.fund} today"
        ) from refused


def entries_of(content: bytes, taken: Mapping[str, Any]) -> list[Entry]:
    """Read a statement that was taken, by the layout that was posted with it."""
    label = taken["file_digest"][:LABEL_LENGTH]
    return read_statement(content, statement_layout(taken["layout"], label), label, label)


def statements_of(stored: StoredBatch, said: Sequence[Mapping[str, Any]]) -> list[list[Entry]]:
    """Read the statements that were taken, each once.

    Raises:  DigestDiffersError if one of them is not there any more
    """
    statements = []
    for digest, posted in {posted["file_digest"]: posted for posted in said}.items():
        path = kept_path(stored, digest, STATEMENT)
        if not path.is_file() or file_digest(path) != digest:
            raise DigestDiffersError(
                f"{path} is missing or changed: give the statement to `wuxing reconcile` once more"
            )
        statements.append(entries_of(path.read_bytes(), posted))
    return statements


def reconciliation_of(
    ledger: Ledger,
    stored: StoredBatch,
    state: BatchState,
    statements: Sequence[Sequence[Entry]],
    *,
    holds_accounts: bool = True,
) -> Reconciliation:
    """Account for a batch by statements and by the answers its state knows."""
    answers = {name: a.arrived for name, a in known_answers(stored, state).items()}
    instructions = stored.frame("instructions")
    known = set(ledger.batches_of_payments())
    refused = {answer[0] for said in state.settled for answer in said["returned"]}
    told = (answers, merged(statements), known, refused)
    return reconcile(state.batch_id, instructions, *told, holds_accounts=holds_accounts)


def _outcome(state: BatchState, found: Reconciliation) -> dict[str, Any]:
    sums = found.sums()
    return {
        "answer_count": len(state.settled),
        **{f"{name}_count": sums[name][0] for name in STANDINGS},
        **{f"{name}_fen": sums[name][1] for name in STANDINGS},
        "difference_count": len(found.differences),
        "lines_digest": frame_digest(found.lines),
    }


def posted_again(
    ledger: Ledger, stored: StoredBatch, state: BatchState, place: int
) -> tuple[dict[str, Any], Reconciliation]:
    """Work out again what was posted of a statement, with the files that were taken by then."""
    posted = state.reconciled[place]
    before = replace(state, settled=state.settled[: posted["answer_count"]])
    # The statement that was given came last, wherever it had stood before.
    earlier = [s for s in state.reconciled[:place] if s["file_digest"] != posted["file_digest"]]
    # What was taken before accounts were held against each other does not say so.
    names = ("file_digest", "layout", "holds_accounts")
    taken = {name: posted[name] for name in names if name in posted}
    statements = statements_of(stored, [*earlier, posted])
    found = reconciliation_of(
        ledger, stored, before, statements, holds_accounts="holds_accounts" in taken
    )
    return {**taken, **_outcome(before, found)}, found


def reconciliation_files(state: BatchState, found: Reconciliation) -> dict[str, bytes]:
    """Write a reconciliation for people: the lines as CSV, and as a workbook with the sums on top.

    Holds:   the same reconciliation gives the same bytes
    """
    worded_columns = [words_column(n) for n in ("bank_answer", "standing", "difference")]
    # What somebody has to look into stands on top.
    order = (pl.col("difference") == "", pl.col("standing") != "open", "number")
    lines = found.lines.sort(*order).with_columns(worded_columns)
    title = worded(Said("reconciliation_of", {"batch_id": state.batch_id, "fund": state.fund}))
    above = [Line("title", [title])]
    for name, (count, fen) in found.sums().items():
        said = {"what": name, "count": count, "amount_fen": fen}
        above.append(Line("fact", [worded(Said("reconciled_sum", said))]))
    for what, place, fen in found.beside:
        said = {"what": what, "place": place, "amount_fen": fen}
        above.append(Line("warn", [worded(Said("reconciled_beside", said))]))
    sheet = Sheet(word("sheet_reconciliation"), lines, above)
    return dict(
        zip(RECONCILIATION, (csv_bytes(lines), workbook_bytes([sheet], title)), strict=True)
    )


def _told(state: BatchState, found: Reconciliation, files: list[str]) -> dict[str, Any]:
    sums = found.sums()
    return {
        "batch_id": state.batch_id,
        **{n: {"count": c, "amount_yuan": yuan_text(fen)} for n, (c, fen) in sums.items()},
        "differences": [
            {"difference": what, "where": where, "amount_yuan": yuan_text(fen)}
            for what, where, fen in found.differences
        ],
        "lines": [
            {
                **{name: row[name] for name in ("payment_id", "bank_answer", "standing")},
                **{name: row[name] for name in ("difference", "statement_lines")},
                "amount_yuan": yuan_text(row["amount_fen"]),
                "debited_yuan": yuan_text(row["debited_fen"]),
                "credited_yuan": yuan_text(row["credited_fen"]),
            }
            for row in found.lines.iter_rows(named=True)
        ],
        "is_accounted_for": not found.differences and not sums["open"][0],
        "files": files,
    }
