"""Verify starts from the ledger: what it names is there, nothing else is, and damage has a name."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.cli.console import run_command
from flows.money import verify
from flows.money.batch_folder import StoredBatch
from flows.money.notice import write_notice
from flows.money.verify import verify_home
from flows.store import Home, append_line, hold_home
from tests.faults.forgeries import read_rows, write_rows
from tests.money.money_town import (
    AS_OF,
    TWO,
    Town,
    account,
    new_home,
    night,
    pay,
    refund,
    run_name,
    sign_both,
)
from transforms.errors import DigestDiffersError, DropRefusedError, HomeBusyError

ROWS = [refund(1000), refund(7, TWO)]


@pytest.fixture(scope="module")
def paid_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = new_home(tmp_path_factory.mktemp("once") / "home")
    pay(made, "R1", ROWS)
    return made.root


@pytest.fixture
def home(paid_once: Path, tmp_path: Path) -> Home:
    return Home(shutil.copytree(paid_once, tmp_path / "home"))


def batch_folder(home: Home) -> Path:
    return next(home.batches.iterdir())


def put_elsewhere(path: Path) -> None:
    """Leave a link in a file's place: its content is what it was, until somebody changes it."""
    path.symlink_to(shutil.move(path, path.parents[3] / f"elsewhere-{path.name}"))


def test_what_was_checked_is_counted(home: Home) -> None:
    write_notice(home, batch_folder(home).name)
    counts = verify_home(home).counts
    assert counts["signatures"] == counts["payment files"] == 2
    assert (counts["snapshots"], counts["runs"], counts["batches"]) == (1, 1, 1)


def test_a_home_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    from flows.cli import app

    for root in (tmp_path / "absent", tmp_path):
        with pytest.raises(DropRefusedError):
            verify_home(Home(root))
        assert run_command(app, ["verify", "--home", str(root)]) == 10
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_can_only_be_read(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    before = {p: p.stat().st_mtime_ns for p in copy.root.rglob("*")}
    verify_home(copy)
    assert {p: p.stat().st_mtime_ns for p in copy.root.rglob("*")} == before, "nothing is written"


def test_a_copy_that_was_taken_with_its_log_and_can_only_be_read(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite needs a file beside the log: an auditor was told to get the right to write there."""
    copy, connect, opened = Home(tmp_path / "copy"), sqlite3.connect, list[str]()
    with closing(connect(home.ledger_path)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("pragma user_version = 2")
        writer.commit()
        shutil.copytree(home.root, copy.root, ignore=shutil.ignore_patterns("*-shm"))

    def noted(address: Any, **words: Any) -> sqlite3.Connection:
        opened.append(str(address))
        return connect(address, **words)

    monkeypatch.setattr(sqlite3, "connect", noted)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert verify_home(copy).counts == verify_home(home).counts
    assert copy.ledger_path.with_name("ledger.sqlite-wal").stat().st_size
    assert not [address for address in opened if str(copy.root) in address]


def test_a_ledger_in_use_is_read_with_its_log(home: Home) -> None:
    script = (
        "import sqlite3, sys, time\n"
        f"c = sqlite3.connect({str(home.ledger_path)!r})\n"
        "c.execute('pragma journal_mode = wal'); c.execute('pragma user_version = 2'); c.commit()\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        verify_home(home)
        writer.communicate("")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda b: (b / "bank-2.txt").write_text("x"), "bank-2.txt"),
        (lambda b: shutil.copytree(b, b.with_name("B0")), "B0"),
        (lambda b: (b / "approval.txt").write_text("x"), "approval.txt"),
        (lambda b: (b / "approval.txt").unlink(), "approval.txt"),
        (lambda b: (b / "payments.xml").unlink(), "payments.xml"),
        (lambda b: (b / "notice.csv").write_text("x"), "notice.csv"),
        (lambda b: (b / "manifest.json").write_text("{}"), "manifest.json"),
        (lambda b: (b / "manifest.json").write_text("[]"), "manifest.json"),
        (lambda b: (b / "lines.parquet").write_bytes(b"PAR1"), "lines.parquet"),
        (lambda b: (b.parent.parent / "runs" / "R0").mkdir(), "R0"),
        (lambda b: (b.parent.parent / "snapshots" / "x").write_text("x"), "snapshots/x"),
        (lambda b: shutil.rmtree(b.parent.parent / "runs"), "runs/"),
        (lambda b: shutil.rmtree(b.parent.parent / "snapshots"), "snapshots/"),
        (lambda b: put_elsewhere(b / "lines.parquet"), "lines.parquet is a link"),
        (lambda b: put_elsewhere(b / "manifest.json"), "manifest.json is a link"),
        (put_elsewhere, " is a link"),
        (lambda b: put_elsewhere(next((b.parent.parent / "runs").iterdir())), " is a link"),
        (shutil.rmtree, "batches/"),
        (lambda b: (b.parent.parent / "ledger.journal").unlink(), "ledger.journal"),
        (lambda b: (b.parent.parent / "ledger.journal").write_text("x"), "ledger.journal"),
    ],
)
def test_damage_ends_with_14_and_a_name(
    home: Home, spoil: Callable[[Path], object], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    spoil(batch_folder(home))
    with pytest.raises(DigestDiffersError) as stop:
        verify_home(home)
    assert named in str(stop.value)
    assert run_command(app, ["verify", "--home", str(home.root)]) == 14
    assert named in capsys.readouterr().err


def test_a_notice_as_an_earlier_version_wrote_it_holds(tmp_path: Path) -> None:
    """A code that a spreadsheet takes for a number has an apostrophe now, and had none then."""
    home, code, town = new_home(tmp_path / "home"), "91370303100002E120", Town()
    town.registrations.append({"employer_code": code, "employer_name": "淄川三厂"})
    town.accounts.append(account(code, "淄川三厂"))
    (batch,) = night(home, "R1", [refund(1000, code)], town)[1].batches
    write_notice(home, batch.batch_id)
    path = home.batches / batch.batch_id / "notice.csv"
    written = path.read_bytes().decode()
    assert f",'{code}," in written
    path.write_bytes(written.replace(f"'{code}", code).encode())
    assert verify_home(home).problems == []
    path.write_bytes(written.replace(f"'{code}", "91370303100002E121").encode())
    with pytest.raises(DigestDiffersError, match=r"notice\.csv"):
        verify_home(home)


@pytest.mark.parametrize("name", [".making-bank.txt", ".staged-bank.txt", "answers/.making-x"])
def test_what_a_release_that_was_killed_had_staged_is_no_forgery(home: Home, name: str) -> None:
    left = batch_folder(home) / name
    left.parent.mkdir(exist_ok=True)
    left.write_text("1000")
    (said,) = verify_home(home).warnings
    assert str(left) in said and "half made" in said
    with hold_home(home):
        assert verify_home(home).warnings == [], "it may be of who holds the home"
    assert not left.exists() and verify_home(home).warnings == []


def test_what_a_command_at_work_has_half_made_is_no_damage(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    folder, pauses = home.runs / "R0", list[float]()

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            folder.rmdir()

    monkeypatch.setattr(verify.time, "sleep", wait)
    with hold_home(home):
        folder.mkdir()
        verify_home(home)
        assert len(pauses) == 2
        folder.mkdir()
        with pytest.raises(HomeBusyError, match=r"(?s)at work.*again when it has ended\n.*/R0"):
            verify_home(home)
        assert run_command(app, ["verify", "--home", str(home.root)]) == HomeBusyError.exit_code
        assert "find out who changed it" not in capsys.readouterr().err
    with pytest.raises(DigestDiffersError, match="R0"):
        verify_home(home)


def test_what_was_recorded_while_one_looked_is_looked_at_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looked = verify.unknown_folders, list[int]()

    def meanwhile(at: Home, books: Any) -> Any:
        looked.append(books.position)
        if len(looked) == 1:
            night(home, "R2", ROWS, as_of=AS_OF + timedelta(days=1))
        return look(at, books)

    monkeypatch.setattr(verify, "unknown_folders", meanwhile)
    monkeypatch.setattr(verify.time, "sleep", lambda _: None)
    verify_home(home)
    assert len(looked) == 2 and looked[0] < looked[1]


def test_what_was_changed_is_not_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed table once made its reader panic, past every handler: an exit with 1."""
    for name in ("instructions.parquet", "manifest.json"):
        path = batch_folder(home) / name
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + b"x")
        monkeypatch.setattr(StoredBatch, "frame", lambda *_: pytest.fail("it was read"))
        with pytest.raises(DigestDiffersError, match=name):
            verify_home(home)
        path.write_bytes(kept)


def test_a_night_that_was_taken_out_of_the_record_is_told(home: Home) -> None:
    """Runs of before there was a record, and nights that failed later on, are no loss."""
    days = {f"R{number}": AS_OF + timedelta(days=number) for number in (2, 3, 4)}
    for label, day in days.items():
        night(home, label, ROWS, as_of=day)
        name, as_of = run_name(label, day), day.isoformat()
        append_line(home.nights_path, {"event": "began", "night": label, "as_of": as_of})
        said = {"state": "failed"} if label == "R3" else {"state": "done", "run_id": name}
        append_line(home.nights_path, {"event": "ended", "night": label, **said})
    assert verify_home(home).warnings == []
    lines = home.nights_path.read_text().splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2]):
        home.nights_path.write_text("".join(kept))
        assert [run_name("R4", days["R4"]) in said for said in verify_home(home).warnings] == [True]
    home.nights_path.write_text("".join([*lines[:3], *lines[4:]]))
    assert run_name("R3", days["R3"]) in verify_home(home).warnings[0]


def test_all_that_is_wrong_is_said_at_once(home: Home) -> None:
    for name in ("bank-2.txt", "note.txt", "other.txt"):
        (batch_folder(home) / name).write_text("x")
    with pytest.raises(DigestDiffersError, match=r"(?s)4 not as recorded.*bank-2.*note.*other"):
        verify_home(home)


def test_ledger_and_manifest_say_the_same_of_a_batch_and_a_run(home: Home) -> None:
    """Whoever chains ledger and journal anew after the last signature is found by the folders."""
    batch = night(home, "R9", [refund(1000), refund(8, TWO)])[1].batches[0].batch_id
    for kind, old, new in (
        ("drafted", '"amount_fen":', '"amount_fen":1'),
        ("run_recorded", "2020-03-31", "2020-03-30"),
    ):
        kept = home.ledger_path.read_bytes(), home.journal_path.read_bytes()
        postings, entries = read_rows(home)
        row = max(row[0] for row in postings if row[1] == kind) - 1
        postings[row][4] = postings[row][4].replace(old, new, 1)
        write_rows(home, postings, entries, "journal")
        with pytest.raises(DigestDiffersError, match="another thing than its manifest"):
            verify_home(home)
        if kind == "drafted":
            with pytest.raises(DigestDiffersError):
                sign_both(home, batch)
        home.ledger_path.write_bytes(kept[0])
        home.journal_path.write_bytes(kept[1])
    verify_home(home)
