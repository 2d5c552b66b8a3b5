"""The nightly Prefect flow: the stages of `wuxing run`, in the same order, recorded by Prefect."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import polars as pl
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment, flow_run
from prefect.schedules import Cron
from prefect.states import Completed, Failed

from flows.inbox.tonight import Waiting
from flows.language import said
from flows.night.alerts import told_night
from flows.night.diary import DISTRICT_TIME, read_nights
from flows.night.in_prefect import RunReport, leave_page
from flows.night.parts import Parting
from flows.night.pipeline import NightRequest, P, R, Stage, run_night
from flows.night.progress import Progress
from flows.store import Home
from transforms.errors import MachineDeniedError, UsageError, WuxingError
from transforms.masking import without_person_ids

RETRY_SECONDS, SERVER_SECONDS = 5, 10


def _run_name() -> str:
    given = flow_run.parameters
    return f"nightly {given.get('as_of') or 'today'} · {Path(given.get('drop') or 'inbox').name}"


def _may_retry(_task: Any, _run: Any, state: Any) -> bool:
    """Try again after a fault of disk or machine; a refusal of ours says the same every time."""
    try:
        state.result()
    except WuxingError:
        return False
    except Exception:
        return True
    return False


def call_as_task(name: str, stage: Stage[P, R], /, *given: P.args, **named: P.kwargs) -> R:
    """Call a stage as a Prefect task; Prefect is handed no frame and keeps none."""

    def act() -> R:
        try:
            return stage.act(*given, **named)
        except WuxingError as stop:
            # Prefect writes what stopped a task into its log, and the page: they name nobody.
            stop.args = (without_person_ids(str(stop)), *stop.args[1:])
            raise

    make_task = task(
        name=said(name),
        retries=stage.retries,
        retry_delay_seconds=RETRY_SECONDS,
        retry_condition_fn=_may_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
        log_prints=False,
    )
    return make_task(act)()


@flow(name="wuxing-nightly", flow_run_name=_run_name, persist_result=False)
def nightly(
    drop: str | None = None,
    as_of: str | None = None,
    home: str | None = None,
    wait: bool = True,
    parts: int | None = None,
    executor: str = "local",
) -> Any:
    """Turn a drop, else the inbox, into draft batches; return what `wuxing run --json` prints.

    A refusal ends the flow as Failed with the operator's message, a night with warnings as Warned.

    Args:
        drop: Folder of the night's files; without it, the inbox of the home.
        as_of: The day the night is for, YYYY-MM-DD; without it, today in the district.
        home: The home folder; without it WUXING_HOME of the worker, else ./home.
        wait: Wait for suppliers that are late until their deadlines.
        parts: Into how many parts the town is cut, up to 16; without it, by its size.
        executor: Who makes the parts: local, dask or dask:ADDRESS.
    """
    own_id, report = str(flow_run.id or ""), RunReport(get_run_logger())
    message = "unexpected: see the log of the run"
    try:
        request = request_of(drop, as_of, home, wait, Parting(parts, executor))
        summary = told_night(
            request.home,
            request.as_of.isoformat(),
            lambda: run_night(request, Progress(listener=report), call_as_task),
            "nightly",
            flow_run=own_id,
        )
    except WuxingError as stop:
        message = str(stop)
        # Prefect writes what it is given into the log: a deployed run's words name nobody.
        said_safely = said(without_person_ids(message))
        return Failed(message=said_safely, data=None if deployment.id else stop)
    finally:
        leave_page(home_of(home), own_id, message)
    report.end(is_done=True)
    _leave_counts(summary)
    own = [night for night in read_nights(request.home) if night.flow_run == own_id]
    if own and own[-1].state == "warned":
        message = said(f"run {summary['run_id']}: {own[-1].warnings} warnings")
        return Completed(name="Warned", message=message, data=summary)
    return summary


def _leave_counts(summary: Mapping[str, Any]) -> None:
    run_id, as_of = summary["run_id"], summary["as_of"]
    create_table_artifact(
        key="wuxing-nightly-counts",
        table=count_table(Path(summary["paths"]["run"])),
        description=said(f"Run {run_id} as of {as_of}: counts only, no person"),
    )


def count_table(run_folder: Path) -> list[dict[str, Any]]:
    """Return the counts of a recorded run, one row per policy and outcome; no person in it."""
    counts = (
        pl.scan_parquet(run_folder / "determinations.parquet")
        .group_by("policy_id", "outcome")
        .agg(pl.len().alias("rows"), pl.col("amount_fen").sum())
    )
    return counts.sort("policy_id", "outcome").collect().to_dicts()


def home_of(home: str | None) -> Home:
    """Return the home that was named, else that of the environment, else ./home."""
    return Home(Path(home or os.environ.get("WUXING_HOME", "home")))


def request_of(
    drop: str | None,
    as_of: str | None,
    home: str | None,
    wait: bool = True,
    parting: Parting | None = None,
) -> NightRequest:
    """Read the flow's plain parameters; without a day it is today's in the district."""
    try:
        day = date.fromisoformat(as_of) if as_of else datetime.now(DISTRICT_TIME).date()
    except ValueError as unreadable:
        raise UsageError(f"as_of is written YYYY-MM-DD; found {as_of!r}") from unreadable
    place = Path(drop) if drop else None
    waiting = Waiting(until_deadline=wait)
    return NightRequest(
        *(home_of(home), day, place),
        parting=parting or Parting(),
        inbox=place is None,
        waiting=waiting,
    )


def run_flow(
    drop: Path | None,
    as_of: date,
    home: Path,
    wait: bool = True,
    parts: int | None = None,
    executor: str = "local",
) -> dict[str, Any]:
    """Run the flow in this process and hand back what `wuxing run` would.

    A night does not wait for its recorder: without an answer of Prefect's it runs plainly.

    Raises:  what stopped it, so that exit codes are the same as of `wuxing run`
    """
    silent = _silent_server()
    if silent:
        day, parting = as_of.isoformat(), Parting(parts, executor)
        request = request_of(str(drop) if drop else None, day, str(home), wait, parting)
        Progress().say(f"{silent} does not answer: the night runs without Prefect's record of it")
        return told_night(request.home, day, lambda: run_night(request, Progress()), "nightly")
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)
    summary: Any = nightly(
        drop=str(drop) if drop else None,
        as_of=as_of.isoformat(),
        home=str(home),
        wait=wait,
        parts=parts,
        executor=executor,
    )
    return dict(summary)


def _silent_server() -> str:
    """Return the address of Prefect's server if one is named that can't be reached."""
    address = os.environ.get("PREFECT_API_URL", "")
    if not address:
        return ""
    # Only what the operator named is asked, never through a proxy; any answer is one.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"{address.rstrip('/')}/health", timeout=SERVER_SECONDS):
            return ""
    except HTTPError:
        return ""
    except (OSError, ValueError):
        return address


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keep Prefect's line about a failed task, without the traceback it hangs on it."""
    record.exc_info = None
    record.exc_text = None
    return True


def serve(home: Path, drop: Path | None) -> None:
    """Run the nightly schedule until stopped: 02:00 in the district, one run at a time.

    Raises:  MachineDeniedError if Prefect's server does not answer
    """
    silent = _silent_server()
    if silent:
        raise MachineDeniedError(
            f"{silent} (PREFECT_API_URL) does not answer, and it keeps the schedule: start "
            "Prefect's server; `wuxing nightly` runs one night without it"
        )
    # So Prefect ends what it serves when it is told to.
    with suppress(SystemExit):
        nightly.serve(
            # prefect.yaml deploys `nightly`: of one name, each would unseat the other.
            name="serve",
            schedules=[Cron("0 2 * * *", timezone=str(DISTRICT_TIME))],
            limit=1,
            parameters={"drop": str(drop) if drop else None, "as_of": None, "home": str(home)},
        )
