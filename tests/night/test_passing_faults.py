"""Faults that pass: they leave no run behind, and never lock a night out; nobody else gets in."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.cli import app
from flows.cli import keys as cli_keys
from flows.cli.console import run_command
from flows.money import clock as money_clock
from flows.money import sign
from flows.money.batch import list_batches
from flows.money.ledger_store import books_of
from flows.money.release import release_batch
from flows.money.verify import verify_home
from flows.night import gates, pipeline
from flows.night import nightly as nightly_module
from flows.night.nightly import request_of
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from sql import connect
from tests.ceremony import key_of
from tests.conftest import AS_OF
from tests.night.test_gates_stop import fail_first_check
from transforms.errors import GateStoppedError, UsageError

LATER = AS_OF + timedelta(days=1)
ROOT = Path(__file__).parent.parent.parent
HOLD = """
import sys
from pathlib import Path
from flows.store import Home, hold_home
with hold_home(Home(Path(sys.argv[1]))):
    pass
"""


def full_disk(*_given: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def snapshot_of(home: Home) -> str:
    (found,) = home.snapshots.iterdir()
    return found.name


def test_too_many_open_files_while_measuring_leave_no_run(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_given: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    before = sorted(path.name for path in home_after_run.runs.iterdir())
    words = ["run", "--snapshot", snapshot_of(home_after_run), "--as-of", LATER.isoformat()]
    words += ["--home", str(home_after_run.root)]
    with monkeypatch.context() as patch:
        patch.setattr(gates, "run_check", fail)
        assert run_command(app, words) == 10
    assert "nothing was changed" in capsys.readouterr().err
    assert sorted(path.name for path in home_after_run.runs.iterdir()) == before
    assert run_command(app, words) == 0


def test_the_rules_take_the_memory_they_are_given(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, said = snapshot_of(home_after_run), dict[int, str]()

    def determined(*_given: Any, memory_limit: str | None, **named: Any) -> Any:
        with connect(memory_limit=memory_limit, temp_folder=named["temp_folder"]) as connection:
            (held,) = connection.execute("select current_setting('memory_limit')").fetchall()
        raise UsageError(*held)

    monkeypatch.setattr(pipeline, "determine", determined)
    asked = NightRequest(home_after_run, LATER, snapshot_id=snapshot)
    for number, request in enumerate((asked, asked, replace(asked, memory_limit="1GiB"))):
        with pytest.raises(UsageError) as seen:
            run_night(request, Progress())
        said[number] = str(seen.value)
        home_after_run.settings_path.write_text('[night]\nmemory = "3GiB"\n', encoding="utf-8")
    assert said == {0: "1.8 GiB", 1: "3.0 GiB", 2: "1.0 GiB"}


def test_a_stopped_run_may_be_followed_by_a_finished_one(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = NightRequest(home_after_run, LATER, snapshot_id=snapshot_of(home_after_run))
    with monkeypatch.context() as patch:
        fail_first_check(patch, "entitlements")
        with pytest.raises(GateStoppedError):
            run_night(request, Progress())
    # What is finished takes the place of what stopped only when it is whole.
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_answers", full_disk)
        with pytest.raises(OSError, match="No space"):
            run_night(request, Progress())
    verify_home(home_after_run)
    summary = run_night(request, Progress())
    assert run_night(request, Progress()) == summary
    verify_home(home_after_run)
    assert not list(home_after_run.root.rglob(".making-*"))


def test_a_lock_that_somebody_removes_lets_nobody_in(tmp_path: Path) -> None:
    from flows.store import hold_home

    home = Home(tmp_path / "home")
    with hold_home(home, make=True):
        for path in home.root.iterdir():
            path.unlink()
        command = [sys.executable, "-c", HOLD, str(home.root)]
        second = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert "HomeBusyError" in second.stderr
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_a_day_that_cannot_be_read_is_a_plain_refusal_of_the_flow() -> None:
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        request_of("drop", "31.3.2020", "home")


def test_serve_and_the_deployment_bear_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.night import nightly

    asked: dict[str, Any] = {}
    monkeypatch.setattr(nightly.nightly, "serve", lambda **given: asked.update(given))
    nightly.serve(Path("home"), Path("drop"))
    # Another that serves the home goes on when one is stopped, wherever each was started.
    assert asked["pause_on_shutdown"] is False
    assert asked["parameters"]["home"] == str(Path("home").resolve())
    assert f"name: {asked['name']}\n" not in (ROOT / "prefect.yaml").read_text("utf-8")


def test_a_batch_over_budget_is_told_and_which_drafts_can_be_signed(home_after_run: Home) -> None:
    """A budget is mistyped for a later day, mended for the day before, mistyped once more."""
    home, snapshot = home_after_run, snapshot_of(home_after_run)
    funds, (first,) = home.funds_path.read_text("utf-8"), books_of(home).runs

    def run(day: date, budget: int) -> dict[str, Any]:
        text = funds.replace("2020 = 5000000", f"2020 = {budget}")
        home.funds_path.write_text(text, "utf-8")
        return run_night(NightRequest(home, day, snapshot_id=snapshot), Progress())

    later = run(LATER, 1)
    told = [warning for warning in later["warnings"] if "over budget" in warning]
    assert len(told) == len(later["batches"]) and told
    page = (home.runs / later["run_id"] / "report.html").read_text("utf-8")
    assert page.rpartition("<h2>")[2].count("超出预算") == len(told)
    again = run(AS_OF, 5000000)
    assert again["run_id"] == first and again["batches"] == again["paths"]["reviews"] == []
    (told,) = [warning for warning in again["warnings"] if "stay withdrawn" in warning]
    assert f"run {later['run_id']} was made, as of {LATER}" in told
    other = run(AS_OF, 1)
    told = [warning for warning in other["warnings"] if "run that day again" in warning]
    assert len(told) == len(later["batches"]) and later["batches"][0] in told[0]
    assert run(LATER, 1) == later
    states = {state.run_id for state in books_of(home).batches.values() if state.state == "draft"}
    assert states == {later["run_id"]} == {books_of(home).newest_run}


def clock(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Set the clock, in all places where the program reads it."""

    class Clock(datetime):
        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return cls(day.year, day.month, day.day, 12, tzinfo=zone)

    for place in (money_clock, nightly_module, cli_keys):
        monkeypatch.setattr(place, "datetime", Clock)


def test_a_clock_that_goes_back_a_day_costs_nothing(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, (batch, *_) = home_after_run, list_batches(home_after_run)
    clock(monkeypatch, AS_OF)
    sign.sign_batch(home, batch["batch_id"], "reviewer", key_of(home, "reviewer"))
    clock(monkeypatch, AS_OF - timedelta(days=1))
    sign.sign_batch(home, batch["batch_id"], "approver", key_of(home, "approver"))
    release_batch(home, batch["batch_id"])
    assert nightly_module.request_of("drop", None, "home").as_of == AS_OF - timedelta(days=1)
    early = NightRequest(home, AS_OF - timedelta(days=1), snapshot_id=snapshot_of(home))
    summary = run_night(early, Progress())
    verify_home(home)
    # What was released is paid, whatever day it is; a later night says the same of it.
    clock(monkeypatch, AS_OF + timedelta(days=1))
    again = run_night(NightRequest(home, AS_OF, snapshot_id=snapshot_of(home)), Progress())
    paid = [one for one in list_batches(home) if one["state"] == "released"]
    assert [one["batch_id"] for one in paid] == [batch["batch_id"]]
    for night in (summary, again):
        drafts = [one for one in list_batches(home) if one["batch_id"] in night["batches"]]
        assert batch["fund"] not in {one["fund"] for one in drafts}
    verify_home(home)


def test_a_night_without_known_holidays_is_done_again_once_they_are(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_day: date) -> bool:
        raise NotImplementedError

    request = NightRequest(home_after_run, LATER, snapshot_id=snapshot_of(home_after_run))
    with monkeypatch.context() as old_calendar:
        old_calendar.setattr("transforms.payments.working_days.is_workday", unknown)
        before = run_night(request, Progress())
        assert any("newer chinesecalendar" in warning for warning in before["warnings"])
    after = run_night(request, Progress())
    assert after["run_id"] != before["run_id"] and after["batches"]
    assert not any("can't be released" in warning for warning in after["warnings"])
    verify_home(home_after_run)
