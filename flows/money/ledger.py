"""What the ledger is asked and what it is given: frames out, postings in, nothing ever changed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from flows.midway import midway
from flows.money.clock import today
from flows.money.signatures import holds, holds_truly
from flows.money.witnesses import ADVICE, tell_witness
from flows.store import Home
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.batch_states import BatchState, reserving, state_digest
from transforms.money.books import Books, signed_in, too_early
from transforms.money.entitlements import KEY
from transforms.money.ledger import ENTRY_FIELDS, PAID_SCHEMA, collision, installment_of
from transforms.money.posting_rules import enter, read_books
from transforms.money.postings import (
    POSTING_FIELDS,
    Posting,
    broken_link,
    entries_digest,
    next_posting,
)

# What a beneficiary still holds of each line: paid, not taken back, less what was recovered.
# What was recovered is summed first: asked line by line it would take the square of a batch.
PAID = """select paid.*, paid.amount_fen - coalesce(recovered.amount_fen, 0) as left_fen
    from entries as paid
    left join (
        select batch_id, payment_id, period, subject_kind, subject_id, sum(amount_fen) as amount_fen
        from entries where kind = 'recovered'
        group by batch_id, payment_id, period, subject_kind, subject_id
    ) as recovered using (batch_id, payment_id, period, subject_kind, subject_id)
    where paid.kind in ('payment', 'restored') and not exists (
        select 1 from entries as reversal
        where reversal.reverses = paid.idempotency_key and reversal.reverses <> '')"""
FIELDS = ", ".join(ENTRY_FIELDS)
# A posting that no ledger comes to.
NEVER = 2**62
NUMBERS = {"budget_year": pl.Int64(), "amount_fen": pl.Int64()}
ENTRY_SCHEMA = {name: NUMBERS.get(name, pl.String()) for name in ENTRY_FIELDS}


@dataclass
class Ledger:
    """An open ledger; what it is asked for comes as frames, what it is given is only added."""

    connection: Any
    home: Home
    is_kept: bool = True
    _books: Books | None = field(default=None, repr=False)

    def paid_lines(self, before: int = 0) -> pl.DataFrame:
        """Return the lines that were released and not returned, now or before a posting.

        Rows:    one per line: payment_id, the entitlement's key, amount_fen, account_no
        """
        names = ["left_fen" if name == "amount_fen" else name for name in PAID_SCHEMA]
        text = f"select {', '.join(names)} from ({PAID}) where left_fen > 0"
        then = "with entries as not materialized (select * from main.entries where sequence < ?)"
        return self._frame(f"{then} {text}", (before,)) if before else self._frame(text)

    def entries_of(self, batch_id: str, kind: str = "", before: int = NEVER) -> pl.DataFrame:
        """Return a batch's entries, of one kind or all, as they were posted before a posting."""
        return self._entries(
            f"select {FIELDS} from entries where batch_id = ? and ? in (kind, '') and sequence < ?",
            (batch_id, kind, before),
        )

    def entries_about(self, identifier: str) -> list[dict[str, Any]]:
        """Return every entry that pays somebody, or is for somebody, in the order of posting."""
        asked = f"select {FIELDS} from entries where beneficiary_id = ? or subject_id = ?"
        return self._entries(asked, (identifier, identifier)).to_dicts()

    def entries_to(self, beneficiary_id: str) -> list[dict[str, Any]]:
        """Return every entry that pays somebody, in the order of posting."""
        asked = f"select {FIELDS} from entries where beneficiary_id = ?"
        return self._entries(asked, (beneficiary_id,)).to_dicts()

    def entries_before(self, sequence: int) -> pl.DataFrame:
        """Return all that was posted before a posting, in the order of posting."""
        return self._entries(f"select {FIELDS} from entries where sequence < ?", (sequence,))

    def entries_at(self, sequence: int) -> pl.DataFrame:
        """Return the entries of one posting."""
        return self._entries(f"select {FIELDS} from entries where sequence = ?", (sequence,))

    def count_entries(self) -> int:
        """Return how many entries there are."""
        (count,) = self.connection.execute("select count(*) from entries").fetchone()
        return int(count)

    def lines_of(self, kind: str, after: int = 0, before: int = NEVER) -> pl.DataFrame:
        """Return the lines of a kind of entries posted between two positions, as they were."""
        names = ", ".join(PAID_SCHEMA)
        return self._frame(
            f"select {names} from entries where kind = ? and sequence > ? and sequence < ?",
            (kind, after, before),
        )

    def batches_of_payments(self) -> dict[str, str]:
        """Return every payment id that this home ever released, returned ones too: its batch."""
        rows = self.connection.execute(
            "select distinct payment_id, batch_id from entries where kind = 'payment' order by 1"
        )
        return dict(rows)

    def installments(self, signed_lines: pl.DataFrame) -> pl.DataFrame:
        """Return the number of each entitlement's last payment, returned or only signed ones too.

        Rows:    signed_lines  key and installment, of batches that are signed, not yet released
                 returns       one per key: times
        """
        keys = f"select {', '.join(KEY)}, idempotency_key from entries where kind = 'payment'"
        schema = dict.fromkeys([*KEY, "idempotency_key"], pl.String())
        paid = pl.DataFrame(self.connection.execute(keys).fetchall(), schema, orient="row")
        paid = paid.select(*KEY, installment=installment_of("idempotency_key"))
        lines = pl.concat([paid, signed_lines])
        return lines.group_by(KEY).agg(pl.col("installment").max().alias("times")).sort(KEY)

    def spent_fen(self, fund: str, budget_year: int, without: str = "") -> int:
        """Return what a fund has released (and not got back) or signed for in a budget year."""
        (paid,) = self.connection.execute(
            f"select coalesce(sum(left_fen), 0) from ({PAID}) where fund = ? and budget_year = ?",
            (fund, budget_year),
        ).fetchone()
        signed = reserving(self.batch_states(), fund, budget_year, without)
        return int(paid) + sum(state.amount_fen for state in signed)

    def batch_states(self) -> dict[str, BatchState]:
        """Return the state of every batch, in the order they were first drafted."""
        return self.books().batches

    def state_digest(self) -> str:
        """Return the digest of what a run nets against."""
        return state_digest(self.batch_states())

    def position(self) -> int:
        """Return the number of the last posting; 0 where there is none."""
        (last,) = self.connection.execute("select max(sequence) from postings").fetchone()
        return int(last or 0)

    def postings(self, after: int = 0, batch_id: str = "") -> list[Posting]:
        """Return the postings after a position, of one batch or all, oldest first."""
        rows = self.connection.execute(
            f"select {', '.join(POSTING_FIELDS)} from postings "
            "where sequence > ? and ? in (batch_id, '') order by sequence",
            (after, batch_id),
        )
        return [Posting(*row) for row in rows]

    def books(self) -> Books:
        """Return what the postings add up to.

        Raises:  DigestDiffersError naming the first posting that is not as it was written, or
                 that no rule allows
        """
        if self._books is None:
            postings = self.postings()
            position = broken_link(postings)
            if position:
                raise DigestDiffersError(
                    f"{self.home.ledger_path}, postings row {position} is not as it was written, "
                    f"or one before it is missing; {ADVICE}"
                )
            books = read_books(postings, holds)
            if books.problems:
                raise DigestDiffersError(f"{self.home.ledger_path}, {books.problems[0]}; {ADVICE}")
            self._books = books
        return self._books

    def books_after(
        self, kind: str, content: Mapping[str, Any], batch_id: str, subject: str
    ) -> Books:
        """Return the books as they will be when this is posted next; nothing is posted.

        Raises:  LedgerForbidsError saying which rule forbids it
        """
        books = deepcopy(self.books())
        self._enter(books, kind, batch_id, subject, content)
        return books

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is posted inside durable together, or nothing of it; then tell the journal.

        Raises:  LedgerForbidsError if there is no ledger
        """
        if not self.is_kept:
            raise LedgerForbidsError(
                f"there is no ledger in {self.home.root}: `wuxing init` makes one"
            )
        self.connection.execute("begin immediate")
        if midway().position is None:
            midway().position = self.position()
        self._books = None
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            self._books = None
            raise
        self.connection.execute("commit")
        tell_witness(self.home.journal_path, self.postings())

    def post(
        self,
        kind: str,
        content: Mapping[str, Any],
        batch_id: str = "",
        subject: str = "",
        entries: pl.DataFrame | None = None,
    ) -> Posting:
        """Append a posting with its entries; the caller holds the transaction.

        Rows:    entries  one per idempotency key, columns ENTRY_FIELDS
        Holds:   what the books do not allow is not posted; a payment is posted once, for ever
        Raises:  LedgerForbidsError saying which rule forbids it
        """
        rows = [] if entries is None else list(entries.select(ENTRY_FIELDS).iter_rows())
        self._expect_new(rows)
        posting = self._enter(self.books(), kind, batch_id, subject, content, rows)
        self.insert("postings", POSTING_FIELDS, [posting.values()])
        fields = ("sequence", *ENTRY_FIELDS)
        self.insert("entries", fields, [(posting.sequence, *row) for row in rows])
        return posting

    def _enter(
        self,
        books: Books,
        kind: str,
        batch_id: str,
        subject: str,
        content: Mapping[str, Any],
        rows: Sequence[Sequence[Any]] = (),
    ) -> Posting:
        last = self.postings(after=books.position - 1)
        posting = next_posting(last[-1] if last else None, kind, batch_id, subject, content, rows)
        problem = enter(books, posting, holds_truly(self.home))
        signed = signed_in(content)
        # Only what is new is held against its day: what was posted before was posted for good.
        if signed and not problem:
            problem = too_early(books, batch_id, signed, today())
        if problem:
            raise LedgerForbidsError(problem)
        return posting

    def _expect_new(self, rows: Sequence[Sequence[Any]]) -> None:
        for values in rows:
            asked = f"select {FIELDS} from entries where idempotency_key = ?"
            found = self.connection.execute(asked, values[:1]).fetchone()
            if found is not None:
                raise LedgerForbidsError(collision(found, values))

    def insert(self, table: str, fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a table as they are; `post` is what makes them."""
        marks = ", ".join("?" * len(fields))
        statement = f"insert into {table} ({', '.join(fields)}) values ({marks})"
        self.connection.executemany(statement, rows)

    def entry_problems(self) -> Iterator[str]:
        """Hold every entry against the digest of the posting that posted it."""
        rows = self.connection.execute(
            f"select entry_id, sequence, {FIELDS} from entries order by entry_id"
        )
        waiting = next(rows, None)
        count = 0
        for posting in self.postings():
            mine: list[Sequence[Any]] = []
            while waiting is not None and waiting[1] == posting.sequence:
                count += 1
                if waiting[0] != count:
                    yield f"entries row {waiting[0]} stands where row {count} is due"
                mine.append(waiting[2:])
                waiting = next(rows, None)
            found = (len(mine), entries_digest(mine))
            if found != (posting.entry_count, posting.entries_digest):
                yield (
                    f"entries {count - len(mine) + 1} to {count} are not the "
                    f"{posting.entry_count} that posting {posting.sequence} posted"
                )
        if waiting is not None:
            yield f"entries row {waiting[0]} belongs to no posting in order"

    def _entries(self, text: str, given: Sequence[Any]) -> pl.DataFrame:
        rows = self.connection.execute(f"{text} order by entry_id", given).fetchall()
        return pl.DataFrame(rows, schema=ENTRY_SCHEMA, orient="row")

    def _frame(self, text: str, given: Sequence[Any] = ()) -> pl.DataFrame:
        rows = self.connection.execute(f"{text} order by entry_id", given).fetchall()
        return pl.DataFrame(rows, schema=PAID_SCHEMA, orient="row").sort(["payment_id", *KEY])
