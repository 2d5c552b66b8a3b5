"""A real Prefect run: same stages, same run, one task a stage, refusals without a traceback."""

import asyncio
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.cli.console import run_command
from flows.night import pipeline
from tests.conftest import AS_OF
from transforms.errors import ContractError, DropRefusedError, HomeBusyError

ROOT = Path(__file__).parent.parent.parent
STAGES = [made for made in vars(pipeline).values() if isinstance(made, pipeline.Stage)]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


async def recorded() -> tuple[list[Any], list[Any], list[Any]]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

    # This server takes no empty sort or limit, so each is given.
    async with get_client() as client:
        return (
            await client.read_flow_runs(sort=FlowRunSort.END_TIME_DESC, limit=50),
            await client.read_task_runs(sort=TaskRunSort.END_TIME_DESC, limit=50),
            httpx.post(f"{client.api_url}artifacts/filter", json={"limit": 50}).json(),
        )


@pytest.mark.usefixtures("prefect_server")
def test_nightly_is_the_same_run_recorded_stage_by_stage(
    town: Path, empty_home: Path, run_home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from flows.night.nightly import run_flow

    shutil.copytree(empty_home, tmp_path / "home")
    summary = run_flow(town, AS_OF, tmp_path / "home")
    assert summary["run_id"] == run_home[1]["run_id"]
    assert summary.keys() == run_home[1].keys() and summary["counts"] == run_home[1]["counts"]
    flow_runs, task_runs, artifacts = asyncio.run(recorded())
    assert [run.name for run in flow_runs] == ["nightly 2020-03-31 · drop"]
    titles = [run.name.rsplit("-", 1)[0] for run in sorted(task_runs, key=lambda run: run.end_time)]
    assert titles == [f"{number} {stage.title}" for number, stage in enumerate(STAGES, 1)]
    assert all(run.state_name == "Completed" for run in task_runs)
    assert all(run.state.data is None for run in (*flow_runs, *task_runs)), "no frame is kept"
    (table,) = [found for found in artifacts if found["key"] == "wuxing-nightly-counts"]
    assert "outcome" in str(table["data"])


@pytest.mark.usefixtures("prefect_server")
def test_refusal_keeps_its_exit_code_and_shows_no_traceback(
    empty_home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    shutil.copytree(empty_home, tmp_path / "home")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "nobody-knows.csv").write_text("a,b\n1,2\n")
    words = [str(tmp_path / "drop"), "--as-of", "2020-03-31", "--home", str(tmp_path / "home")]
    told = {}
    for command in ("run", "nightly"):
        assert run_command(app, [command, *words]) == DropRefusedError.exit_code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        (told[command],) = [line for line in err.splitlines() if line.startswith("wuxing: ")]
    assert told["run"] == told["nightly"]
    flow_runs, _, _ = asyncio.run(recorded())
    assert flow_runs[0].state_name == "Failed"
    assert f"wuxing: {flow_runs[0].state.message}" == told["run"]


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("broken", [ContractError("no funds"), ZeroDivisionError("a bug")])
def test_whatever_stops_the_flow_comes_out_of_it(
    broken: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.night.nightly import run_flow

    def break_off(_home: Any) -> None:
        raise broken

    monkeypatch.setattr(pipeline, "read_funds", break_off)
    with pytest.raises(type(broken)) as stopped:
        run_flow(tmp_path, AS_OF, tmp_path / "home")
    assert stopped.value is broken


@pytest.mark.usefixtures("prefect_server")
def test_second_run_at_the_same_time_is_refused(town: Path, tmp_path: Path) -> None:
    from flows.night.nightly import run_flow
    from flows.store import Home, hold_home

    with hold_home(Home(tmp_path / "home")), pytest.raises(HomeBusyError):
        run_flow(town, AS_OF, tmp_path / "home")


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("broken", "tries"), [(OSError("disk"), 3), (DropRefusedError("a file"), 1)]
)
def test_only_a_fault_of_the_machine_is_tried_again(
    broken: Exception,
    tries: int,
    empty_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows.night import nightly

    shutil.copytree(empty_home, tmp_path / "home")
    tried = []

    def fail(*_given: Any, **_named: Any) -> None:
        tried.append(1)
        raise broken

    monkeypatch.setattr(nightly, "RETRY_SECONDS", 0)
    monkeypatch.setattr(pipeline, "ingest_drop", fail)
    with pytest.raises(type(broken)):
        nightly.run_flow(tmp_path, AS_OF, tmp_path / "home")
    assert len(tried) == tries


def test_what_posts_to_the_ledger_is_never_tried_again() -> None:
    posting = [stage for stage in STAGES if "record_drafts" in inspect.getsource(stage.act)]
    assert posting == [pipeline.record_run] and pipeline.record_run.retries == 0


def test_deployment_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    deployment, audit = declared["deployments"]
    assert audit["name"] == "audit-replay" and audit["schedules"][0]["cron"] == "0 5 1 * *"
    assert deployment["schedules"][0]["cron"] == "0 2 * * *"
    assert deployment["schedules"][0]["timezone"] == "Asia/Shanghai"
    assert deployment["concurrency_limit"]["limit"] == 1
