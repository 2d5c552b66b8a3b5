"""Notices to everyone of a run or a batch: letters, messages, and what each is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.accounts import held_lines, returned_lines
from flows.answers.explain import id_of
from flows.answers.law import law_of
from flows.answers.notice_reasons import refused_lines, with_reasons
from flows.answers.objected import LETTERS as OBJECTION_LETTERS
from flows.answers.run_money import taken_out
from flows.answers.snapshot_rows import SnapshotRows
from flows.data_package import write_table
from flows.ingest.drop import load_snapshot
from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.evidence import expect_evidence
from flows.money.ledger_store import Ledger, books_of, open_ledger
from flows.money.notice import notice_days
from flows.money.returned import over_lines
from flows.store import Home, read_manifest, staged_folder
from flows.typeset import pdf_of
from sql import run_sql, show_frame
from sql.opening import connect_to
from transforms.amounts import is_amount
from transforms.answers.asked_back import told_of_claims
from transforms.answers.letter_pages import TOWN, letter_pages
from transforms.answers.notices import ASKED_ONLY, LINE_SCHEMA, messages, notices
from transforms.answers.open_questions import both_sides
from transforms.errors import DropRefusedError, LedgerForbidsError, UsageError
from transforms.identifiers import EMPLOYER_CODE_FORM
from transforms.money.batch_states import LEFT_BEHIND
from transforms.money.entitlements import KEY
from transforms.money.posting_rules import read_books
from transforms.policies.cards import PolicyCard
from transforms.sheets.csv_file import csv_bytes

FOLDER = "notices"
# Of a page, and of a PDF: more take gigabytes to print.
LETTERS_A_PAGE = 1_000
SERIES_LENGTH = 8
# What a line is told as by what the ledger says of it, where its status is not enough.
NOT_YET_PAID, RETURNED_OVER = "not_yet_paid", "returned_over"


@dataclass(frozen=True)
class Asked:
    """Whose notices are asked for: everybody's, one person's or unit's, or a town's."""

    party: str = ""
    town: str = ""
    pdf: bool = False

    @property
    def is_part(self) -> bool:
        """Say whether not everybody's are."""
        return bool(self.party or self.town)


def write_notices(home: Home, identifier: str, asked: Asked, out: Path | None) -> dict[str, Any]:
    """Write the notices of a run (R…) or a batch (B…) into a folder, whole or not at all.

    Holds:   exactly one notice per line of every status; the same batch, or the same run and
             ledger, gives the same bytes; of those who are not eligible, or are for what pays
             nothing, only whoever is asked for by id; nobody hears from a letter whom a bureau
             looks into
    Raises:  UsageError, DropRefusedError; DigestDiffersError if the evidence was changed
    """
    stored = _batch(home, identifier) if identifier.startswith("B") else None
    run_id = str(stored.manifest["run_id"]) if stored else identifier
    manifest = _run(home, run_id)
    # As they were: a card may have been withdrawn since.
    cards = law_of(home, manifest).cards
    lines = _lines_of_batch(home, stored) if stored else _lines_of_run(home, run_id, asked, cards)
    as_of = date.fromisoformat(manifest["as_of"])
    told = notices(
        lines,
        _parties(home, str(manifest["snapshot_id"]), as_of, lines),
        cards,
        notice_days(books_of(home).batches, run_id, as_of, cards),
        identifier[:SERIES_LENGTH],
    )
    whole = told.height
    rows = SnapshotRows(home.snapshots / str(manifest["snapshot_id"]), as_of)
    told = _narrowed(told, asked, rows)
    target = _target(home, identifier, asked, out)
    with staged_folder(target, instead=True) as folder:
        _write(folder, told, asked)
        objected = home.runs / run_id / OBJECTION_LETTERS
        if not stored and not asked.is_part and objected.is_file():
            (folder / OBJECTION_LETTERS).write_bytes(objected.read_bytes())
    counts = told.group_by("status").len().sort("status")
    return {
        "path": str(target),
        "notices": told.height,
        "of": whole,
        "counts": dict(counts.iter_rows()),
    }


def _write(folder: Path, told: pl.DataFrame, asked: Asked) -> None:
    write_table(told, folder / "notices.parquet")
    (folder / "messages.csv").write_bytes(csv_bytes(messages(told)))
    (folder / "letters").mkdir()
    for name, page in letter_pages(told, LETTERS_A_PAGE):
        (folder / "letters" / f"{name}.html").write_text(page, encoding="utf-8")
    parts = [*told.iter_slices(LETTERS_A_PAGE)] if asked.pdf else []
    for number, part in enumerate(parts, start=1):
        name = "letters.pdf" if len(parts) == 1 else f"letters-{number:03}.pdf"
        (folder / name).write_bytes(letters_pdf(part))


def letters_pdf(told: pl.DataFrame) -> bytes:
    """Print letters, one a page; words are data to the printer, never its language."""
    shown = told.select("title", "notice_no", "name", "letter").to_dicts()
    return pdf_of("letters.typ", {"letters": shown})


def _target(home: Home, identifier: str, asked: Asked, out: Path | None) -> Path:
    if out is not None:
        if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
            raise DropRefusedError(f"{out} is there already; nothing is overwritten: name another")
        return out
    if asked.is_part:
        raise UsageError("say with --out where the letters of one person or town go")
    kept = home.batches if identifier.startswith("B") else home.runs
    return kept / identifier / FOLDER


def _batch(home: Home, batch_id: str) -> StoredBatch:
    """Return a batch that may still be paid."""
    state = known_state(books_of(home).batches, batch_id)
    if state.state in LEFT_BEHIND:
        raise LedgerForbidsError(f"batch {batch_id} is {state.state}: nobody is told of it")
    return verify_batch(home, state)


def _run(home: Home, run_id: str) -> dict[str, Any]:
    """Return a finished run's manifest, its files held against the ledger."""
    manifest = read_manifest(home.runs / run_id, "run")
    books = books_of(home)
    if run_id not in books.runs or manifest["state"] != "done":
        raise DropRefusedError(f"run {run_id} did not finish: there is nobody to be told anything")
    expect_evidence(home, run_id, books)
    return manifest


def _lines_of_run(
    home: Home, run_id: str, asked: Asked, cards: Mapping[str, PolicyCard]
) -> pl.DataFrame:
    folder = home.runs / run_id
    entitled = _as_it_stands(home, run_id, pl.read_parquet(folder / "entitlements.parquet"))
    # What is payable has an entitlement: of who is eligible only lists that pay nothing are left.
    told = ["undetermined", *(ASKED_ONLY if asked.party else [])]
    # Whoever is told that they are on no such list can tell when they are.
    watching = [name for name, card in cards.items() if card.kind == "warning"]
    others = refused_lines(folder, told, watching, entitled)
    return _as_lines(pl.concat([with_reasons(folder, entitled), others], how="diagonal"))


def _as_it_stands(home: Home, run_id: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Add to a run's lines where they go, and what has become of them since, by the ledger.

    Holds:   what a reviewer held or struck out is held, what was paid since is paid
    """
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
        states = [state for state in books.batches.values() if state.run_id == run_id]
        paid, returned, over = held_lines(ledger), returned_lines(ledger), _over(ledger)
    known = [_accounts(verify_batch(home, state)) for state in states]
    accounts = pl.concat([*known, pl.DataFrame(schema=_ACCOUNTS)]).unique(KEY)
    left = pl.DataFrame(
        [(*key, reason) for key, reason in taken_out(states).items()],
        schema=dict.fromkeys([*KEY, "said"], pl.String()),
        orient="row",
    )
    for more in (accounts, left, paid.drop("sent_fen"), over):
        lines = lines.join(more, on=KEY, how="left", validate="1:1")
    now, before = pl.col("now_fen").fill_null(0), pl.col("paid_before_fen")
    is_payable, is_out = pl.col("status") == "payable", pl.col("said").is_not_null()
    is_paid = is_payable & (now >= pl.col("determined_fen"))
    is_held = is_payable & is_out & ~is_paid
    is_waiting = (pl.col("status") == "nothing_due") & (now < before)
    is_over = ((is_payable & ~is_paid) | is_waiting) & pl.col("over_fen").is_not_null()
    told = lines.with_columns(
        pl.when(is_paid)
        .then(pl.lit("nothing_due"))
        .when(is_held)
        .then(pl.lit("held"))
        .otherwise("status")
        .alias("status"),
        pl.when(is_held).then("said").otherwise("reason").alias("reason"),
        pl.when(is_over)
        .then(pl.lit(RETURNED_OVER))
        .when(is_waiting)
        .then(pl.lit(NOT_YET_PAID))
        .alias("told_as"),
        pl.when(is_over).then("over_fen").otherwise("due_fen").alias("due_fen"),
    )
    return _with_returns(told_of_claims(told, books, paid), returned)


def _over(ledger: Ledger) -> pl.DataFrame:
    """Say of every line that came back and that no night pays any more how much it is."""
    schema = {**dict.fromkeys(KEY, pl.String), "over_fen": pl.Int64}
    rows = [{**line, "over_fen": line["amount_fen"]} for line in over_lines(ledger)]
    return pl.DataFrame(rows, schema=schema).group_by(KEY).agg(pl.sum("over_fen"))


_ACCOUNTS = dict.fromkeys([*KEY, "bank_name", "account_no"], pl.String())


def _accounts(stored: StoredBatch) -> pl.DataFrame:
    where = stored.frame("instructions").select("payment_id", "bank_name", "account_no")
    lines = stored.frame("lines").select("payment_id", *KEY)
    return lines.join(where, on="payment_id", validate="m:1").select(list(_ACCOUNTS))


def _lines_of_batch(home: Home, stored: StoredBatch) -> pl.DataFrame:
    """Lay out a batch's lines; what came back since it was drawn up is not told.

    So the same batch gives the same notices.
    """
    with open_ledger(home, only_look=True) as ledger:
        drafted_at = ledger.batch_states()[stored.manifest["batch_id"]].drafted_at
        returned = returned_lines(ledger, drafted_at)
        before = read_books(ledger.postings()[:drafted_at], lambda *_: True)
        paid = held_lines(ledger, drafted_at)
    lines = stored.frame("lines").join(_accounts(stored), on=KEY, validate="1:1")
    due = lines.rename({"amount_fen": "due_fen"}).with_columns(
        pl.lit("payable").alias("status"),
        pl.lit("").alias("reason"),
        pl.lit(None, pl.String).alias("told_as"),
    )
    unpaid = stored.frame("unpaid_lines").with_columns(pl.lit(None, pl.String).alias("told_as"))
    told = told_of_claims(unpaid, before, paid)
    reasoned = with_reasons(home.runs / str(stored.manifest["run_id"]), told)
    return _as_lines(pl.concat([_with_returns(due, returned), reasoned], how="diagonal"))


def _with_returns(lines: pl.DataFrame, returned: pl.DataFrame) -> pl.DataFrame:
    """Add what the bank said of payable lines that came back from where they would go again."""
    on = [*KEY, "account_no"]
    told_as = pl.col("returned_as").alias("told_as")
    said = returned.select(*on, "bank_said", told_as, pl.lit("payable").alias("status"))
    both = lines.join(said, on=[*on, "status"], how="left", validate="m:1", suffix="_then")
    return both.with_columns(pl.coalesce("told_as", "told_as_then").alias("told_as")).drop(
        "told_as_then"
    )


def _as_lines(rows: pl.DataFrame) -> pl.DataFrame:
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in LINE_SCHEMA.items() if name not in rows
    ]
    amounts = [name for name in LINE_SCHEMA if is_amount(name)]
    full = rows.with_columns(missing).with_columns(pl.col(amounts).fill_null(0))
    return full.select(pl.col(name).cast(dtype) for name, dtype in LINE_SCHEMA.items())


def _parties(home: Home, snapshot_id: str, as_of: date, lines: pl.DataFrame) -> pl.DataFrame:
    """Read by which names and in which towns readers and subjects are on record, and who died."""
    tables = load_snapshot(home.snapshots, snapshot_id).tables()
    with connect_to(tables, as_of) as connection:
        show_frame(connection, "listed_subjects", both_sides(lines, "subject").unique())
        names = run_sql(connection, "review/subject_names.sql", {})
        towns = run_sql(connection, "review/party_towns.sql", {})
        dead = run_sql(connection, "review/dead_parties.sql", {})
    on = ["subject_kind", "subject_id"]
    both = names.join(towns, on=on, how="full", coalesce=True).join(dead, on=on, how="left")
    return both.rename(
        {"subject_kind": "party_kind", "subject_id": "party_id", "subject_name": "name"}
    )


def _narrowed(told: pl.DataFrame, asked: Asked, rows: SnapshotRows) -> pl.DataFrame:
    if asked.party:
        kind = "employer" if pl.Series([asked.party]).str.contains(EMPLOYER_CODE_FORM)[0] else ""
        party = id_of("person", asked.party, kind or "person")
        # A member is told what the household's letter says, and of no other household.
        own = rows.households_of(party) if party[:17].isdigit() else []
        is_own = (pl.col("subject_kind") == "household") & pl.col("subject_id").is_in(own)
        is_theirs = (pl.col("beneficiary_id") == party) | (pl.col("subject_id") == party)
        told = told.filter(is_theirs | is_own)
    if asked.town:
        told = told.filter(asked.town == TOWN)
    if asked.is_part and not told.height:
        raise UsageError("there is no line about this person, unit or town in it")
    return told
