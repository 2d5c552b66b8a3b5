"""Prefect's server: what is none, whose nights it keeps, and what it missed."""

import shutil
import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.night import in_prefect, nightly
from flows.night.diary import DISTRICT_TIME, read_nights, record_night
from flows.store import Home
from tests.conftest import AS_OF

PAGE = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html><p>welcome</p>"
MUTE: dict[str, Any] = {"warnings": [], "run_id": "R1"}


@pytest.fixture(
    params=[
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        PAGE,
    ],
    ids=["no such page", "down behind a proxy", "no web server", "nothing", "a page"],
)
def foreign(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name as Prefect's server another program, which answers whatever it is asked."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(request.param)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", address)
        yield address
        server.shutdown()


def test_what_is_no_prefect_server_is_silent_and_said_to_be_none(
    foreign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_prefect.silent_server() == foreign
    for words in (["automations"], ["serve", "--home", str(tmp_path)]):
        assert run_command(app, words) == 10
        told = capsys.readouterr()
        assert f"{foreign} (PREFECT_API_URL) does not answer as a Prefect server" in told.err
        assert not told.out, "no schedule is told that nobody keeps"


@pytest.mark.parametrize("foreign", [PAGE], indirect=True)
def test_a_night_goes_on_alone_beside_what_is_no_prefect_server(
    foreign: str, empty_home: Path, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(shutil.copytree(empty_home, tmp_path / "home"))
    words = ["--as-of", AS_OF.isoformat(), "--home", str(home.root)]
    assert run_command(app, ["nightly", str(town), *words]) == 0
    assert f"{foreign} does not answer as a Prefect server: the night" in capsys.readouterr().err
    assert [(night.by, night.is_good) for night in read_nights(home)] == [("nightly", True)]


def test_a_night_that_prefect_cannot_begin_goes_on_alone(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_given: Any) -> None:
        raise RuntimeError("401 Unauthorized")

    home = Home(shutil.copytree(empty_home, tmp_path / "home"))
    monkeypatch.setattr(nightly, "silent_server", str)
    monkeypatch.setattr(nightly, "nightly", refuse)
    monkeypatch.setattr(nightly, "run_night", lambda *_: MUTE)
    assert nightly.run_flow(tmp_path, AS_OF, home.root) == MUTE
    assert [night.state for night in read_nights(home)] == ["done"]


def test_serve_needs_a_server_that_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert run_command(app, ["serve", "--home", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "`prefect server start`" in told.err and not told.out


def test_of_several_missed_nights_one_is_made_up_for(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would be of today: the first takes what is in force, the others found it done."""
    home = Home(shutil.copytree(empty_home, tmp_path / "home"))
    now = datetime.now(DISTRICT_TIME)
    monkeypatch.setattr(nightly, "deployment", SimpleNamespace(id="served"))

    def due(at: datetime) -> Any:
        monkeypatch.setattr(nightly, "flow_run", SimpleNamespace(id="", scheduled_start_time=at))
        return nightly.nightly.fn(home=str(home.root))

    def begins(*_given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nightly, "get_run_logger", begins)
    today = now.date().isoformat()
    record_night(home, today, lambda: MUTE, "nightly", lambda: now - timedelta(hours=3))
    with pytest.raises(KeyboardInterrupt):
        due(now - timedelta(hours=2))
    assert due(now - timedelta(hours=4)).is_cancelled()
    with pytest.raises(KeyboardInterrupt):
        nightly.nightly.fn(as_of="2020-03-31", home=str(home.root))
