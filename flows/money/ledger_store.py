"""The ledger's file: made once, opened with care; the only importer of sqlite3."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flows.money.ledger import Ledger
from flows.money.witnesses import ADVICE, tell_witness
from flows.scratch import scratch_folder
from flows.store import Home, sync_path
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError
from transforms.money.books import Books
from transforms.money.ledger import ENTRY_FIELDS, balances
from transforms.money.ledger_schema import SCHEMA, SCHEMA_VERSION
from transforms.money.postings import POSTING_FIELDS, Posting, next_posting

__all__ = ["Ledger", "books_of", "copy_ledger", "create_ledger", "ledger_view", "open_ledger"]


def create_ledger(home: Home, content: Mapping[str, Any]) -> None:
    """Make a home's ledger with its first posting, whole or not at all; only `init` does.

    Raises:  DigestDiffersError if runs, batches or payment files are there without one
    """
    expect_no_traces(home)
    making = home.root / ".making-ledger.sqlite"
    posting = next_posting(None, "home_made", "", "", content)
    write_ledger(making, [posting], [])
    os.replace(making, home.ledger_path)
    sync_path(home.root)
    tell_witness(home.journal_path, [posting])


def write_ledger(path: Path, postings: Sequence[Posting], entries: Sequence[Sequence[Any]]) -> None:
    """Write a ledger's file of postings and entries, each with its posting's number first."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("begin")
        _make_tables(connection)
        ledger = Ledger(connection, Home(path.parent))
        ledger.insert("postings", POSTING_FIELDS, [posting.values() for posting in postings])
        ledger.insert("entries", ("sequence", *ENTRY_FIELDS), entries)
        connection.execute("commit")
    sync_path(path)


def expect_no_traces(home: Home) -> None:
    """Check that a home without a ledger holds nothing that a ledger should know.

    Raises:  DigestDiffersError naming what is there
    """
    found = [p for p in (home.runs, home.batches) if p.is_dir() and any(p.iterdir())]
    found += [home.journal_path] if home.journal_path.exists() else []
    found += [_log_of(home.ledger_path)] if _has_log(home.ledger_path) else []
    if found:
        raise DigestDiffersError(
            f"{home.ledger_path} is missing or empty, but {found[0]} is there: a ledger is never "
            f"made anew beside it; {ADVICE}"
        )


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA:
        connection.execute(statement)


@contextmanager
def open_ledger(home: Home, *, only_look: bool = False) -> Iterator[Ledger]:
    """Open the ledger of a home; where none is and none is missed, an empty one to look at.

    Raises:  DigestDiffersError if the file is missing, empty, or no ledger of ours
    """
    is_kept = home.ledger_path.is_file() and home.ledger_path.stat().st_size > 0
    if not is_kept:
        expect_no_traces(home)
    with (
        _faults_told(home.ledger_path),
        _readable(home.ledger_path, only_look) as path,
        closing(_connect(path, is_kept, only_look)) as connection,
    ):
        if not is_kept:
            _make_tables(connection)
        elif not only_look:
            connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        # What it sorts is no file elsewhere.
        connection.execute("pragma temp_store = memory")
        connection.execute("pragma foreign_keys = on")
        expect_schema(connection, home.ledger_path)
        yield Ledger(connection, home, is_kept)


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    """Tell of a ledger's file what SQLite finds wrong with it, or may not do: it names no file."""
    try:
        yield
    except sqlite3.DatabaseError as broken:
        if _is_damage(broken):
            raise DigestDiffersError(f"{path} is no ledger or is damaged; {ADVICE}") from broken
        vars(broken)["filename"] = str(path)
        raise


def books_of(home: Home) -> Books:
    """Return what the postings of a home add up to; its ledger is only looked at."""
    with open_ledger(home, only_look=True) as ledger:
        return ledger.books()


def _is_damage(broken: sqlite3.DatabaseError) -> bool:
    """Tell a file that is no ledger any more from a disk that is full or a lock that is held."""
    is_plain = not isinstance(broken, sqlite3.OperationalError | sqlite3.IntegrityError)
    return is_plain or "decode" in str(broken) or "unsupported file format" in str(broken)


def _connect(path: Path, is_kept: bool, only_look: bool) -> sqlite3.Connection:
    # Without a log beside it the file is whole, and may lie where nothing can be written.
    looking = f"mode=ro{'' if _has_log(path) else '&immutable=1'}"
    address = f"{path.resolve().as_uri()}?{looking if only_look else 'mode=rw'}"
    return sqlite3.connect(
        address if is_kept else ":memory:", uri=is_kept, isolation_level=None, timeout=30
    )


@contextmanager
def _readable(path: Path, only_look: bool) -> Iterator[Path]:
    """Give a ledger's file to open; a copy, if SQLite can't take in its log where it lies."""
    if not (only_look and _has_log(path)) or os.access(path.parent, os.W_OK):
        yield path
        return
    with scratch_folder(path.parent) as folder:
        for name in (path.name, _log_of(path).name):
            shutil.copyfile(path.with_name(name), folder / name)
        yield folder / path.name


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _has_log(path: Path) -> bool:
    log = _log_of(path)
    return log.is_file() and log.stat().st_size > 0


def expect_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Check that tables, indexes and triggers are exactly those of this program.

    Raises:  DigestDiffersError naming the first that is not
    """
    asked = "select type, name, tbl_name, sql from sqlite_master order by 1, 2"
    with closing(sqlite3.connect(":memory:")) as model:
        _make_tables(model)
        expected = set(model.execute(asked))
    found = set(connection.execute(asked))
    version = connection.execute("pragma user_version").fetchone()
    differing = sorted(f"{row[0]} {row[1]}" for row in expected ^ found)
    if differing or version != (SCHEMA_VERSION,):
        said = differing[0] if differing else f"version {version[0]}"
        raise DigestDiffersError(f"{path} is no ledger of this program ({said}); {ADVICE}")


def ledger_view(home: Home, beneficiary: str | None) -> dict[str, Any]:
    """Return balances and entries, of all or of one beneficiary.

    Units:   fen and, for people, yuan
    """
    with open_ledger(home, only_look=True) as ledger:
        where, values = ("where beneficiary_id = ?", (beneficiary,)) if beneficiary else ("", ())
        fields = ("entry_id", *ENTRY_FIELDS)
        rows = ledger.connection.execute(
            f"select {', '.join(fields)} from entries {where} order by entry_id", values
        )
        entries = [dict(zip(fields, row, strict=True)) for row in rows]
    moved = [(one["debit_account"], one["credit_account"], one["amount_fen"]) for one in entries]
    shown = [
        {"account": account, "balance_fen": fen, "balance_yuan": yuan_text(fen)}
        for account, fen in balances(moved).items()
        if beneficiary or account.startswith("fund:")
    ]
    return {
        "balances": shown,
        "entries": [{**entry, "amount_yuan": yuan_text(entry["amount_fen"])} for entry in entries],
    }


def copy_ledger(home: Home, target: Path) -> None:
    """Copy a ledger's file as it stands, whole, also while another process posts to it."""
    # Who only looks takes a file without a log for one that stands still.
    is_still = not os.access(home.root, os.W_OK)
    with (
        open_ledger(home, only_look=is_still) as ledger,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        ledger.connection.backup(copy)


def write_prefix(ledger: Ledger, until: int, path: Path) -> None:
    """Write a ledger's file as it stood after a position: the chain only ever grew."""
    fields = ", ".join(("sequence", *ENTRY_FIELDS))
    rows = ledger.connection.execute(
        f"select {fields} from entries where sequence <= ? order by entry_id", (until,)
    ).fetchall()
    write_ledger(path, ledger.postings()[:until], rows)
