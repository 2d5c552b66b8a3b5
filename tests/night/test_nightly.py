"""A real Prefect run: same stages, same run, one task a stage, refusals without a traceback."""

import asyncio
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import yaml

from flows.cli.console import run_command
from flows.inbox.tonight import Waiting, await_suppliers
from flows.night import pipeline
from flows.night.diary import read_nights
from flows.night.progress import Progress
from flows.store import Home
from tests.conftest import AS_OF
from tests.inbox.inbox_home import at, make_inbox, no_pause
from transforms.errors import ContractError, DropRefusedError, HomeBusyError, UsageError

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


async def logged(flow_run_id: Any) -> list[str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    async with get_client() as client:
        asked = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]))
        return [line.message for line in await client.read_logs(asked, limit=200)]


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
    assert [(run.state.type.value, run.state_name) for run in flow_runs] == [
        ("COMPLETED", "Completed")
    ]
    titles = [run.name.rsplit("-", 1)[0] for run in sorted(task_runs, key=lambda run: run.end_time)]
    assert titles == [f"{number} {stage.title}" for number, stage in enumerate(STAGES, 1)]
    assert all(run.state_name == "Completed" for run in task_runs)
    assert all(run.state.data is None for run in (*flow_runs, *task_runs)), "no frame is kept"
    (table,) = [found for found in artifacts if found["key"] == "wuxing-nightly-counts"]
    assert "outcome" in str(table["data"])
    (page,) = [found["data"] for found in artifacts if found["key"] == "wuxing-nightly"]
    assert "# 无形夜间运行：完成" in page and summary["run_id"] in page
    assert "| 应付明细 |" in page and "复核人、批准人" in page and "就业补助资金" in page
    (percent,) = [f["data"] for f in artifacts if f["key"] == "wuxing-nightly-progress"]
    assert percent == 100.0
    (night,) = read_nights(Home(tmp_path / "home"))
    assert night.flow_run == str(flow_runs[0].id) and night.state == "done"
    lines = asyncio.run(logged(flow_runs[0].id))
    assert all(any(title in line for line in lines) for title in titles)
    assert not any(".csv" in line or ".xlsx" in line for line in lines), "no file, no person"


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
    _, _, artifacts = asyncio.run(recorded())
    pages = [found["data"] for found in artifacts if found["key"] == "wuxing-nightly"]
    assert any("# 无形夜间运行：失败" in page and "退出码 10" in page for page in pages)


TOO_LONG = "pipeline.read_funds = lambda _: os.stat('/' + 'x' * 999)"


@pytest.mark.parametrize("denied", ["", TOO_LONG], ids=["refused", "denied"])
def test_prefects_own_server_ends_with_the_night(
    empty_home: Path, tmp_path: Path, denied: str
) -> None:
    """It holds what the night writes to: whoever reads that to its end would wait for ever."""
    shutil.copytree(empty_home, tmp_path / "home")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "nobody-knows.csv").write_text("a;b\n1;2\n")
    words = [tmp_path / "drop", "--as-of", "2020-03-31", "--home", tmp_path / "home"]
    code = f"import os; from flows.night import pipeline; {denied or 'pass'}\n"
    code += "from flows.cli import main; main()"
    # Whether there is a lasting server is the operator's: here is none.
    kept = {name: said for name, said in os.environ.items() if name != "PREFECT_API_URL"}
    ended = subprocess.run(
        [sys.executable, "-c", code, "nightly", *map(str, words)],
        env={**kept, "PREFECT_HOME": str(tmp_path / "prefect")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == DropRefusedError.exit_code
    assert "temporary server" in ended.stdout + ended.stderr
    assert ("the machine" in ended.stderr or "too long" in ended.stderr) == bool(denied)


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("broken", [ContractError("no funds"), ZeroDivisionError("a bug")])
def test_whatever_stops_the_flow_comes_out_of_it(
    broken: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.night.nightly import run_flow

    def break_off(_home: Any) -> None:
        raise broken

    monkeypatch.setattr(pipeline, "read_funds", break_off)
    (tmp_path / "home").mkdir()
    with pytest.raises(type(broken)) as stopped:
        run_flow(tmp_path, AS_OF, tmp_path / "home")
    assert stopped.value is broken


@pytest.mark.usefixtures("prefect_server")
def test_second_run_at_the_same_time_is_refused(town: Path, tmp_path: Path) -> None:
    from flows.night.nightly import run_flow
    from flows.store import Home, hold_home

    with hold_home(Home(tmp_path / "home"), make=True), pytest.raises(HomeBusyError):
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


def test_a_night_that_waits_for_a_supplier_says_so_in_the_runs_log(tmp_path: Path) -> None:
    from flows.night.in_prefect import RunReport

    log, hours = Mock(), iter([2, 3, 4])
    report = Progress(StringIO(), RunReport(log)).report
    waiting = Waiting(clock=lambda: at(AS_OF, next(hours)).clock(), pause=no_pause)
    await_suppliers(make_inbox(tmp_path / "home"), AS_OF, waiting, report)
    told = [call.args[0] for call in log.info.call_args_list]
    assert told == ["waiting for 民政局, 社保中心", "waiting for 社保中心"]


def test_what_posts_to_the_ledger_is_never_tried_again() -> None:
    posting = [stage for stage in STAGES if "record_drafts" in inspect.getsource(stage.act)]
    assert posting == [pipeline.record_run] and pipeline.record_run.retries == 0


def test_deployment_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    deployment, tell, audit = declared["deployments"]
    assert tell["name"] == "tell" and "schedules" not in tell
    assert all(
        one["work_pool"]["job_variables"]["env"] == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
        for one in declared["deployments"]
    )
    assert audit["name"] == "audit-replay" and audit["schedules"][0]["cron"] == "0 5 1 * *"
    assert deployment["schedules"][0]["cron"] == "0 2 * * *"
    assert deployment["schedules"][0]["timezone"] == "Asia/Shanghai"
    assert deployment["concurrency_limit"]["limit"] == 1


def test_parameters_are_typed_and_described() -> None:
    from prefect.utilities.callables import parameter_schema

    from flows.audit.scheduled import audit_replay
    from flows.night.automations import tell_flow
    from flows.night.nightly import nightly

    for flow in (nightly, tell_flow, audit_replay):
        for name, said in parameter_schema(flow).properties.items():
            assert said["description"] and ("type" in said or "anyOf" in said), name


def test_automations_are_declared_and_need_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.events.schemas.automations import AutomationCore
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.cli import app
    from flows.night import automations

    declared = yaml.safe_load(automations.FILE.read_text(encoding="utf-8"))["automations"]
    for content in declared:
        for action in content["actions"]:
            if "parameters" in action:
                action["deployment_id"] = "00000000-0000-0000-0000-000000000000"
                assert action.pop("deployment", "wuxing-tell/tell") == "wuxing-tell/tell"
        assert AutomationCore.model_validate(content).enabled
    assert len({content["name"] for content in declared}) == 5
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert run_command(app, ["automations"]) == 2
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert run_command(app, ["automations"]) == 10


@pytest.mark.usefixtures("prefect_server")
def test_what_stops_a_stage_names_nobody_to_prefect() -> None:
    from prefect import flow

    from flows.night.nightly import call_as_task

    def act() -> None:
        raise DropRefusedError("line 3: 370302198503151234 stands twice")

    @flow
    def night() -> None:
        call_as_task("a stage", pipeline.Stage("a stage", act, 0))

    state: Any = night(return_state=True)
    assert "stands twice" in state.message and "370302198503151234" not in state.message


@pytest.mark.usefixtures("prefect_server")
def test_serve_takes_no_other_homes_schedule(tmp_path: Path) -> None:
    from flows.night import nightly

    home = Home(tmp_path / "home")
    nightly.expect_schedule_free(home)
    served: Any = nightly.nightly.to_deployment("serve", parameters={"home": str(home.root)})
    served.apply()
    nightly.expect_schedule_free(home)
    with pytest.raises(UsageError, match=f"the nights of {home.root}.*prefect deployment delete"):
        nightly.expect_schedule_free(Home(tmp_path / "other"))


def test_a_night_does_not_wait_for_a_server_that_is_down(
    empty_home: Path, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from flows.cli import app

    home = Home(tmp_path / "home")
    shutil.copytree(empty_home, home.root)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    words = ["--as-of", AS_OF.isoformat(), "--home", str(home.root)]
    assert run_command(app, ["nightly", str(town), *words]) == 0
    assert "http://127.0.0.1:9/api does not answer" in capsys.readouterr().err
    (night,) = read_nights(home)
    assert (night.by, night.state) == ("nightly", "done")
    assert run_command(app, ["serve", str(town), "--home", str(home.root)]) == 10
    told = capsys.readouterr()
    assert "does not answer as a Prefect server: start it" in told.err and not told.out
