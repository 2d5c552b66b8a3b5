"""The inbox by its commands: what init writes, what inbox shows, where nightly reads from."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import app
from flows.cli.around import look_at_inbox
from flows.cli.backup import _inbox_elsewhere
from flows.cli.console import run_command
from flows.night.nightly import request_of
from flows.store import Home
from tests.inbox.inbox_home import PERSONS, make_inbox, persons, put, take_all


def test_init_writes_a_sample_of_suppliers(tmp_path: Path) -> None:
    assert run_command(app, ["init", "--home", str(tmp_path)]) == 0
    assert "供数单位" in Home(tmp_path).suppliers_path.read_text("utf-8")


def test_inbox_shows_how_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = make_inbox(tmp_path / "home")
    put(home, "shebao", {PERSONS: persons(), "x.docx": "x", "_READY": ""})
    take_all(home)
    put(home, "民政局", {"户籍人口.csv": "x"})
    words = ["inbox", "--home", str(home.root), "--as-of", "2020-03-31"]
    assert run_command(app, words) == 0
    assert "x.docx" in capsys.readouterr().out
    assert run_command(app, ["--lang", "zh", *words]) == 0
    told = capsys.readouterr().out
    assert "没有交接单，也没有 _READY" in told and "看不出是哪一类数据" in told and "迟到" in told
    assert run_command(app, [*words, "--json"]) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    states = {one["kind"]: one["state"] for one in content["deliveries"] if one["kind"]}
    assert states == {"insured_persons": "late", "contributions": "missing", "residents": "missing"}
    assert content["waiting"][0]["why"]["code"] == "waits_without_mark"


def test_what_was_taken_and_the_register_does_not_know_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = make_inbox(tmp_path / "home")
    put(home, "shebao", {PERSONS: persons(), "x.docx": "x", "_READY": ""})
    take_all(home)
    assert look_at_inbox(home)["verdict"] == "good"
    put(home, "taken/2020-04-12/shebao", {PERSONS: persons("李四")})
    assert run_command(app, ["inbox", "--home", str(home.root), "--json"]) == 0
    lost = f"taken/2020-04-12/shebao/{PERSONS}"
    assert json.loads(capsys.readouterr().out)["unknown"] == [lost]
    assert lost in look_at_inbox(home)["found"]
    assert run_command(app, ["--lang", "zh", "inbox", "--home", str(home.root)]) == 0
    assert f"  {lost}\n" in capsys.readouterr().out


def test_a_home_without_suppliers_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, ["inbox", "--home", str(tmp_path)]) == 10
    assert "names no supplier" in capsys.readouterr().err
    assert run_command(app, ["inbox", "--home", str(tmp_path / "mistyped")]) == 10
    assert "there is no home" in capsys.readouterr().err


def test_nightly_without_a_drop_reads_the_inbox() -> None:
    request = request_of(None, "2020-03-31", "home", wait=False)
    assert request.inbox and request.drop is None and not request.waiting.until_deadline
    assert not request_of("drop", "2020-03-31", "home").inbox


def test_a_restored_home_says_where_what_was_delivered_lies(tmp_path: Path) -> None:
    home = make_inbox(tmp_path / "home")
    assert _inbox_elsewhere(home) == []
    text = home.suppliers_path.read_text("utf-8")
    home.suppliers_path.write_text(f'inbox = "{tmp_path}/share"\n{text}', "utf-8")
    (said,) = _inbox_elsewhere(home)
    assert f"lies in {home.root}/inbox" in said and f"{tmp_path}/share" in said
