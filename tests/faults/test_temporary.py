"""What need not last lies in the home, is its owner's alone, and goes at the next start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.audit.carry import export_night
from flows.scratch import scratch_folder
from flows.store import PRIVATE, Home, hold_home
from sql import connect
from tests.faults.bounded import ROOT


def wuxing(elsewhere: Path, *words: object) -> "subprocess.Popen[str]":
    """Start a command for which the system's place for temporary files is a folder of the test."""
    places = dict.fromkeys(("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP"), str(elsewhere))
    called = [sys.executable, "-m", "flows", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        called, cwd=ROOT, env=os.environ | places, stdout=pipe, stderr=pipe, text=True
    )


def expect_done(started: "subprocess.Popen[str]") -> None:
    _, said = started.communicate()
    assert started.returncode == 0, said


def test_nothing_is_put_where_others_put_theirs(
    town: Path, empty_home: Path, tmp_path: Path
) -> None:
    """A folder's own time says of a file in it, too, that was there for a moment only."""
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    subprocess.run(["cp", "-a", empty_home, home], check=True)
    before = elsewhere.stat().st_mtime_ns
    at_home = ("--home", home)
    for words in (
        ("run", town, "--as-of", "2020-03-31", *at_home),
        ("notices", "latest", "--pdf", *at_home),
        ("backup", tmp_path / "backup", *at_home),
    ):
        expect_done(wuxing(elsewhere, *words))
        assert elsewhere.stat().st_mtime_ns == before, words
    left = [path for path in tmp_path.rglob(".*") if path.name != ".git"]
    assert left == [], "each command takes away what it made for a while"
    made = {path.relative_to(home) for path in home.rglob("*")}
    made -= {path.relative_to(empty_home) for path in empty_home.rglob("*")}
    assert {(home / path).stat().st_mode & PRIVATE for path in made} == {0}


def killed_when(started: "subprocess.Popen[str]", is_time: Callable[[], bool]) -> None:
    while started.poll() is None and not is_time():
        time.sleep(0.002)
    assert started.poll() is None, "it ended before it could be killed"
    os.kill(started.pid, signal.SIGKILL)
    started.communicate()


@pytest.mark.parametrize("command", ["ingest", "replay", "notices"])
def test_what_a_killed_command_left_is_gone_at_the_next_start(
    command: str, town: Path, home_after_run: Home, tmp_path: Path
) -> None:
    home = home_after_run
    words = {"ingest": (town,), "replay": ("latest",), "notices": ("latest", "--pdf")}[command]
    if command == "ingest":
        next(home.snapshots.iterdir()).rename(tmp_path / "aside")
    hidden = lambda: [p for p in home.root.rglob(".*") if p.is_dir() and any(p.iterdir())]  # noqa: E731
    killed_when(wuxing(tmp_path, command, *words, "--home", home.root), lambda: bool(hidden()))
    assert hidden(), "it was killed in the middle"
    assert all(path.stat().st_mode & PRIVATE == 0 for path in hidden())
    with hold_home(home):
        assert not list(home.root.rglob(".*"))


def test_what_another_process_works_in_is_not_swept(home_after_run: Home) -> None:
    home = home_after_run
    with scratch_folder(home.temporary) as working:
        (working / "half").write_text("x")
        with hold_home(home):
            assert (working / "half").is_file()
        with scratch_folder(home.temporary) as beside:
            assert working.is_dir() and beside != working
    assert not list(home.temporary.iterdir())


def test_a_scratch_folder_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child that computes a night again has another working folder."""
    monkeypatch.chdir(tmp_path)
    with scratch_folder(Path("tmp")) as working:
        assert working.is_absolute() and working.parent == tmp_path / "tmp"


def test_a_home_that_is_named_relatively_is_carried_away(
    run_home: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, summary = run_home
    monkeypatch.chdir(home.parent)
    told = export_night(Home(Path(home.name)), summary["run_id"], tmp_path / "night.zip")
    assert told["bytes"] == (tmp_path / "night.zip").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["night.zip"]


def test_a_copy_that_cannot_be_written_has_its_scratch_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    with scratch_folder(tmp_path / "nowhere" / "tmp") as working:
        assert working.parent == elsewhere and working.stat().st_mode & PRIVATE == 0
    assert not list(elsewhere.iterdir())


def test_two_databases_of_one_folder_spill_apart(tmp_path: Path) -> None:
    """One night has several open at once: each must read back what it wrote itself."""
    opened = [connect(1, "64MB", tmp_path) for _ in range(2)]
    for number, connection in enumerate(opened):
        connection.execute(
            f"create table spilled as select range as place, hash(range + {number}) as hashed "
            "from range(6000000)"
        )
    assert len([path for path in tmp_path.glob("*/*") if path.stat().st_size]) > 1
    wrong = "select count(*) from spilled where hashed <> hash(place + {})"
    for number, connection in enumerate(opened):
        assert connection.execute(wrong.format(number)).fetchall() == [(0,)]
        connection.close()
    assert list(tmp_path.iterdir()) == []
