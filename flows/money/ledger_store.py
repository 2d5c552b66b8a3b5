"""The ledger on disk: one SQLite file, append only, chained; the only importer of sqlite3."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.store import Home
from transforms.amounts import yuan_text
from transforms.digest import canonical_json
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.entitlements import KEY
from transforms.money.ledger import (
    ENTRY_FIELDS,
    EVENT_FIELDS,
    FIRST_HASH,
    PAID_SCHEMA,
    BatchState,
    balances,
    chain_hash,
    collision,
    state_digest,
    states_of,
)
from transforms.money.ledger_schema import SCHEMA

PAID = """kind = 'payment' and not exists (
    select 1 from entries as returns
    where returns.reverses = entries.idempotency_key and returns.reverses <> '')"""


@dataclass(frozen=True)
class Ledger:
    """An open ledger; what it is asked for comes as frames, what it is given is only added."""

    connection: sqlite3.Connection
    is_kept: bool = True

    def paid_lines(self) -> pl.DataFrame:
        """Return the lines that were released and not returned.

        Rows:    one per line: payment_id, the entitlement's key, amount_fen, account_no
        """
        return self._frame(f"select {', '.join(PAID_SCHEMA)} from entries where {PAID}")

    def payments_of(self, batch_id: str) -> pl.DataFrame:
        """Return a batch's payment entries, returned ones too, as they were posted."""
        rows = self.connection.execute(
            f"select {', '.join(ENTRY_FIELDS)} from entries "
            "where batch_id = ? and kind = 'payment' order by entry_id",
            (batch_id,),
        ).fetchall()
        numbers = {"budget_year": pl.Int64(), "amount_fen": pl.Int64()}
        schema = {name: numbers.get(name, pl.String()) for name in ENTRY_FIELDS}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def payment_ids(self) -> list[str]:
        """Return every payment id that this home ever released, returned ones too."""
        rows = self.connection.execute("select distinct payment_id from entries order by 1")
        return [payment_id for (payment_id,) in rows]

    def installments(self, signed_lines: pl.DataFrame) -> pl.DataFrame:
        """Return how many times each entitlement was paid or signed for, returns not taken off.

        Rows:    signed_lines  those of batches that are signed and not yet released
                 returns       one per key: times
        """
        ever = self._frame(f"select {', '.join(PAID_SCHEMA)} from entries where kind = 'payment'")
        return (
            pl.concat([ever, signed_lines])
            .group_by(KEY)
            .agg(pl.len().cast(pl.Int64).alias("times"))
            .sort(KEY)
        )

    def spent_fen(self, fund: str, budget_year: int, without: str = "") -> int:
        """Return what a fund has released (and not got back) or signed for in a budget year."""
        (paid,) = self.connection.execute(
            f"select coalesce(sum(amount_fen), 0) from entries where fund = ? and budget_year = ? "
            f"and {PAID}",
            (fund, budget_year),
        ).fetchone()
        signed = sum(
            state.amount_fen
            for state in self.batch_states().values()
            if state.reserves
            and state.batch_id != without
            and state.fund == fund
            and int(state.as_of[:4]) == budget_year
        )
        return int(paid) + signed

    def batch_states(self) -> dict[str, BatchState]:
        """Return the state of every batch, in the order they were first drafted."""
        return states_of(event for event in self.events() if event["batch_id"])

    def state_digest(self) -> str:
        """Return the digest of what a run nets against."""
        return state_digest(self.batch_states())

    def events(self) -> list[dict[str, Any]]:
        """Return all events, oldest first."""
        rows = self.connection.execute(
            f"select {', '.join(EVENT_FIELDS)} from events order by sequence"
        )
        events = [dict(zip(EVENT_FIELDS, row, strict=True)) for row in rows]
        return [{**event, "content": json.loads(event["content"])} for event in events]

    def keys(self) -> dict[str, dict[str, Any]]:
        """Return the registered signing keys by fingerprint: role, name, public key."""
        return {e["subject"]: e["content"] for e in self.events() if e["kind"] == "key_registered"}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is added inside durable together, or nothing of it."""
        assert self.is_kept, "nothing is posted to the ledger of a home that is not there"
        self.connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def add_event(self, batch_id: str, kind: str, subject: str, content: Mapping[str, Any]) -> None:
        """Append one event; the caller holds the transaction.

        Raises:  LedgerForbidsError if it can happen only once and has happened
        """
        previous = self._last("event_hash", "events", "sequence")
        values = (batch_id, kind, subject, canonical_json(content))
        try:
            self.connection.execute(
                f"insert into events ({', '.join(EVENT_FIELDS)}, previous_hash, event_hash) "
                "values (?, ?, ?, ?, ?, ?)",
                (*values, previous, chain_hash(previous, values)),
            )
        except sqlite3.IntegrityError as twice:
            raise LedgerForbidsError(f"batch {batch_id}: already {kind} ({subject})") from twice

    def add_entries(self, entries: pl.DataFrame) -> int:
        """Append entries; the caller holds the transaction. Returns how many were new.

        Rows:    entries  one per idempotency key, columns ENTRY_FIELDS
        Holds:   the same key with the same content is added once, whenever it comes again
        Raises:  LedgerForbidsError if a key is there with another amount, account or payee
        """
        fields = ", ".join(ENTRY_FIELDS)
        previous = self._last("entry_hash", "entries", "entry_id")
        added: list[tuple[Any, ...]] = []
        for values in entries.select(ENTRY_FIELDS).iter_rows():
            found = self.connection.execute(
                f"select {fields} from entries where idempotency_key = ?", values[:1]
            ).fetchone()
            if found is None:
                entry_hash = chain_hash(previous, values)
                added.append((*values, previous, entry_hash))
                previous = entry_hash
            elif found != values:
                raise LedgerForbidsError(collision(found, values))
        marks = ", ".join("?" * (len(ENTRY_FIELDS) + 2))
        self.connection.executemany(
            f"insert into entries ({fields}, previous_hash, entry_hash) values ({marks})", added
        )
        return len(added)

    def verify_chain(self) -> int:
        """Recompute both chains; return how many entries and events were checked.

        Raises:  DigestDiffersError naming the first row that is not as it was written
        """
        checked = 0
        for table, number, fields, digest in (
            ("events", "sequence", EVENT_FIELDS, "event_hash"),
            ("entries", "entry_id", ENTRY_FIELDS, "entry_hash"),
        ):
            previous = FIRST_HASH
            rows = self.connection.execute(
                f"select {number}, {', '.join(fields)}, previous_hash, {digest} from {table} "
                f"order by {number}"
            )
            for place, (row_number, *values, said_before, said) in enumerate(rows, start=1):
                expected = chain_hash(previous, values)
                if said_before != previous or said != expected or row_number != place:
                    raise DigestDiffersError(
                        f"ledger: {table} row {row_number} is not as it was written, or one before "
                        "it is missing; restore ledger.sqlite from a backup"
                    )
                previous, checked = expected, checked + 1
        self._verify_releases()
        return checked

    def _verify_releases(self) -> None:
        for state in self.batch_states().values():
            if state.released is None:
                continue
            found = self.connection.execute(
                "select count(*), coalesce(sum(amount_fen), 0) from entries "
                "where batch_id = ? and kind = 'payment'",
                (state.batch_id,),
            ).fetchone()
            if found != (state.line_count, state.amount_fen):
                raise DigestDiffersError(
                    f"ledger: batch {state.batch_id} has {found[0]} entries of {found[1]} fen, "
                    f"expected {state.line_count} of {state.amount_fen}; restore from a backup"
                )

    def _last(self, column: str, table: str, order: str) -> str:
        row = self.connection.execute(
            f"select {column} from {table} order by {order} desc limit 1"
        ).fetchone()
        return str(row[0]) if row else FIRST_HASH

    def _frame(self, text: str) -> pl.DataFrame:
        rows = self.connection.execute(f"{text} order by entry_id").fetchall()
        return pl.DataFrame(rows, schema=PAID_SCHEMA, orient="row").sort(["payment_id", *KEY])


@contextmanager
def open_ledger(home: Home) -> Iterator[Ledger]:
    """Open the ledger of a home, making it if there is none; of no home, an empty one.

    Raises:  DigestDiffersError if the file is no ledger of ours
    """
    # Who writes holds the home, which makes its folder; who only looks must not make one.
    is_kept = home.root.is_dir()
    place = home.ledger_path if is_kept else ":memory:"
    connection = sqlite3.connect(place, isolation_level=None, timeout=30)
    try:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            _prepare(connection)
        except sqlite3.DatabaseError as broken:
            raise DigestDiffersError(
                f"{home.ledger_path} is no ledger or is damaged; restore it from a backup"
            ) from broken
        yield Ledger(connection, is_kept)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == 1:
        return
    connection.execute("begin immediate")
    # Another process may have made it while this one waited.
    if connection.execute("pragma user_version").fetchone() == (0,):
        for statement in SCHEMA:
            connection.execute(statement)
    connection.execute("commit")


def ledger_view(home: Home, beneficiary: str | None) -> dict[str, Any]:
    """Return balances and entries, of all or of one beneficiary.

    Units:   fen and, for people, yuan
    """
    with open_ledger(home) as ledger:
        where, values = ("where beneficiary_id = ?", (beneficiary,)) if beneficiary else ("", ())
        triples = ledger.connection.execute(
            f"select debit_account, credit_account, amount_fen from entries {where}", values
        ).fetchall()
        entries = ledger.connection.execute(
            f"select entry_id, {', '.join(ENTRY_FIELDS)} from entries {where} order by entry_id",
            values,
        ).fetchall()
    shown = [
        {"account": account, "balance_fen": fen, "balance_yuan": yuan_text(fen)}
        for account, fen in balances(triples).items()
        if beneficiary or account.startswith("fund:")
    ]
    listed = [dict(zip(("entry_id", *ENTRY_FIELDS), row, strict=True)) for row in entries]
    return {
        "balances": shown,
        "entries": [{**entry, "amount_yuan": yuan_text(entry["amount_fen"])} for entry in listed],
    }
