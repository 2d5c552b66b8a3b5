"""Full disks, missing rights, too little memory: told as such, never as a bug or as damage."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from flows.cli import app
from flows.cli.console import _told, as_text, run_command
from flows.machine import DENIALS, NOT_THERE, denial
from flows.store import Home
from tests.faults.bounded import ROOT, run_bounded
from tests.ingest.ingest_drops import csv_text, row, write_drop
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/ledger.sqlite")


def caused(stop: Exception, cause: BaseException) -> Exception:
    stop.__cause__ = cause
    return stop


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (FULL, "/home/ledger.sqlite: No space left on device"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "quota"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
        (MemoryError(), "memory"),
        (pa.ArrowMemoryError("malloc of size 64 failed"), "memory"),
        (
            pl.exceptions.ComputeError("parquet: underlying IO error: (os error 28)"),
            "No space left",
        ),
        (OSError("No space left on device (os error 28)"), "no space left"),
        (duckdb.OutOfMemoryException("Out of Memory Error: could not allocate"), "out of memory"),
        (duckdb.IOException('Cannot open file "x": Too many open files'), "too many open files"),
        (sqlite3.OperationalError("database or disk is full"), "disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "readonly database"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (caused(DigestDiffersError("the ledger is damaged"), FULL), "No space left"),
        (caused(ValueError("x"), MemoryError()), "memory"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_machine_denies_is_told_as_such(stop: Exception, said: str) -> None:
    told, code = _told(stop)
    assert code == 10
    assert said.lower() in told.lower() and "nothing was changed" in told


def test_what_the_machine_says_is_said_in_chinese() -> None:
    for number in DENIALS | NOT_THERE:
        assert in_chinese(os.strerror(number)) != os.strerror(number)
    told, _ = _told(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/a b/c"))
    assert in_chinese(told).startswith("/a b/c：没有权限：未作任何改动；请")
    told, _ = _told(sqlite3.OperationalError("attempt to write a readonly database"))
    assert in_chinese(told).startswith("数据库只读：未作任何改动；请")


@pytest.mark.parametrize(
    "stop",
    [
        ValueError("370302199001011234"),
        KeyError("person_id"),
        sqlite3.DatabaseError("file is not a database"),
        caused(DropRefusedError("residents.csv can't be read: check the path"), FULL),
        DigestDiffersError("a signature is not what was recorded"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_machine_did_not_deny_is_not(stop: Exception) -> None:
    assert denial(stop) == ("", "")


@pytest.mark.parametrize("file_size", [0, 1, 150, 400, 3000])
def test_a_disk_that_is_full_anywhere_in_ingest_leaves_nothing_and_costs_nothing(
    tmp_path: Path, file_size: int
) -> None:
    people = [row("residents", 户号=f"H{number}") for number in range(200)]
    drop = write_drop(tmp_path, {"residents.csv": csv_text(people)})
    home = tmp_path / "home"
    words = ("ingest", str(drop), "--home", str(home), "--json")
    stopped = run_bounded(*words, file_size=file_size)
    assert stopped.code == 10 and "nothing was changed" in stopped.said, stopped.said
    assert "File too large" in stopped.said and "damaged" not in stopped.said
    assert not list((home / "snapshots").glob("*"))
    assert run_bounded(*words).code == 0


def test_a_home_that_can_be_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    drop = write_drop(tmp_path, {"residents.csv": csv_text([row("residents")])})
    for home in (tmp_path / "file", tmp_path / "file" / "home", Path("x" * 300)):
        assert run_command(app, ["ingest", str(drop), "--home", str(home)]) == 10
        assert "nothing was changed" in capsys.readouterr().err


def test_an_outcome_that_nobody_takes_is_told(tmp_path: Path) -> None:
    drop = write_drop(tmp_path, {"residents.csv": csv_text([row("residents")])})
    command = [sys.executable, "-m", "flows", "ingest", str(drop), "--home", str(tmp_path / "home")]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(writer)
    assert ended.returncode == 10
    assert "did its work" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["run", "drop", "--as-of", "2020-03-31", "--memory-limit", "banana"],
        ["run", "drop", "--as-of", "2020-03-31", "--memory-limit", f"{'9' * 5000}GB"],
        ["run", "drop", "--as-of", "2020-03-31", "--threads", "9" * 30],
        ["run", "drop", "--as-of", "2020-03-31", "--threads", "0"],
        ["sample", "folder", "--persons", "9" * 5000],
        ["run", "drop", "--as-of", "9" * 5000],
        ["ingest", "drop", "more"],
        ["ingest", "--home"],
        ["key", "nonsense"],
        ["clerical", "import"],
        ["--nonsense"],
        ["explain", "run"],
    ],
)
def test_words_that_mean_nothing_end_with_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, words) == UsageError.exit_code
    assert "bug" not in capsys.readouterr().err


def test_control_characters_reach_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_home: Home) -> None:
        raise DropRefusedError("a\x1b[2Jb\u202ec\udcff")

    monkeypatch.setattr("flows.money.batch.list_batches", refuse)
    assert run_command(app, ["batch", "list", "--json"]) == 10
    out, err = capsys.readouterr()
    assert r"a\x1b[2Jb\u202ec\udcff" in err
    assert out.isascii() and "\x1b" not in out


def test_json_stays_json() -> None:
    assert as_text({"a": "张\u202e"}) == r'{"a": "\u5f20\u202e"}'
    assert as_text({"a": "张"}) == '{"a": "张"}'
