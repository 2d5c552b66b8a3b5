"""Forge a home in every way, one at a time; `wuxing verify` must find each and name it.

Every file kind is deleted, cut, lengthened, changed, exchanged, joined by another. Every table,
column and row of the ledger is changed, plainly, with the chain reckoned anew, and with the journal
written to fit, and the anchor's file too; rows are taken out and put in; ledger and journal are put
back to every earlier state.

    python -m tests.faults.forgeries [COUNT] [SEED]
"""

import itertools
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows.money.acts import countersign
from flows.money.notice import NOTICE, write_notice
from flows.money.recover import record_recovered, recovered_act
from flows.money.settle import late_return_act, settle_batch
from flows.money.verify import verify_home
from flows.money.witnesses import ANCHOR_FORM
from flows.store import Home
from tests.ceremony import enrol, key_of, new_key, one_place, revoke
from tests.money.money_town import ANN, BOB, TWO, month, new_home, night, pay, refund, sign_both
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.ledger import ENTRY_FIELDS
from transforms.money.ledger_schema import SCHEMA
from transforms.money.postings import (
    FIRST_HASH,
    HASHED,
    POSTING_FIELDS,
    Posting,
    entries_digest,
    posting_hash,
    posting_line,
)

FOLDERS = ("snapshots", "runs", "batches")
COUNT, FLIPS, SEED = 10_000, 560, 20200326
Rows = list[list[Any]]


@dataclass(frozen=True)
class Forgery:
    """One change: what it is, the names of which `verify` must say one, and how it is made."""

    kind: str
    names: tuple[str, ...]
    apply: Callable[[Home], None]


def build(folder: Path) -> tuple[Home, list[tuple[bytes, bytes]]]:
    """Make a home with a life behind it; return it and its ledger and journal at every step."""
    home, steps = new_home(folder / "home"), list[tuple[bytes, bytes]]()
    anchor = folder / "anchor"
    anchor.mkdir()
    text = home.funds_path.read_text(encoding="utf-8")
    home.funds_path.write_text(text.replace("folders = []", f'folders = ["{anchor}"]'), "utf-8")
    rows = [refund(1000), refund(7, TWO), month("benefit_to_retirement", ANN, 9)]

    def step() -> None:
        steps.append((home.ledger_path.read_bytes(), home.journal_path.read_bytes()))

    step()
    (batch,) = pay(home, "R1", rows)
    step()
    answer = folder / "answer"
    with closing(sqlite3.connect(home.ledger_path)) as connection:
        ids = [
            i for (i,) in connection.execute("select distinct payment_id from entries order by 1")
        ]
    for number, lines in enumerate(
        (
            [f"{ids[0]}|成功||20200401", f"{ids[1]}|失败|销户|20200401"],
            [f"{ids[1]}|成功||20200402", f"{ids[2]}|成功||20200402"],
            [f"{ids[0]}|失败|退汇|20200501"],
        )
    ):
        answer.write_text("\n".join(lines), "gb18030")
        act = None
        if number == 2:
            both = [key_of(home, role) for role in ("reviewer", "approver")]
            act = countersign(late_return_act(home, batch, answer), both)
        settle_batch(home, batch, answer, act)
        step()
    both = [key_of(home, role) for role in ("reviewer", "approver")]
    record_recovered(home, countersign(recovered_act(home, ids[2], 1, "追1", {}), both))
    step()
    enrol(home, new_key(home, home.root / "late.key", "reviewer", name="周九", staff_number="9"))
    revoke(home, key_of(home, "late"))
    step()
    write_notice(home, batch)
    pay(home, "R2", rows)
    step()
    later = night(home, "R3", [*rows, month("internship_subsidy", BOB, 5, payee=TWO)])[1].batches
    sign_both(home, later[0].batch_id)
    step()
    night(home, "R4", [*rows, month("internship_subsidy", BOB, 6, "2020-03", payee=TWO)])
    return home, steps


def files_of(home: Home) -> list[Path]:
    """List the files that belong to the record."""
    found = [p for f in FOLDERS for p in sorted((home.root / f).rglob("*")) if p.is_file()]
    # A reviewer's workbook is to be filled in: `batch import` is what holds it against the record.
    found = [p for p in found if not (p.name.startswith("review") and p.suffix == ".xlsx")]
    return [*found, home.ledger_path, home.journal_path, anchor_of(home)]


# --- files ---------------------------------------------------------------------------------------


def file_forgeries(home: Home) -> Iterator[Forgery]:
    """Change every file of every folder in every plain way."""
    files = files_of(home)[:-3]
    for path in files:
        names, content = (path.name,), path.read_bytes()
        # A notice is no record: it is written whenever it is asked for, the same to the byte.
        if path.name != NOTICE:
            yield Forgery("deleted", names, lambda _h, p=path: p.unlink())
        yield Forgery("emptied", names, lambda _h, p=path: p.write_bytes(b""))
        for size in (1, len(content) // 2, len(content) - 1):
            yield Forgery("cut", names, lambda _h, p=path, c=content, s=size: p.write_bytes(c[:s]))
        for more in (b"\n", b" ", b"\0", content):
            yield Forgery(
                "grown", names, lambda _h, p=path, c=content, m=more: p.write_bytes(c + m)
            )
        for other in files:
            if other.suffix == path.suffix and other.read_bytes() != content:
                yield Forgery("exchanged", names, lambda _h, p=path, o=other: shutil.copy(o, p))
        beside = path.with_name(f"{path.stem}-2{path.suffix}")
        yield Forgery("joined", (beside.name,), lambda _h, p=path, b=beside: shutil.copy(p, b))
        renamed = (*names, beside.name)
        yield Forgery("renamed", renamed, lambda _h, p=path, b=beside: p.rename(b))


def folder_forgeries(home: Home) -> Iterator[Forgery]:
    """Add files to every folder, take whole folders away, put copies of them beside."""
    files = files_of(home)[:-3]
    for name in ("bank-2.txt", "payments.xml", "note.txt"):
        for folder in sorted({path.parent for path in files}):
            target = folder / name
            if not target.exists():
                yield Forgery("joined", (name,), lambda _h, t=target: t.write_text("x"))
    for parent in FOLDERS:
        for folder in sorted((home.root / parent).iterdir()):
            other = folder.with_name(f"{folder.name[:-1]}{'A' if folder.name[-1] != 'A' else 'B'}")

            yield Forgery(
                "joined", (other.name,), lambda _h, f=folder, o=other: shutil.copytree(f, o)
            )
            yield Forgery("deleted", (folder.name,), lambda _h, f=folder: shutil.rmtree(f))


def random_forgeries(home: Home, seed: int) -> Iterator[Forgery]:
    """Change a few bytes anywhere in a file of the folders, for ever."""
    chance = random.Random(seed)
    files = [path for path in files_of(home)[:-1] if path != home.ledger_path]
    contents = {path: path.read_bytes() for path in files}
    while True:
        path = chance.choice(files)
        content = bytearray(contents[path])
        place, width = chance.randrange(len(content)), chance.choice((1, 1, 1, 2, 8))
        before = bytes(content)
        for offset in range(place, min(place + width, len(content))):
            content[offset] ^= chance.randrange(1, 256)
        assert bytes(content) != before
        forged = bytes(content)
        yield Forgery("bytes", (path.name,), lambda _h, p=path, c=forged: p.write_bytes(c))


# --- the ledger ----------------------------------------------------------------------------------


def read_rows(home: Home) -> tuple[Rows, Rows]:
    with closing(sqlite3.connect(home.ledger_path)) as connection:
        postings = connection.execute(
            f"select {', '.join(POSTING_FIELDS)} from postings order by 1"
        )
        fields = ", ".join(("entry_id", "sequence", *ENTRY_FIELDS))
        entries = connection.execute(f"select {fields} from entries order by 1")
        return [list(row) for row in postings], [list(row) for row in entries]


def write_rows(home: Home, postings: Rows, entries: Rows, how: str) -> None:
    """Write other rows into the ledger: as they are, chained anew, with journal, with anchor."""
    if how != "plain":
        postings = chained(postings, entries)
    with closing(sqlite3.connect(home.ledger_path, isolation_level=None)) as connection:
        connection.execute("pragma ignore_check_constraints = on")
        connection.execute("begin")
        for table in ("postings", "entries"):
            for verb in ("update", "delete"):
                connection.execute(f"drop trigger {table}_refuse_{verb}")
        connection.execute("delete from entries")
        connection.execute("delete from postings")
        for table, rows in (("postings", postings), ("entries", entries)):
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into {table} values ({marks})", row)
        for statement in SCHEMA:
            if "create trigger" in statement:
                connection.execute(statement)
        connection.execute("commit")
    lines = "".join(posting_line(Posting(*row)) for row in postings)
    if how in ("journal", "anchor"):
        home.journal_path.write_text(lines, encoding="utf-8")
    if how == "anchor":
        anchor_of(home).write_text(lines, encoding="utf-8")


def anchor_of(home: Home) -> Path:
    """Return the file of the anchor, which the forger may have reached too."""
    (path,) = (home.root.parent / "anchor").glob(ANCHOR_FORM)
    return path


def chained(postings: Rows, entries: Rows) -> Rows:
    """Reckon entry digests, hashes and sequence numbers anew, as a forger would."""
    previous, forged = FIRST_HASH, Rows()
    for row in postings:
        mine = [entry[2:] for entry in entries if entry[1] == row[0]]
        values = [*row[: len(HASHED) - 2], len(mine), entries_digest(mine)]
        this = posting_hash(previous, values)
        forged.append([*values, previous, this])
        previous = this
    return forged


def another(value: Any) -> Iterator[Any]:
    """Give values that a cell might be changed to."""
    if isinstance(value, int):
        yield from (value + 1, value + 100)
        return
    yield value + "x"
    if value:
        yield value[:-1]
        yield value.replace("1", "2", 1) if "1" in value else value[::-1] + "1"


def ledger_forgeries(home: Home) -> Iterator[Forgery]:
    """Change every column of every row, take rows out, put rows in, exchange neighbours."""
    postings, entries = read_rows(home)
    # A batch or run that no posting is about any more is named by its folder.
    names = (home.ledger_path.name, home.journal_path.name, ".anchor", "not known to the ledger")

    def forged(kind: str, new_postings: Rows, new_entries: Rows) -> Iterator[Forgery]:
        for how in ("plain", "chained", "journal", "anchor"):
            # What the forger's own chaining puts right again is no forgery.
            if how != "plain" and chained(new_postings, new_entries) == postings:
                continue
            yield Forgery(
                f"ledger {kind}, {how}",
                names,
                lambda h, p=new_postings, e=new_entries, w=how: write_rows(h, p, e, w),
            )

    for table, rows in (("postings", postings), ("entries", entries)):
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                for value in another(cell):
                    new = [
                        *rows[:number],
                        [*row[:column], value, *row[column + 1 :]],
                        *rows[number + 1 :],
                    ]
                    yield from forged("changed", *pair(table, new, postings, entries))
            without = [*rows[:number], *rows[number + 1 :]]
            yield from forged("row taken out", *pair(table, without, postings, entries))
            if number:
                swapped = [*rows]
                swapped[number - 1], swapped[number] = row, rows[number - 1]
                numbered = [[n, *r[1:]] for n, r in enumerate(swapped, start=1)]
                # That a run came before a signature, not after, is no lie: the signature says what
                # it saw, and nobody has signed since. An anchor that is not reached knows better.
                if {row[1], rows[number - 1][1]} == {"signed", "run_recorded"}:
                    continue
                yield from forged("rows exchanged", *pair(table, numbered, postings, entries))
            more = [*rows, [len(rows) + 1, *fresh(table, row)]]
            yield from forged("row put in", *pair(table, more, postings, entries))


def pair(table: str, rows: Rows, postings: Rows, entries: Rows) -> tuple[Rows, Rows]:
    return (rows, entries) if table == "postings" else (postings, rows)


def fresh(table: str, row: list[Any]) -> list[Any]:
    """Make a row like another, with what must be unique made new."""
    if table == "postings":
        return [*row[1:-2], "a" * 64, "b" * 64]
    return [row[1], f"{row[2]}|again", *row[3:]]


SCHEMA_CHANGES = (
    *(
        f"drop trigger {t}_refuse_{v}"
        for t in ("postings", "entries")
        for v in ("update", "delete")
    ),
    *("drop index one_home", "drop index one_release", "drop index one_return"),
    *("drop index one_signature_a_role", "drop index one_key", "drop index entries_of_batch"),
    *("create table beside (x)", "create view seen as select 1", "pragma user_version = 3"),
    "create trigger more after insert on entries begin select 1; end",
    "create index beside on entries (fund)",
    "alter table entries add column more text",
)


def schema_forgeries(home: Home) -> Iterator[Forgery]:
    """Change the ledger's schema."""
    for statement in SCHEMA_CHANGES:

        def change(h: Home, said: str = statement) -> None:
            with closing(sqlite3.connect(h.ledger_path, isolation_level=None)) as connection:
                connection.execute(said)

        yield Forgery("schema", (home.ledger_path.name,), change)


def rollbacks(home: Home, steps: list[tuple[bytes, bytes]]) -> Iterator[Forgery]:
    """Put ledger, or it and the journal, back to an earlier state; payment files too, or not."""
    names = (home.ledger_path.name, home.journal_path.name, ".anchor", "not known to the ledger")
    for ledger, journal in steps:
        for has_journal in (False, True):
            for is_clean in (False, True):

                def put_back(
                    h: Home,
                    one: bytes = ledger,
                    other: bytes = journal,
                    both: bool = has_journal,
                    clean: bool = is_clean,
                ) -> None:
                    h.ledger_path.write_bytes(one)
                    if both:
                        h.journal_path.write_bytes(other)
                    for path in [*h.batches.glob("*/payments.xml"), *h.batches.glob("*/bank.txt")]:
                        if clean:
                            path.unlink()

                yield Forgery("rolled back", names, put_back)


# --- the search ----------------------------------------------------------------------------------


def found(home: Home, forgery: Forgery) -> bool:
    """Forge, verify, undo; say whether it was found and named."""
    kept = {path: path.read_bytes() for path in files_of(home)}
    try:
        forgery.apply(home)
        verify_home(home)
        said = ""
    except (DigestDiffersError, DropRefusedError) as stop:
        said = str(stop)
    finally:
        undo(home, kept)
    return any(name in said for name in forgery.names)


def undo(home: Home, kept: Mapping[Path, bytes]) -> None:
    """Put everything back as it was."""
    there = {p for f in FOLDERS for p in (home.root / f).rglob("*") if p.is_file()}
    for path in there - kept.keys():
        path.unlink()
    for folder in sorted(
        (p for f in FOLDERS for p in (home.root / f).rglob("*") if p.is_dir()), reverse=True
    ):
        if not any(folder.iterdir()):
            folder.rmdir()
    for path in home.root.glob("ledger.sqlite-*"):
        path.unlink()
    for path, content in kept.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def structured(home: Home, steps: list[tuple[bytes, bytes]]) -> list[Forgery]:
    """List every forgery that is not chance."""
    return [
        *file_forgeries(home),
        *folder_forgeries(home),
        *ledger_forgeries(home),
        *schema_forgeries(home),
        *rollbacks(home, steps),
    ]


def search(count: int, seed: int, tell: Callable[[str], None] = print) -> list[str]:
    """Try so many forgeries, all kinds among them; return those that were not found and named.

    What the ledger's own unique keys refuse to hold is not counted: it can't be forged so.
    """
    one_place()
    missed, tried, refused = list[str](), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name:
        home, steps = build(Path(name))
        verify_home(home)
        planned = structured(home, steps)
        if count < len(planned):
            planned = random.Random(seed).sample(planned, count)
        for forgery in itertools.chain(planned, random_forgeries(home, seed)):
            if tried.total() == count:
                break
            try:
                is_found = found(home, forgery)
            except sqlite3.IntegrityError:
                refused += 1
                continue
            tried[forgery.kind] += 1
            if tried.total() % 1000 == 0:
                tell(f"  {tried.total():,} tried")
            if not is_found:
                missed.append(f"{forgery.kind} {forgery.names}")
                tell(f"  NOT FOUND: {missed[-1]}")
        verify_home(home)
    for kind, number in sorted(tried.items()):
        tell(f"  {number:6,}  {kind}")
    tell(f"{tried.total():,} forgeries, {len(missed)} not found; {refused} SQLite refused to hold")
    return missed


def flips(count: int, seed: int, tell: Callable[[str], None] = print) -> list[str]:
    """Flip so many bits, one at a time; return those that were not found and named.

    A bit of ledger.sqlite that is in no page's content says nothing: then nothing is changed.
    """
    one_place()
    missed, idle, chance = list[str](), 0, random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        home, _ = build(Path(name))
        files, before = files_of(home)[:-1], dump(home.ledger_path)
        for _ in range(count):
            path = chance.choice(files)
            kept = path.read_bytes()
            content, place = bytearray(kept), chance.randrange(len(kept) * 8)
            content[place // 8] ^= 1 << place % 8
            flipped = bytes(content)
            flip = Forgery("flip", (path.name,), lambda _h, p=path, c=flipped: p.write_bytes(c))
            if found(home, flip):
                continue
            path.write_bytes(flipped)
            if path == home.ledger_path and dump(path) == before:
                idle += 1
            else:
                missed.append(f"{path.name}, bit {place}")
            path.write_bytes(kept)
        verify_home(home)
    tell(f"{count} bits flipped, {len(missed)} not found; {idle} of them in no content")
    return missed


def dump(path: Path) -> list[str]:
    """Return all that a ledger says."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    tell = partial(print, flush=True)
    return 1 if flips(FLIPS, seed, tell) + search(count, seed, tell) else 0


if __name__ == "__main__":
    sys.exit(main())
