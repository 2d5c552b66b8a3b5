"""From a fresh checkout to a night that tells: server, deploy, worker, failure, kill, recovery."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.night.servers import HookServer, serving

ROOT = Path(__file__).parent.parent.parent
CHECKED_OUT = ("flows", "transforms", "sql", "expectations", "data_samples", "prefect.yaml")
WORKER = ("worker", "start", "--pool", "district", "--type", "process")
BIN = Path(sys.executable).parent
# Seconds: a machine that is busy with other tests takes its time, and none of it is measured here.
PATIENCE = 900


class District:
    """A machine of its own: checkout, home, Prefect's server and worker, all ended at the end."""

    def __init__(self, place: Path, home: Path, hook: str) -> None:
        self.place, self.home, self.started = place, home, list[subprocess.Popen[bytes]]()
        for name in CHECKED_OUT:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, place / name)
        funds = (home / "funds.toml").read_text(encoding="utf-8")
        # Without a budget every night has something to say.
        (home / "funds.toml").write_text(funds.replace("2020 = 5000000", "2020 = 0"), "utf-8")
        settings = f'[night]\ntime = "02:00"\n[alerts.webhook]\nurl = "{hook}"\n'
        (home / "wuxing.toml").write_text(settings, encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PREFECT")},
            "PREFECT_HOME": str(place / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DO_NOT_TRACK": "1",
            "WUXING_HOME": str(home),
            "PYTHONPATH": str(place),
        }

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.place / f"{words[0]}.log").open("ab") as log:
            begun = subprocess.Popen(
                [str(BIN / "prefect"), *words],
                cwd=self.place,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(begun)
        return begun

    def do(self, *words: str) -> None:
        done = subprocess.run(
            [str(BIN / "prefect"), *words],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr

    def ask(self, what: str, method: str = "POST", **body: Any) -> Any:
        """Ask the server, as Prefect's own clients do: again while its database is busy."""
        for _ in range(10):
            answer = httpx.request(
                method, f"{self.api}/{what}", json=body or None, timeout=PATIENCE
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return answer.raise_for_status().json()

    def run(self, drop: Path) -> str:
        """Schedule a night a second ahead, and return its id."""
        deployment = self.read("deployments/name/wuxing-nightly/nightly")["id"]
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": soon}}
        given = {"drop": str(drop), "as_of": "2020-03-31"}
        path = f"deployments/{deployment}/create_flow_run"
        return str(self.ask(path, parameters=given, state=state)["id"])

    def state(self, run_id: str) -> str:
        return str(self.read(f"flow_runs/{run_id}")["state"]["name"])

    def read(self, what: str) -> Any:
        return self.ask(what, "GET")

    def end(self) -> None:
        for begun in self.started:
            if begun.poll() is None:
                family = psutil.Process(begun.pid).children(recursive=True)
                for process in [*family, psutil.Process(begun.pid)]:
                    if process.is_running():
                        process.kill()
                begun.wait()


@pytest.fixture()
def hook() -> Iterator[HookServer]:
    with serving(HookServer()) as server:
        yield server


@pytest.fixture()
def district(tmp_path: Path, empty_home: Path, hook: HookServer) -> Iterator[District]:
    shutil.copytree(empty_home, tmp_path / "home")
    (tmp_path / "checkout").mkdir()
    address = f"http://127.0.0.1:{hook.server_address[1]}/tell"
    made = District(tmp_path / "checkout", tmp_path / "home", address)
    try:
        yield made
    finally:
        made.end()


def until(seconds: float, is_so: Callable[[], Any], what: str) -> None:
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.5)


def is_up(district: District) -> bool:
    try:
        return httpx.get(f"{district.api}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_a_worker_runs_the_night_and_a_killed_one_frees_its_place(
    district: District, hook: HookServer, town: Path, tmp_path: Path
) -> None:
    def told(event: str) -> list[str]:
        return [body["title"] for _, body in hook.taken if body["event"] == event]

    def automations_have_told(times: int) -> bool:
        tells = {"deployments": {"name": {"any_": ["tell"]}}}
        names = [run["state"]["name"] for run in district.ask("flow_runs/filter", **tells)]
        return names.count("Completed") >= times

    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.night.automations import create_automations

    district.start("server", "start", "--port", str(district.port))
    until(PATIENCE, lambda: is_up(district), "the server answers")
    # The pool first, as docs/operations has it: a deployment names one that is there.
    district.do("work-pool", "create", "district", "--type", "process")
    worker = district.start(*WORKER)
    district.do("deploy", "--all")
    with temporary_settings({PREFECT_API_URL: district.api}):
        names = [create_automations() for _ in range(2)][1]
    assert sorted(one["name"] for one in district.ask("automations/filter", limit=50)) == sorted(
        names
    )

    (tmp_path / "empty").mkdir()
    failed = district.run(tmp_path / "empty")
    until(PATIENCE, lambda: district.state(failed) == "Failed", "a night without files fails")
    assert len(told("failed")) == 1 and "数据或文件被拒收" in told("failed")[0]
    # What tells runs in the same worker: killed with it, it would tell nobody.
    until(PATIENCE, lambda: automations_have_told(1), "the failure is told by its automation")

    killed = district.run(town)
    beats = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}}
    until(
        PATIENCE,
        lambda: any(
            event["resource"]["prefect.resource.id"].endswith(killed)
            for event in district.ask("events/filter", **beats)["events"]
        ),
        "the run beats",
    )
    for process in psutil.Process(worker.pid).children(recursive=True):
        process.send_signal(signal.SIGKILL)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    district.start(*WORKER)
    # Within two minutes on a quiet machine (seen: 93 s).
    until(PATIENCE, lambda: district.state(killed) == "Crashed", "the killed run is marked")

    recovered = district.run(town)
    until(PATIENCE, lambda: district.state(recovered) == "Warned", "the next night goes")
    until(PATIENCE, lambda: len(told("failed")) == 2, "the killed night is told")
    assert "夜间运行中断" in told("failed")[1] and told("warned")
    until(PATIENCE, lambda: automations_have_told(3), "the automations have told")
    assert len(told("failed")) == 2 and len(told("warned")) == 1, "each is told once"
