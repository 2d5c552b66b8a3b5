"""A disk that becomes full at one write after another: told as such, and the next run is clean.

    python -m tests.faults.full_disk [STEP [COMMAND]]

Each command is given on a copy of a home, and from its n-th write on (a file opened to be written,
a folder made, an fsync, a rename, a statement of the ledger) the disk is full until the command
ends: exit code 10, no word of damage. Then there is space again: the same command ends as it
would have, and `wuxing verify` finds nothing. All writes in `make weather`, some in `make test`.
"""

import builtins
import contextlib
import errno
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.nights import write_index
from flows.cli.console import changing, run_command
from flows.money.batch import list_batches, pack_batch
from flows.money.export import export_batch
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.settle import settle_batch
from flows.money.sign import sign_batch, withdraw_batch
from flows.money.verify import verify_home
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.ceremony import key_of
from transforms.words import word

AS_OF = date(2020, 3, 31)
FULL = os.strerror(errno.ENOSPC)
Act = Callable[[Home], Any]


class Disk:
    """Counts what is written, and is full from one write on."""

    def __init__(self, full_at: int | None) -> None:
        self.full_at = full_at
        self.writes = 0

    def write(self, place: Any = "") -> None:
        """Write something, if there is space."""
        self.writes += 1
        if self.full_at is not None and self.writes > self.full_at:
            raise OSError(errno.ENOSPC, FULL, str(place))

    def through(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """Write by a function."""

        def write(*words: Any, **named: Any) -> Any:
            self.write(words[0] if words else "")
            return act(*words, **named)

        return write

    def opening(self, *words: Any, **named: Any) -> Any:
        """Open a file; to write it takes space."""
        mode = named.get("mode", words[1] if len(words) > 1 else "r")
        if isinstance(words[0], (str, Path)) and set(mode) & set("wax+"):
            self.write(words[0])
        return self.real_open(*words, **named)

    real_open = staticmethod(io.open)

    def connection(self) -> type[sqlite3.Connection]:
        """Make a connection whose statements take space."""

        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *words: Any) -> Any:
                if sql.split(maxsplit=1)[0].lower() in ("begin", "insert", "commit", "create"):
                    disk.write_row()
                return super().execute(sql, *words)

            def executemany(self, sql: str, *words: Any) -> Any:
                disk.write_row()
                return super().executemany(sql, *words)

        return Connection

    def write_row(self) -> None:
        """Write as the ledger's library does, which has its own words."""
        try:
            self.write()
        except OSError as full:
            raise sqlite3.OperationalError("database or disk is full") from full


@contextlib.contextmanager
def filling(full_at: int | None) -> Iterator[Disk]:
    """Let this process's disk be full from its n-th write on."""
    disk = Disk(full_at)
    connect, made = sqlite3.connect, disk.connection()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "rename", "replace", "mkdir"):
            patch.setattr(os, name, disk.through(getattr(os, name)))
        patch.setattr(tempfile, "mkstemp", disk.through(tempfile.mkstemp))
        patch.setattr(io, "open", disk.opening)
        patch.setattr(builtins, "open", disk.opening)
        patch.setattr(
            sqlite3,
            "connect",
            lambda place, **named: connect(
                place, **named, **({} if place == ":memory:" else {"factory": made})
            ),
        )
        yield disk


def give(act: Act, home: Home, full_at: int | None = None) -> tuple[int, str, int]:
    """Do something as a command does; return its exit code, what it says, how often it wrote."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), filling(full_at) as disk:
        code = run_command(lambda **_words: act(home) and None, [])
    return code, said.getvalue(), disk.writes


def endure(act: Act, home: Home, place: Path, step: int = 1) -> tuple[int, list[str]]:
    """Let the disk be full at each write of a command, or some; return how many, what offends."""
    work = Home(place / "work")

    def anew() -> None:
        shutil.rmtree(work.root, ignore_errors=True)
        shutil.copytree(home.root, work.root)

    anew()
    code, said, writes = give(act, work)
    assert code == 0, said
    good, wrong, tried = _state(work), [], range(0, writes, step)
    for full_at in tried:
        anew()
        first, said, _ = give(act, work, full_at)
        # What is no record may be missing: there the command is done.
        if first != 0 and (first != 10 or "damage" in said or "nothing was changed" not in said):
            wrong.append(f"write {full_at} of {writes}: {first} {said}")
        code, told, _ = give(act, work)
        # What was posted before the disk was full stands: it is not done twice.
        is_posted = first == 0 or "in the ledger" in said
        if code != 0 and not (code == 13 and is_posted):
            wrong.append(f"after write {full_at} of {writes}: {code} {told} after {said}")
        elif _state(work) != good:
            wrong.append(f"after write {full_at} of {writes}: it came out otherwise; {said}")
        code, told, _ = give(verify_home, work)
        if code:
            wrong.append(f"after write {full_at} of {writes}: verify says {told} after {said}")
    return len(tried), wrong


def _state(home: Home) -> dict[str, bytes]:
    """Return all that counts of a home: every file but the ledger's own (the journal has it)."""
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in sorted(home.root.rglob("*"))
        if path.is_file() and not path.name.startswith(("ledger.sqlite", "index.html"))
    }


def fill_in(filled: Path, home: Home) -> None:
    """Hold the first line of a home's first batch, as a clerk would."""
    batch = str(list_batches(home)[0]["batch_id"])
    book = openpyxl.load_workbook(home.batches / batch / "review.xlsx")
    rows = list(book[word("sheet_payment_lines")].iter_rows())
    head = next(row for row in rows if word("verdict") in [cell.value for cell in row])
    places = {str(cell.value): cell.column - 1 for cell in head}
    line = rows[rows.index(head) + 1]
    line[places[word("verdict")]].value = word("verdict_hold")
    line[places[word("remark")]].value = "查"
    book.save(filled)


def commands(home: Home) -> Iterator[tuple[str, Act, Act]]:
    """Name the commands that write, what each does, and what must be done before."""
    batch = str(list_batches(home)[0]["batch_id"])
    answer, filled = home.root / "answer.txt", home.root.with_name("filled.xlsx")

    def run(home: Home) -> Any:
        (snapshot,) = home.snapshots.iterdir()
        later = AS_OF + timedelta(days=1)
        return run_night(NightRequest(home, later, snapshot_id=snapshot.name), Progress())

    def nothing(_home: Home) -> None: ...

    def in_home(act: Callable[..., Any], *words: Any) -> Act:
        def given(home: Home) -> Any:
            with changing(home):
                return act(home, batch, *words)

        return given

    def sign(home: Home) -> Any:
        with changing(home):
            return sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))

    def sign_both(home: Home) -> None:
        for role in ("reviewer", "approver"):
            sign_batch(home, batch, role, key_of(home, role))

    def release_signed(home: Home) -> None:
        sign_both(home)
        release_batch(home, batch)
        lines = pl.read_parquet(home.batches / batch / "instructions.parquet")["payment_id"]
        text = "".join(f"{payment}|失败|账号不存在|20200407\r\n" for payment in lines)
        answer.write_bytes(text.encode("gb18030"))

    def settle(home: Home) -> Any:
        with changing(home):
            return settle_batch(home, batch, answer)

    yield "a night, of its snapshot", run, nothing
    yield "batch import", in_home(import_review, filled, "甲"), partial(fill_in, filled)
    yield "batch withdraw", in_home(withdraw_batch, "不发", "甲"), nothing
    yield "sign", sign, nothing
    yield "batch pack", lambda home: pack_batch(home, batch), nothing
    yield "batch export", lambda home: export_batch(home, batch, home.root / "b.zip"), nothing
    yield "notice", in_home(write_notice), nothing
    yield "notice, put up", in_home(write_notice, AS_OF.isoformat()), nothing
    yield "release", in_home(release_batch), sign_both
    yield "settle", settle, release_signed
    yield "index", write_index, nothing


def main() -> int:
    """Fill the disk at every write of every command; print counts and what offends."""
    from data_samples.town.write import write_sample
    from tests.conftest import make_home

    step, offends = int(sys.argv[1]) if len(sys.argv) > 1 else 1, 0
    with tempfile.TemporaryDirectory() as folder:
        drop = Path(folder) / "drop"
        write_sample(drop, 60, 7, AS_OF)
        home = make_home(Path(folder) / "home")
        run_night(NightRequest(home, AS_OF, drop=drop), Progress(io.StringIO()))
        for name, act, before in commands(home):
            if not name.startswith(sys.argv[2] if len(sys.argv) > 2 else ""):
                continue
            ready = Home(Path(folder) / "ready")
            shutil.copytree(home.root, ready.root)
            before(ready)
            writes, wrong = endure(act, ready, Path(folder), step)
            print(f"{name}: full at {writes} writes; {'; '.join(wrong) or 'endured'}", flush=True)
            offends += len(wrong)
            shutil.rmtree(ready.root)
    return 1 if offends else 0


if __name__ == "__main__":
    sys.exit(main())
