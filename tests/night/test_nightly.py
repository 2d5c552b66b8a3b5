"""A real Prefect run: same stages, same run, one task a stage, refusals without a traceback."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import AS_OF
from transforms.errors import DropRefusedError, HomeBusyError

ROOT = Path(__file__).parent.parent.parent


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
    from flows.night.pipeline import STAGES

    shutil.copytree(empty_home, tmp_path / "home")
    summary = run_flow(town, AS_OF, tmp_path / "home")
    assert summary["run_id"] == run_home[1]["run_id"]
    flow_runs, task_runs, artifacts = asyncio.run(recorded())
    assert [run.name for run in flow_runs] == ["nightly 2020-03-31 · drop"]
    assert len(task_runs) == len(STAGES)
    assert all(run.state_name == "Completed" for run in task_runs)
    (table,) = [found for found in artifacts if found["key"] == "wuxing-nightly-counts"]
    assert "outcome" in str(table["data"])


@pytest.mark.usefixtures("prefect_server")
def test_refusal_keeps_its_exit_code_and_shows_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from flows.night.nightly import run_flow

    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "nobody-knows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DropRefusedError):
        run_flow(tmp_path / "drop", AS_OF, tmp_path / "home")
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("prefect_server")
def test_second_run_at_the_same_time_is_refused(town: Path, tmp_path: Path) -> None:
    from flows.night.nightly import run_flow
    from flows.store import Home, hold_home

    with hold_home(Home(tmp_path / "home")), pytest.raises(HomeBusyError):
        run_flow(town, AS_OF, tmp_path / "home")


def test_flow_has_the_stages_of_run_in_their_order() -> None:
    from flows.night import nightly
    from flows.night.pipeline import STAGES

    source = (ROOT / "flows" / "night" / "nightly.py").read_text(encoding="utf-8")
    places = [source.index(f"            {stage.__name__}(night)") for stage in STAGES]
    assert places == sorted(places)
    assert nightly.record_run.retries == 0, "no retry around a ledger write"


def test_deployment_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (deployment,) = declared["deployments"]
    assert deployment["schedules"][0]["cron"] == "0 2 * * *"
    assert deployment["schedules"][0]["timezone"] == "Asia/Shanghai"
    assert deployment["concurrency_limit"]["limit"] == 1
