"""What the doctor finds, and that it says how to mend it."""

import errno
import importlib.metadata
import json
import os
import shutil
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.backup.save import back_up
from flows.cli import around, doctor, growth
from flows.inbox.register import Line, add_lines
from flows.money.heads import initialise_home
from flows.money.ledger_store import open_ledger
from flows.night.diary import district_now, record_night
from flows.night.settings import read_settings
from flows.night.status import BACKUP_AHEAD, late_backup
from flows.store import Home
from tests.inbox.inbox_home import (
    FIRST,
    PERSONS,
    contributions,
    make_inbox,
    persons,
    put,
    take_all,
)
from transforms.answers.messages import in_chinese
from transforms.errors import UsageError
from transforms.words import catalogue

SUPPLIERS = """
["人社局"]
contact = "王工"
folder = "hr"

["人社局".kinds]
"户籍人口" = { mode = "full", cadence = "nightly", deadline = "04:00", max_age_days = 3 }
"""
Usage = namedtuple("Usage", "total used free")


@pytest.fixture()
def home(empty_home: Path, tmp_path: Path) -> Home:
    shutil.copytree(empty_home, tmp_path / "home")
    return Home(tmp_path / "home")


def found(home: Home) -> dict[str, tuple[str, str]]:
    return {c["what"]: (c["verdict"], c["found"]) for c in doctor.examine(home)["checks"]}


def test_an_installation_is_held_against_the_lock_version_by_version(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(home)["packages"][0] == "good"
    text = doctor.lock_path().read_text(encoding="utf-8")
    lock = tmp_path / "requirements.lock"
    monkeypatch.setattr(doctor, "lock_path", lambda: lock)
    assert found(home)["packages"][0] == "warn"
    lock.write_text(text.replace("\npolars==", "\npolars==9.9.9 \\\n# "), encoding="utf-8")
    verdict, said = found(home)["packages"]
    assert verdict == "bad" and "the lock says 9.9.9" in said and "install again" in said


def test_what_a_package_needs_that_is_needed_is_missed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    requires = importlib.metadata.requires

    def and_another(name: str) -> list[str]:
        mine = ["gone-package>=1; python_version >= '3'", "never==1; extra == 'other'"]
        return [*(requires(name) or []), *(mine if name == "duckdb" else [])]

    monkeypatch.setattr(importlib.metadata, "requires", and_another)
    verdict, said = found(home)["packages"]
    assert (verdict, "gone-package is missing" in said, "never" in said) == ("bad", True, False)


def test_the_calendar_may_be_newer_than_the_lock(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = doctor.lock_path().read_text(encoding="utf-8")
    older = text.replace("\nchinesecalendar==", "\nchinesecalendar==1.0.0 \\\n# ")
    (tmp_path / "lock").write_text(older, encoding="utf-8")
    monkeypatch.setattr(doctor, "lock_path", lambda: tmp_path / "lock")
    assert older != text and found(home)["packages"][0] == "good"


def test_a_full_disk_is_foreseen_and_what_may_lie_elsewhere_is_said(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, now = home_after_run, district_now()
    assert growth.foresee_disk(home, now)["verdict"] == "good"
    size = sum(path.stat().st_size for path in home.root.rglob("*") if path.is_file())
    for nights, verdict in ((70, "good"), (30, "warn"), (1, "bad")):
        free = Usage(0, 0, int(size * (nights + 0.5)))
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: free)
        said = growth.foresee_disk(home, now)
        assert said["verdict"] == verdict and f"full in {nights} nights" in said["found"]
    (home.root / "cache").mkdir()
    (home.root / "cache" / "part").write_bytes(bytes(2 << 20))
    later = growth.foresee_disk(home, now + timedelta(days=1))["found"]
    assert "2.0 MiB: the cache" in later
    assert (
        "known after the first night"
        in growth.foresee_disk(home, now + timedelta(days=99))["found"]
    )


def test_what_a_night_reads_is_never_said_to_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of contributions stays in force for years; a list was replaced the next day."""
    home, newer = make_inbox(tmp_path / "home"), FIRST + timedelta(days=1)
    for day, who in ((FIRST, "张三"), (newer, "李四")):
        files = {PERSONS: persons(who)} | (
            {"个人缴费明细.csv": contributions("202001")} if day == FIRST else {}
        )
        put(home, "shebao", {**files, "_READY": ""})
        take_all(home, day)
    for path in (home.root / "inbox" / "taken").rglob("*.csv"):
        os.utime(path, (0, 0))
    monkeypatch.setattr(growth, "FEWEST_BYTES", 1)
    old = next((home.root / "inbox" / "taken" / str(FIRST)).rglob(PERSONS))
    assert growth._replaced(home, newer) == old.stat().st_size
    assert growth._replaced(home, FIRST) == 0
    told = growth._elsewhere(home, district_now() + timedelta(days=400))
    assert "old deliveries that newer ones replaced" in told
    home.suppliers_path.write_text("[", encoding="utf-8")
    assert growth._replaced(home, newer) == 0


def test_it_says_how_old_the_backup_is(home: Home, tmp_path: Path) -> None:
    now, folder = district_now(), tmp_path / "backup"
    look = lambda: around.look_at_backup(home, now)  # noqa: E731
    assert (look()["verdict"], "[backup]" in look()["found"]) == ("warn", True)
    home.settings_path.write_text(f'[backup]\nfolder = "{folder}"\nmax_age = "26h"\n')
    assert (look()["verdict"], "none in" in look()["found"]) == ("bad", True)
    back_up(home, folder, datetime.now(UTC) - timedelta(hours=27))
    assert (look()["verdict"], "older than 26h" in look()["found"]) == ("bad", True)
    back_up(home, folder, datetime.now(UTC))
    assert look()["verdict"] == "good"


def test_a_newest_backup_of_a_day_to_come_is_told_until_there_is_another(
    home: Home, tmp_path: Path
) -> None:
    now, folder = district_now(), tmp_path / "backup"
    home.settings_path.write_text(f'[backup]\nfolder = "{folder}"\nmax_age = "26h"\n')
    back_up(home, folder, now + timedelta(days=1000))
    said = around.look_at_backup(home, now)
    assert said["verdict"] == "warn" and "dated after now" in said["found"]
    assert "日期晚于现在" in in_chinese(said["found"])
    late = late_backup(home, read_settings(home).backup, now)
    assert late == BACKUP_AHEAD and catalogue()[late]["en"].startswith("dated after now")
    back_up(home, folder, now)
    said = around.look_at_backup(home, now)
    assert said["verdict"] == "good" and "dated after now" in said["found"]
    assert late_backup(home, read_settings(home).backup, now) is None


def test_a_clock_that_went_back_is_noticed(home: Home) -> None:
    now = district_now()

    def stop() -> dict[str, Any]:
        raise UsageError("nothing")

    with pytest.raises(UsageError):
        record_night(home, "2026-11-27", stop, "test", clock=lambda: now)
    assert around.look_at_clock(home, now)["verdict"] == "good"
    said = around.look_at_clock(home, now - timedelta(days=1))
    assert said["verdict"] == "bad" and "timedatectl" in said["found"]
    day = str((now + timedelta(days=300)).date())
    add_lines(home, [], [Line(1, 1, day, "", "", "", "", "taken", "", "")])
    assert f"was taken on {day}" in around.look_at_clock(home, now)["found"]


def test_holidays_that_are_not_known_are_told_before_they_are_needed(home: Home) -> None:
    assert around.look_at_calendar(date(2020, 11, 1)) == around.check(
        "good", "holidays", "known until 2020-12-31"
    )
    said = around.look_at_calendar(date(2098, 11, 2))
    assert said["verdict"] == "warn" and "newer chinesecalendar" in said["found"]
    assert "请安装较新的" in in_chinese(said["found"])
    assert "holidays" in found(home)


def test_a_copy_is_told_and_a_home_of_another_user(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(home, only_look=True) as ledger:
        place = ledger.books().place
    monkeypatch.setattr(doctor, "place_of", lambda _: place)
    assert found(home)["ledger"][0] == "good"
    monkeypatch.setattr(doctor, "place_of", lambda _: "elsewhere")
    assert "wuxing home move" in found(home)["ledger"][1]
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    verdict, said = found(home)["home folder"]
    assert verdict == "warn" and "you are 12345" in said
    home.settings_path.write_text("[nights]\n")
    verdict, said = found(home)["wuxing.toml"]
    assert verdict == "bad" and "unknown `nights`" in said


@pytest.fixture()
def prefect() -> Iterator[tuple[str, dict[str, Any]]]:
    """A stand-in for the server's answers: what a test puts in is what it gives."""
    answers: dict[str, Any] = {}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answers[self.path]).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api", answers
    server.shutdown()


def test_the_server_is_asked_for_the_deployment_and_a_worker(
    prefect: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    address, answers = prefect
    home, here = Home(tmp_path / "home"), {"parameters": {"home": str(tmp_path / "home")}}
    deployed: Mapping[str, Any] = {"name": "nightly", "paused": False, "work_pool_name": "district"}
    deployed = {**deployed, "parameters": {"home": None}}
    served = {"name": "serve", "paused": False, "work_pool_name": None, "status": "READY", **here}
    other = {**served, "parameters": {"home": "/srv/other"}}
    workers = "/api/work_pools/district/workers/filter"
    for there, status, verdict, word in (
        ([], "ONLINE", "bad", "prefect deploy"),
        ([{**deployed, "paused": True}], "ONLINE", "bad", "prefect deploy"),
        ([deployed], "OFFLINE", "bad", "wuxing-worker"),
        ([deployed], "ONLINE", "good", "awake"),
        ([deployed, served], "OFFLINE", "bad", "wuxing-worker"),
        ([served], "OFFLINE", "good", "wuxing serve"),
        ([other], "OFFLINE", "bad", "/srv/other"),
        ([deployed, other], "ONLINE", "good", "awake"),
        ([{**served, "status": "NOT_READY"}], "OFFLINE", "bad", "prefect deploy"),
        ([{**served, "paused": True}], "OFFLINE", "bad", "prefect deploy"),
    ):
        answers.update({"/api/deployments/filter": there, workers: [{"status": status}]})
        said = around.look_at_prefect(address, home)
        assert said["verdict"] == verdict and word in said["found"]
    assert around.look_at_prefect("", home)["verdict"] == "warn"
    assert "does not answer" in around.look_at_prefect("http://127.0.0.1:9/api", home)["found"]


def test_services_that_sleep_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no systemd here" in around.look_at_timers()["found"]
    program = tmp_path / "systemctl"
    for states, verdict in (("active " * 4, "good"), ("active " * 3 + "inactive", "warn")):
        program.write_text(f"#!/bin/sh\nfor one in {states}; do echo $one; done\nexit 3\n")
        program.chmod(0o755)
        assert around.look_at_timers()["verdict"] == verdict
    assert "enable --now wuxing-backup.timer" in around.look_at_timers()["found"]


def test_the_inbox_must_be_there_and_ours_to_empty(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert around.look_at_inbox(home)["verdict"] == "warn"
    home.suppliers_path.write_text(SUPPLIERS, encoding="utf-8")
    shutil.rmtree(home.root / "inbox", ignore_errors=True)
    assert "is not there" in around.look_at_inbox(home)["found"]
    (home.root / "inbox" / "hr").mkdir(parents=True)
    said = around.look_at_inbox(home)
    assert said["verdict"] == "good" and "hr (root)" in said["found"].replace(
        around.user_name(os.geteuid()), "root"
    )
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "hr")
    said = around.look_at_inbox(home)
    assert said["verdict"] == "bad" and "setfacl" in said["found"]


def test_what_can_not_be_read_is_one_line_of_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> dict[str, str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/backup/states")

    for name in ("read_settings", "look_at_backup", "look_at_clock"):
        monkeypatch.setattr(doctor, name, denied)
    found = {one["what"]: one for one in doctor.examine(home)["checks"]}
    for what in ("wuxing.toml", "backup", "clock"):
        assert found[what]["verdict"] == "bad"
        assert found[what]["found"] == "/backup/states: can't be read: Permission denied"
    assert "services" in found


def test_what_was_not_filled_in_is_said_before_the_first_night(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = home.funds_path.read_text(encoding="utf-8")
    filled = text.replace("2020 = ", "2026 = 1\n2020 = ")
    text = text.replace('account = "9', 'account = "0')
    monkeypatch.setattr(doctor, "today", lambda: "2026-11-29")
    home.funds_path.write_text(filled, encoding="utf-8")
    assert found(home)["funds.toml"][0] == "good"
    home.funds_path.write_text(text, encoding="utf-8")
    verdict, said = found(home)["funds.toml"]
    assert verdict == "warn" and "payer_account in funds.toml is still the placeholder" in said
    assert "no budget of 2026 in funds.toml" in said
    # Who would be told, and by what.
    home.settings_path.write_text("", encoding="utf-8")
    assert "nobody is told" in found(home)["wuxing.toml"][1]
    home.settings_path.write_text('[alerts.webhook]\nurl_env = "WX_HOOK"\n', encoding="utf-8")
    assert found(home)["wuxing.toml"] == ("warn", "WX_HOOK is not set in this environment")
    monkeypatch.setenv("WX_HOOK", "http://127.0.0.1/x")
    assert found(home)["wuxing.toml"][0] == "good"


def test_that_nobody_can_sign_yet_is_said(home: Home, tmp_path: Path) -> None:
    for key in home.root.rglob("*.key"):
        key.unlink()
    assert found(home)["keys"] == ("good", "heads, reviewer and approver are enrolled")
    bare = Home(tmp_path / "bare")
    initialise_home(bare)
    verdict, said = found(bare)["keys"]
    assert verdict == "warn" and "the two heads are not registered yet" in said


@pytest.mark.parametrize("lost", ["runs", "snapshots", "batches", "manifest"])
def test_records_that_are_gone_or_torn_are_named(home_after_run: Home, lost: str) -> None:
    assert found(home_after_run)["records"][0] == "good"
    (run,) = home_after_run.runs.iterdir()
    if lost == "manifest":
        (run / "manifest.json").write_text("{", encoding="utf-8")
    else:
        shutil.rmtree(home_after_run.root / lost)
    verdict, said = found(home_after_run)["records"]
    assert verdict == "bad" and "manifest.json" in said and "wuxing verify" in said
    assert f"/{lost}/" in said or run.name in said
    assert in_chinese(said) != said


def test_what_another_owns_is_named_and_the_rest_is_looked_at(
    home_after_run: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home_after_run.root / "inbox").mkdir(exist_ok=True)
    closed = {home_after_run.ledger_path, home_after_run.root / "inbox"}
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path not in closed and access(path, how))

    def denied(*_given: object, **_named: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(doctor, "open_ledger", denied)
    told = found(home_after_run)
    assert told["rights"][0] == "bad" and "ledger.sqlite is " in told["rights"][1]
    assert (
        told["rights"][1].startswith("1 can't")
        and in_chinese(told["rights"][1]) != told["rights"][1]
    )
    assert told["ledger"] == told["records"] == ("bad", "Unable to open database file")
