"""Ctrl-C and SIGTERM at several places: what is told is what stands, and the next run is clean."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.cli.stopped import StoppedBySignal, heed_signals
from flows.midway import midway
from flows.money import ledger_store, release
from flows.money.sign import sign_batch
from flows.night import pipeline
from flows.store import Home
from tests.ceremony import key_of
from tests.faults.bounded import ROOT

SIGNALS = ((signal.SIGINT, 130, "the keyboard"), (signal.SIGTERM, 143, "SIGTERM"))


def stop_by(number: int) -> None:
    """Do what the handler of a signal does."""
    midway().stopped_by = number
    raise StoppedBySignal


def stopped(
    words: list[str], place: tuple[Any, str], number: int, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Give a command that is stopped as soon as it comes to a function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*place, lambda *_words, **_named: stop_by(number))
        code = run_command(app, words)
    return code, capsys.readouterr().err


# Where the night is stopped, what is said to stand then, what not to stand.
PLACES: list[tuple[tuple[Any, str], str, str, bool]] = [
    ((pipeline, "ingest_drop"), "stage 1 ", "nothing was changed, no run", False),
    ((pipeline, "determine"), "stage 3 ", "gate: extracts; nothing was changed but this", True),
    ((pipeline, "build_entitlements"), "stage 6 ", "no run was recorded and no batch", True),
    ((pipeline, "write_answers"), "stage 12 ", "no run was recorded and no batch", True),
    ((pipeline, "record_drafts"), "stage 12 ", "runs/R", True),
    ((pipeline, "write_index"), "stage 12 ", "in the ledger: drafted B", True),
]


def test_a_night_that_is_stopped_says_what_stands(
    town: Path,
    empty_home: Path,
    run_home: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    shutil.copytree(empty_home, home)
    words = ["run", str(town), "--as-of", "2020-03-31", "--home", str(home), "--json"]
    snapshot, run = run_home[1]["snapshot_id"], run_home[1]["run_id"]
    # Every place by one of the two signals, in turn: what differs between them stands below.
    by_turns = zip(PLACES, cycle(SIGNALS), strict=False)
    for (place, stage, told, has_snapshot), (number, code, by) in by_turns:
        found, said = stopped(words, place, number, capsys)
        assert found == code and f"stopped by {by} during {stage}" in said, (place[1], said)
        assert told in said and "makes nothing twice" in said, (place[1], said)
        assert (home / "snapshots" / snapshot).is_dir() is has_snapshot
        assert not list(home.rglob(".making-*")), place[1]
    assert f"run_recorded {run}" in said and (home / "runs" / run).is_dir()
    assert run_command(app, words) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["run_id"] == run and made["batches"] == run_home[1]["batches"]
    assert run_command(app, ["verify", "--home", str(home)]) == 0


def test_a_release_that_is_stopped_says_how_far_it_came(
    home_after_run: Home, run_home: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    batch, home = run_home[1]["batches"][0], str(home_after_run.root)
    for role in ("reviewer", "approver"):
        sign_batch(home_after_run, batch, role, key_of(home_after_run, role))
    words = ["release", batch, "--home", home]
    code, said = stopped(words, (release, "_post"), signal.SIGINT, capsys)
    assert code == 130 and "; nothing was changed;" in said
    code, said = stopped(words, (release, "_put_in_place"), signal.SIGINT, capsys)
    assert code == 130
    assert f"in the ledger: released {batch} (its payment files are not in place yet)" in said
    assert run_command(app, words) == 0
    assert run_command(app, ["verify", "--home", home]) == 0


def test_what_can_not_be_read_is_not_told(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_words: Any, **_named: Any) -> None:
        raise OSError

    def stop(home: Home, *_words: Any) -> None:
        midway().root, midway().position = home.root, 1
        monkeypatch.setattr(ledger_store, "open_ledger", fail)
        stop_by(signal.SIGINT)

    monkeypatch.setattr("flows.money.batch.list_batches", stop)
    assert run_command(app, ["batch", "list", "--home", str(home_after_run.root)]) == 130
    assert "`wuxing verify` says" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code", "by"), SIGNALS)
def test_a_signal_stops_the_program_with_its_own_code(number: int, code: int, by: str) -> None:
    waiting = (
        "import sys, time; from flows.cli import main; import flows.money.batch as batch; "
        "batch.list_batches = lambda home: (print('ready', flush=True), time.sleep(60)); "
        "sys.argv = ['wuxing', 'batch', 'list']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", waiting],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert f"stopped by {by}" in said and "Traceback" not in said


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number, *_ in SIGNALS}
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        heed_signals()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        handler: Callable[..., Any] = signal.getsignal(signal.SIGTERM)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            handler(signal.SIGTERM, None)
    finally:
        for number, handler in before.items():  # type: ignore[assignment]
            signal.signal(number, handler)
