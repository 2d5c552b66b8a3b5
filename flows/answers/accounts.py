"""Writes the workbook of payees whose money waits for a usable account."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import load_snapshot
from flows.money.evidence import expect_evidence, run_table
from flows.money.funds import read_funds
from flows.money.ledger import NEVER, Ledger
from flows.money.ledger_store import open_ledger
from flows.money.returned import owner_of
from flows.store import Home, replace_file
from sql import run_sql, show_frame
from sql.opening import connect_to
from transforms.answers.accounts import REASONS, count_wanted, wanted_accounts, wanted_sheets
from transforms.answers.money_text import bank_day_text
from transforms.errors import DropRefusedError
from transforms.money.entitlements import KEY
from transforms.money.payees import PAYEE
from transforms.sheets.workbook import workbook_bytes
from transforms.words import word

DEFAULT_NAME = "收款账户_征集.xlsx"
SERIES_LENGTH = 8
OPEN = ["payable", "held"]
# Whose fault no other account mends.
PAYING_SIDE = ("财政", "银行")
# What a payment came back for, by whose turn it is: the payee's, ours, or nobody knows.
PAYEES, OURS, NOT_KNOWN = "returned", "returned_ours", "returned_unknown"


def write_wanted(home: Home, out: Path | None) -> dict[str, Any]:
    """Write the workbook, by the newest finished run; put it into a drop when it is filled in.

    Raises:  DropRefusedError if no run has finished yet, or the file is there already
    """
    target = out or Path(DEFAULT_NAME)
    if target.exists():
        raise DropRefusedError(f"{target} is there already; nothing is overwritten: use --out")
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
        finished = {name: run for name, run in books.runs.items() if run["state"] == "done"}
        returned = returned_lines(ledger)
    if not finished:
        raise DropRefusedError("no run has finished yet: there is nobody whose account is wanted")
    newest, run = books.newest_run, finished[books.newest_run]
    expect_evidence(home, newest, books)
    entitled = pl.read_parquet(home.runs / newest / "entitlements.parquet")
    payees = _payees(home, run, entitled)
    still = (
        returned.filter(returned_as=PAYEES)
        .join(entitled.filter(pl.col("status").is_in(OPEN)), on=KEY)
        .join(payees.select(*PAYEE, "account_no"), on=[*PAYEE, "account_no"], how="semi")
    )
    wanted = wanted_accounts(
        entitled, _held_since(home, finished), still, payees.select(*PAYEE, "reference_name")
    )
    sheets = wanted_sheets(wanted, run["as_of"], newest[:SERIES_LENGTH])
    replace_file(target, workbook_bytes(sheets))
    return {
        "path": str(target),
        "run_id": newest,
        "payees": wanted.height,
        "waiting_fen": wanted["due_fen"].sum(),
        "by_reason": count_wanted(wanted),
    }


def _held_since(home: Home, finished: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """Say of each payee on which day a run of the home first found it without a usable account."""
    parts = [pl.LazyFrame(schema=dict.fromkeys([*PAYEE, "found_on"], pl.String))]
    for run_id, run in finished.items():
        if path := run_table(home, run_id, run, "entitlements"):
            held = (pl.col("status") == "held") & pl.col("reason").is_in(REASONS)
            found = pl.scan_parquet(path).filter(held).select(PAYEE).unique()
            parts.append(found.with_columns(pl.lit(run["as_of"]).alias("found_on")))
    return pl.concat(parts).group_by(PAYEE).agg(pl.col("found_on").min()).collect()


def returned_lines(ledger: Ledger, before: int = NEVER) -> pl.DataFrame:
    """List the lines whose payment came back: from which account, when, and what was said.

    Rows:    before  a posting: as it was then
             returns  KEY, account_no, bank_said, found_on (none if the bank named no day),
                      returned_as: PAYEES, whose payee, or a bureau with the payee, has to act;
                      OURS; or NOT_KNOWN; the last of a line and account
    """
    states = [state for state in ledger.books().batches.values() if state.settled]
    funds = read_funds(ledger.home) if states else None
    codes = {state.fund: funds.profile_of(state.fund).returns for state in states if funds}
    said = {
        payment: (
            words,
            bank_day_text(day) or None,
            _told_as(owner_of(words, codes[state.fund])["owner"]),
        )
        for state in states
        for taken in state.settled
        for payment, words, day in (*taken["returned"], *taken["late"])
    }
    texts = [*KEY, "account_no", "bank_said", "found_on"]
    schema = dict.fromkeys([*texts, "returned_as"], pl.String)
    rows = [
        (*(entry[name] for name in (*KEY, "account_no")), *said[entry["payment_id"]])
        for state in states
        for entry in _standing_returns(ledger.entries_of(state.batch_id, before=before))
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").unique([*KEY, "account_no"], keep="last")


def _told_as(owner: str) -> str:
    if owner == word("return_unknown"):
        return NOT_KNOWN
    return OURS if owner in PAYING_SIDE else PAYEES


def held_lines(ledger: Ledger, before: int = NEVER) -> pl.DataFrame:
    """Say of every line that was ever released how much went out and what its payee holds of it.

    Rows:    before  a posting: as it was then
             returns  KEY, sent_fen, and now_fen: 0 of what came back
    Units:   fen
    """
    sent, held = ledger.lines_of("payment", before=before), ledger.paid_lines(before)
    sums = [
        lines.group_by(KEY).agg(pl.col("amount_fen").sum().alias(name))
        for lines, name in ((sent, "sent_fen"), (held, "now_fen"))
    ]
    both = sums[0].join(sums[1], on=KEY, how="left", validate="1:1")
    return both.with_columns(pl.col("now_fen").fill_null(0))


def _standing_returns(entries: pl.DataFrame) -> Iterator[dict[str, Any]]:
    arrived = entries["reverses"].to_list()
    yield from entries.filter(
        (pl.col("kind") == "return") & ~pl.col("idempotency_key").is_in(arrived)
    ).iter_rows(named=True)


def _payees(home: Home, run: Mapping[str, Any], entitled: pl.DataFrame) -> pl.DataFrame:
    """Read by which name each payee with money open is known, and the account that stands now."""
    tables = load_snapshot(home.snapshots, run["snapshot_id"]).tables()
    with connect_to(tables, date.fromisoformat(run["as_of"])) as connection:
        waiting = entitled.filter(pl.col("status").is_in(OPEN)).select(PAYEE).unique().sort(PAYEE)
        show_frame(connection, "beneficiaries", waiting)
        return run_sql(connection, "payees.sql", {})
