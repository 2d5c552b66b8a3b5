"""The record of nights, the settings, and what `wuxing status` makes of them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.money.release import release_batch
from flows.night.alerts import alerts_of
from flows.night.diary import DISTRICT_TIME, is_known, note_restored, read_nights, record_night
from flows.night.settings import AlertSettings, Settings, read_settings
from flows.night.status import look_at, status_lines
from flows.store import Home, append_line, read_lines, write_manifest
from tests.money.money_town import sign_both
from transforms.errors import DropRefusedError, GateStoppedError, HomeBusyError, UsageError

TWO = datetime(2026, 11, 27, 2, 0, tzinfo=DISTRICT_TIME)
SCHEDULED = '[night]\ntime = "02:00"\n'


def home_with(tmp_path: Path, text: str = SCHEDULED) -> Home:
    home = Home(tmp_path / "home")
    home.root.mkdir(parents=True, exist_ok=True)
    home.settings_path.write_text(text, encoding="utf-8")
    return home


def good_night(home: Home, **summary: Any) -> Callable[[], dict[str, Any]]:
    folder = home.runs / "R1"
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder, {"gates": {"batch": {"a": "passed"}}})
    return lambda: {"run_id": "R1", "warnings": [], **summary}


def note(home: Home, at: datetime, act: Callable[[], dict[str, Any]]) -> None:
    record_night(home, at.date().isoformat(), act, "nightly", clock=lambda: at)


def raising(stop: BaseException) -> Callable[[], dict[str, Any]]:
    def act() -> dict[str, Any]:
        raise stop

    return act


def look(home: Home, now: datetime) -> dict[str, Any]:
    return look_at(home, read_settings(home), now)


def test_a_good_night_is_good_until_it_is_too_old(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    assert not look(home, TWO)["good"], "no night has run yet"
    note(home, TWO, good_night(home))
    assert look(home, TWO + timedelta(hours=26))["good"]
    told = look(home, TWO + timedelta(hours=26, seconds=1))
    assert not told["good"] and told["missed"] == ["2026-11-28"]
    assert look_at(home, read_settings(home), TWO + timedelta(hours=27), "2d")["good"]


@pytest.mark.parametrize(
    ("stop", "state", "code", "message"),
    [
        (GateStoppedError("gate: no", "R9"), "stopped", 12, "gate: no"),
        (DropRefusedError("no file"), "failed", 10, "no file"),
        (ZeroDivisionError("110101199003071234"), "failed", 1, "unexpected ZeroDivisionError"),
        (KeyboardInterrupt(), "failed", 130, "stopped by a signal"),
        (OSError(28, "No space left"), "failed", 10, "the machine denied: No space left"),
        (
            sqlite3.OperationalError("disk I/O error"),
            "failed",
            10,
            "the machine denied: Disk i/o error",
        ),
    ],
)
def test_however_a_night_ends_it_is_noted(
    tmp_path: Path, stop: BaseException, state: str, code: int, message: str
) -> None:
    home = home_with(tmp_path)
    with pytest.raises(type(stop)):
        note(home, TWO, raising(stop))
    (night,) = read_nights(home)
    assert (night.state, night.exit_code, night.message) == (state, code, message)
    assert night.run_id == ("R9" if state == "stopped" else "")
    assert not look(home, TWO)["good"]
    note(home, TWO + timedelta(hours=1), good_night(home))
    assert look(home, TWO + timedelta(hours=2))["good"], "it ran again, and well"


@pytest.mark.parametrize(
    ("by", "again"), [("run", "wuxing run DROP"), ("nightly", "wuxing nightly")]
)
def test_it_is_done_again_by_the_command_that_did_it(tmp_path: Path, by: str, again: str) -> None:
    home = home_with(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        record_night(home, "2026-11-27", raising(KeyboardInterrupt()), by, clock=lambda: TWO)
    told = look(home, TWO)
    assert any(f"`{again} --as-of 2026-11-27`" in line for line in status_lines(told))
    (alert,) = alerts_of(told, read_settings(home), TWO)
    assert f"{again} --as-of 2026-11-27" in alert.content(home, "2026-11-27T02:00")["text"]


def test_a_night_with_warnings_or_a_failing_check_is_warned(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    late: dict[str, Any] = {"supplier": "社保", "kind": "deaths", "state": "late", "age_days": 3}
    late |= {"delivered_on": "2026-11-24", "file": "张三.csv", "refused_file": "李四.csv"}
    note(home, TWO, good_night(home, warnings=["w"], deliveries=[late]))
    note(home, TWO + timedelta(days=1), lambda: {"run_id": "R1", "warnings": ["w", "check b"]})
    first, second = read_nights(home)
    assert (first.state, first.warnings, second.warnings) == ("warned", 1, 2)
    (kept,) = first.deliveries
    assert kept["delivered_on"] == "2026-11-24" and len(kept["refused"]) == 12
    text = home.nights_path.read_text("utf-8")
    assert "张三" not in text and "李四" not in text, "a file may be named after a person"
    assert look(home, TWO + timedelta(hours=25))["good"]


@pytest.mark.parametrize("name", ["funds.toml", "suppliers.toml"])
@pytest.mark.parametrize("content", [b"[", '["社保"]'.encode("gb18030")])
def test_a_configuration_that_the_next_night_cannot_read_is_told(
    tmp_path: Path, name: str, content: bytes
) -> None:
    home = home_with(tmp_path)
    note(home, TWO, good_night(home))
    assert look(home, TWO + timedelta(hours=1))["configuration"] == []
    (home.root / name).write_bytes(content)
    told = look(home, TWO + timedelta(hours=1))
    (line,) = [one for one in status_lines(told) if one.startswith("the next night will be ref")]
    assert not told["good"] and name in line


def test_what_ran_is_shown_though_wuxing_toml_has_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_with(tmp_path, '[alerts.command]\nruns = ["x"]\n')
    note(home, TWO, good_night(home))
    for words in ([], ["--alert"]):
        assert run_command(app, ["status", "--home", str(home.root), *words]) == 12
        out = capsys.readouterr().out
        assert "last night: done" in out and "refused: " in out and "unknown `runs`" in out


@pytest.mark.parametrize("minutes", [0, 7, 8, 11])
def test_a_missed_night_is_noticed_after_eight_minutes(tmp_path: Path, minutes: int) -> None:
    home = home_with(tmp_path)
    note(home, TWO, good_night(home))
    later = TWO + timedelta(days=2, minutes=minutes)
    missed = ["2026-11-28"] + (["2026-11-29"] if minutes >= 8 else [])
    assert look(home, later)["missed"] == missed
    note(home, later, good_night(home))
    assert look(home, later + timedelta(hours=1))["missed"][:1] == ["2026-11-28"]


def test_a_night_by_a_clock_that_ran_ahead_says_nothing_of_today(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    os.utime(home.settings_path, (0, (TWO - timedelta(hours=3)).timestamp()))
    note(home, TWO + timedelta(days=200), good_night(home))
    for days in (0, 3, 40):
        told = look(home, TWO + timedelta(days=days, hours=1))
        assert not told["good"] and told["is_too_old"] and len(told["missed"]) == min(days + 1, 32)
    note(home, TWO + timedelta(days=3), good_night(home))
    assert look(home, TWO + timedelta(days=3, hours=1))["good"]


def test_missed_nights_are_one_line_and_those_before_a_restore_are_nobodys(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    note(home, TWO, good_night(home))
    now = TWO + timedelta(days=40, hours=1)
    missed = [line for line in status_lines(look(home, now)) if line.startswith("missed")]
    assert missed == ["missed: 32 nights did not begin, of 2026-12-06 to 2027-01-06"]
    note_restored(home, now)
    assert look(home, now)["missed"] == [] and len(read_nights(home)) == 1
    assert look(home, now + timedelta(days=1))["missed"] == ["2027-01-07"]


def test_a_new_home_misses_its_first_night_and_one_without_hour_none(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    os.utime(home.settings_path, (0, (TWO - timedelta(hours=3)).timestamp()))
    assert look(home, TWO + timedelta(minutes=10))["missed"] == ["2026-11-27"]
    assert not look(home, TWO + timedelta(minutes=7))["missed"]
    home.settings_path.write_text("", encoding="utf-8")
    assert not look(home, TWO + timedelta(minutes=10))["missed"]


def test_a_killed_night_is_told_from_one_that_runs(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom flows.night.diary import record_night\n"
        "from flows.store import Home\n"
        "def act():\n    print('runs', flush=True)\n    time.sleep(60)\n    return {}\n"
        "from flows.night.diary import district_now\n"
        "record_night(Home(Path(sys.argv[1])), str(district_now().date()), act, 'nightly')\n"
    )
    command = [sys.executable, "-c", program, str(home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as night:
        assert night.stdout and night.stdout.readline() == "runs\n"
        assert [one.state for one in read_nights(home)] == ["running"]
        assert not look(home, TWO)["last"], "it has not ended"
        night.send_signal(signal.SIGKILL)
        night.wait()
    assert [one.state for one in read_nights(home)] == ["killed"]
    assert not look(home, TWO)["good"]
    note(home, TWO, good_night(home))
    assert [one.state for one in read_nights(home)] == ["killed", "done"]


@pytest.mark.parametrize(("seconds", "good"), [(4, True), (3700, False)])
def test_a_second_start_is_no_night_while_the_first_goes_on(
    tmp_path: Path, seconds: int, good: bool
) -> None:
    home, hours = home_with(tmp_path), iter([TWO, TWO + timedelta(hours=1)])

    def start_again(day: datetime, at: datetime) -> None:
        held = raising(HomeBusyError("held"))
        with pytest.raises(HomeBusyError):
            record_night(home, str(day.date()), held, "nightly", lambda: at, "F")

    def act() -> dict[str, Any]:
        if good:
            start_again(TWO, TWO + timedelta(seconds=seconds))
            assert [one.state for one in read_nights(home)] == ["running"]
        return good_night(home)()

    record_night(home, str(TWO.date()), act, "nightly", clock=lambda: next(hours))
    if not good:
        # Something else held the home: that night was not done.
        start_again(TWO, TWO + timedelta(seconds=seconds))
    assert look(home, TWO + timedelta(hours=2))["good"] == good
    # Prefect calls it failed: it is known to have been turned away, and nobody is told.
    assert is_known(home, "F") and not is_known(home, "G")


def test_of_nights_of_several_days_one_that_was_turned_away_is_not_done(tmp_path: Path) -> None:
    home, hours = home_with(tmp_path), iter([TWO - timedelta(hours=3), TWO + timedelta(hours=1)])

    def held() -> dict[str, Any]:
        with pytest.raises(HomeBusyError):
            record_night(home, "2026-11-27", raising(HomeBusyError("held")), "nightly", lambda: TWO)
        return good_night(home)()

    record_night(home, "2026-11-26", held, "nightly", lambda: next(hours))
    told = look(home, TWO + timedelta(hours=2))
    assert not told["good"] and told["last"]["exit_code"] == 15


def test_what_is_made_by_hand_of_another_day_is_no_night_that_was_due(tmp_path: Path) -> None:
    """A rehearsal hid the night that had not begun, and ended `status` with 0."""
    home, at = home_with(tmp_path), TWO + timedelta(days=2)
    note(home, TWO, good_night(home))
    before = look(home, at + timedelta(hours=1))
    assert not before["good"] and before["missed"] == ["2026-11-28", "2026-11-29"]

    def by_hand(day: str, act: Callable[[], dict[str, Any]], by: str = "run") -> dict[str, Any]:
        with suppress(DropRefusedError, HomeBusyError):
            record_night(home, day, act, by, clock=lambda: at - timedelta(minutes=20))
        return look(home, at + timedelta(hours=1))

    for act in (good_night(home), raising(DropRefusedError("no file"))):
        assert by_hand("2020-03-31", act) == before
    assert by_hand("2020-03-31", good_night(home), "nightly")["missed"] == before["missed"]
    note(home, at, good_night(home))
    now = look(home, at + timedelta(hours=1))
    assert now["good"] and now["missed"] == ["2026-11-28"]
    # Nor is a command that found the home held a night, whatever day it was to be of.
    for day in ("2020-04-01", "2026-11-29"):
        assert by_hand(day, raising(HomeBusyError("held"))) == now
    # Of today it is one, however it ends.
    at += timedelta(hours=2)
    assert not by_hand("2026-11-29", raising(DropRefusedError("no file")))["good"]


def test_a_night_that_was_missed_and_is_done_later_is_missed_no_more(tmp_path: Path) -> None:
    home, later = home_with(tmp_path), TWO + timedelta(days=2, hours=7)
    note(home, TWO - timedelta(days=1), good_night(home))
    assert look(home, later)["missed"] == ["2026-11-27", "2026-11-28", "2026-11-29"]
    record_night(home, "2026-11-28", good_night(home), "nightly", clock=lambda: later)
    assert look(home, later)["missed"] == ["2026-11-27", "2026-11-29"]


def test_what_runs_is_told_whatever_day_it_is_of(tmp_path: Path) -> None:
    home, seen = home_with(tmp_path), list[str]()
    note(home, TWO, good_night(home))

    def act() -> dict[str, Any]:
        seen.extend(night["as_of"] for night in look(home, TWO)["running"])
        return good_night(home)()

    record_night(home, "2020-03-31", act, "run", clock=lambda: TWO + timedelta(hours=3))
    assert seen == ["2020-03-31"]


def test_where_nights_are_made_by_hand_alone_each_is_one(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    record_night(home, "2020-03-31", good_night(home), "run", clock=lambda: TWO)
    told = look(home, TWO + timedelta(hours=1))
    assert told["good"] and told["last"]["as_of"] == "2020-03-31"


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lines.jsonl"
    append_line(path, {"a": 1})
    path.write_bytes(path.read_bytes() + b'{"b": "\xe6')
    append_line(path, {"c": 3})
    assert read_lines(path) == [{"a": 1}, {"c": 3}]
    assert path.stat().st_mode & 0o777 == 0o600


def test_status_ends_with_12_and_shows_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_with(tmp_path)
    words = ["status", "--home", str(home.root)]
    assert run_command(app, words) == 12
    assert "no night has run yet" in capsys.readouterr().out
    record_night(home, "2026-11-27", good_night(home), "run")
    assert run_command(app, [*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["last"]["state"] == "done"
    assert run_command(app, [*words, "--max-age", "tomorrow"]) == UsageError.exit_code
    assert "26h" in capsys.readouterr().err


def test_a_mistyped_command_is_no_night(tmp_path: Path) -> None:
    home = home_with(tmp_path)
    words = ["run", "--as-of", "2026-11-27", "--home", str(home.root)]
    assert run_command(app, words) == 2
    assert not read_nights(home)


def test_the_sample_says_the_defaults(tmp_path: Path, empty_home: Path) -> None:
    settings = read_settings(Home(empty_home))
    assert settings.night.time == "02:00" and settings.alerts == AlertSettings()
    assert read_settings(Home(tmp_path)) == Settings()
    sample = Home(empty_home).settings_path.read_text(encoding="utf-8")
    switched_on = home_with(tmp_path, "\n".join(_without_marks(sample.splitlines())))
    assert read_settings(switched_on).alerts.channels == ("mail", "webhook", "command")


def _without_marks(lines: list[str]) -> list[str]:
    start = next(number for number, line in enumerate(lines) if line == "# [alerts.mail]")
    return lines[:start] + [line.removeprefix("# ") for line in lines[start:]]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[night]\ntime = "2:00"', "night.time: expected for example \"02:00\"; found '2:00'"),
        ('[night]\nmemory = "much"', "night.memory: expected for example \"4GB\"; found 'much'"),
        ("[nights]", "unknown `nights`"),
        ('[alerts]\nevents = ["all"]', "alerts.events"),
        ("[alerts]\nevents = []", "alerts.events"),
        ("[alerts]\nwarned_above = true", "alerts.warned_above: expected for example 0"),
        ('[alerts.mail]\nhost = "h"', "missing `sender`, `to`"),
        ("[alerts]\nmail = 1", "alerts.mail: expected a table of `host`"),
        ('[alerts.webhook]\nurl = "https://x/send?access_token=1"', "alerts.webhook.url"),
        ('[alerts.webhook]\nform = "json"', "give url, or url_env"),
        ('[alerts.mail]\nhost="h"\nsender="a@b"\nto=["c@d"]\npassword="x"', "unknown `password`"),
        ("night = ", "is no TOML"),
    ],
)
def test_a_setting_that_can_not_be_meant_is_refused(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(DropRefusedError) as refused:
        read_settings(home_with(tmp_path, text))
    assert named in str(refused.value) and "wuxing.toml" in str(refused.value)


def test_settings_that_are_there_and_can_not_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    """Else the alerts of a home would be switched off, and nobody told."""
    home = Home(tmp_path)
    home.settings_path.symlink_to(tmp_path / "gone.toml")
    with pytest.raises(DropRefusedError, match=r"wuxing\.toml: can't be read"):
        read_settings(home)
    home.settings_path.unlink()
    home.settings_path.mkdir()
    with pytest.raises(DropRefusedError, match=r"wuxing\.toml: can't be read"):
        read_settings(home)


def test_lines_say_what_waits(home_after_run: Home) -> None:
    told = look_at(home_after_run, Settings(), TWO)
    assert told["signature"] and told["signature"][0]["missing"] == ["reviewer", "approver"]
    lines = status_lines(told)
    assert any("waits for reviewer, approver" in line for line in lines)
    night = {"state": "done", "as_of": "2020-03-30", "started_at": "", "message": "", "warnings": 0}
    for run, is_told in (("R1", True), (told["newest"]["run_id"], False)):
        lines = status_lines(told | {"last": night | {"run_id": run}})
        assert any("only its drafts can be signed" in line for line in lines) is is_told


def test_a_home_that_is_not_there_is_not_made_by_its_record(tmp_path: Path) -> None:
    home = Home(tmp_path / "mistyped")
    with pytest.raises(DropRefusedError):
        record_night(home, "2026-11-27", refused, "run")
    assert not home.root.exists()

    # Nor by the night itself, which would hold it.
    words = ["run", str(tmp_path), "--as-of", "2020-03-31", "--home", str(home.root)]
    assert run_command(app, words) == DropRefusedError.exit_code
    assert not home.root.exists()


def refused() -> dict[str, Any]:
    raise DropRefusedError("there is no ledger")


def test_a_ledger_that_is_gone_is_told(home_after_run: Home) -> None:
    home_after_run.ledger_path.unlink()
    told = look_at(home_after_run, Settings(), TWO)
    assert not told["good"]
    assert any("ledger: it is not there" in line for line in status_lines(told))


def test_what_both_have_signed_waits_to_be_released(home_after_run: Home) -> None:
    batch, home = look_at(home_after_run, Settings(), TWO)["signature"][0], home_after_run
    sign_both(home, batch["batch_id"])
    told = look_at(home, Settings(), TWO)
    assert [one["batch_id"] for one in told["release"]] == [batch["batch_id"]]
    assert batch["batch_id"] not in [one["batch_id"] for one in told["signature"]]
    assert any(f"waits to be released: {batch['batch_id']}" in one for one in status_lines(told))
    release_batch(home, batch["batch_id"])
    assert look_at(home, Settings(), TWO)["release"] == []
