"""The nightly Prefect flow: the stages of `wuxing run`, in the same order, recorded by Prefect."""

import logging
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.schedules import Cron
from prefect.states import Failed

from flows.night import pipeline
from flows.night.pipeline import Night, NightRequest
from flows.night.progress import Progress
from flows.store import Home, hold_home
from transforms.errors import WuxingError

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
RETRY_SECONDS = 5


def _run_name() -> str:
    given = flow_run.parameters
    return f"nightly {given.get('as_of') or 'today'} · {Path(str(given.get('drop'))).name}"


def _may_retry(_task: Any, _run: Any, state: Any) -> bool:
    """Try again after a fault of disk or machine; a refusal of ours says the same every time."""
    try:
        state.result()
    except WuxingError:
        return False
    except Exception:
        return True
    return False


def _stage(act: Callable[[Night], None], name: str, retries: int = 0) -> Any:
    """Make one stage a task; only stages that write no ledger may be tried again."""
    make_task = task(
        name=name,
        retries=retries,
        retry_delay_seconds=RETRY_SECONDS,
        retry_condition_fn=_may_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
        log_prints=False,
    )
    return make_task(act)


read_extracts = _stage(pipeline.read_extracts, "1 extracts → snapshot", retries=2)
judge_extracts = _stage(pipeline.judge_extracts, "2 gate: extracts")
determine_rows = _stage(pipeline.determine_rows, "3 facts, policies, determinations", retries=1)
judge_snapshot = _stage(pipeline.judge_snapshot, "4 gate: snapshot")
judge_determinations = _stage(pipeline.judge_determinations, "5 gate: determinations")
make_entitlements = _stage(pipeline.make_entitlements, "6 entitlements", retries=1)
judge_entitlements = _stage(pipeline.judge_entitlements, "7 gate: entitlements")
make_batches = _stage(pipeline.make_batches, "8 draft batches", retries=1)
judge_batches = _stage(pipeline.judge_batches, "9 gate: batches")
record_run = _stage(pipeline.record_run, "10 record the run, withdraw older drafts")


@flow(name="wuxing-nightly", flow_run_name=_run_name, persist_result=False)
def nightly(drop: str, as_of: str | None = None, home: str = "home") -> Any:
    """Turn a night's drop into draft batches.

    Source:  the same stages as `wuxing run`
    Raises:  nothing that is ours: a refusal ends the flow as Failed with the operator's message
    """
    night = pipeline.begin(request_of(drop, as_of, home), Progress())
    try:
        with hold_home(night.request.home):
            read_extracts(night)
            judge_extracts(night)
            determine_rows(night)
            judge_snapshot(night)
            judge_determinations(night)
            make_entitlements(night)
            judge_entitlements(night)
            make_batches(night)
            judge_batches(night)
            record_run(night)
    except WuxingError as stop:
        REFUSALS.append(stop)
        return Failed(message=str(stop))
    create_table_artifact(
        key="wuxing-nightly-counts",
        table=pipeline.count_table(night),
        description=f"Run {night.run_id} as of {night.request.as_of}: counts only, no person",
    )
    OUTCOMES.append(pipeline.summarise(night))
    return None


REFUSALS: list[WuxingError] = []
OUTCOMES: list[dict[str, Any]] = []


def request_of(drop: str, as_of: str | None, home: str) -> NightRequest:
    """Read the flow's plain parameters; without a day it is today's in the district."""
    day = date.fromisoformat(as_of) if as_of else datetime.now(DISTRICT_TIME).date()
    return NightRequest(home=Home(Path(home)), as_of=day, drop=Path(drop))


def run_flow(drop: Path, as_of: date, home: Path) -> dict[str, Any]:
    """Run the flow in this process and hand back what `wuxing run` would.

    Raises:  the WuxingError that stopped it, so that exit codes are the same as of `wuxing run`
    """
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)
    REFUSALS.clear()
    OUTCOMES.clear()
    nightly(drop=str(drop), as_of=as_of.isoformat(), home=str(home), return_state=True)
    if REFUSALS:
        raise REFUSALS[0]
    return OUTCOMES[0]


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keep Prefect's line about a failed task, without the traceback it hangs on it."""
    record.exc_info = None
    record.exc_text = None
    return True


def serve(home: Path, drop: Path) -> None:
    """Run the nightly schedule until stopped: 02:00 in the district, one run at a time."""
    nightly.serve(
        name="nightly",
        schedules=[Cron("0 2 * * *", timezone=str(DISTRICT_TIME))],
        limit=1,
        parameters={"drop": str(drop), "as_of": None, "home": str(home)},
    )
