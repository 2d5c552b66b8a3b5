"""The nightly Prefect flow: the stages of `wuxing run`, in the same order, recorded by Prefect."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment, flow_run
from prefect.schedules import Cron
from prefect.states import Cancelled, Completed, Failed

from flows.inbox.tonight import Waiting
from flows.language import said
from flows.night.alerts import told_night
from flows.night.diary import DISTRICT_TIME, read_nights
from flows.night.in_prefect import RunReport, at_server, leave_page, silent_server
from flows.night.parts import Parting
from flows.night.pipeline import NightRequest, P, R, Stage, run_night
from flows.night.progress import Progress
from flows.store import Home, read_lines
from transforms.errors import UsageError, WuxingError
from transforms.masking import without_person_ids

RETRY_SECONDS = 5
# prefect.yaml deploys `nightly`: of one name, each would unseat the other.
SERVED = "serve"


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
    if deployment.id and not as_of and _is_done_since(home_of(home), flow_run.scheduled_start_time):
        return Cancelled(message=said("this day's night was done after this run was due"))
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
        message = said(f"run {summary['run_id']}: warnings: {own[-1].warnings}")
        return Completed(name="Warned", message=message, data=summary)
    return summary


def _is_done_since(home: Home, due: datetime) -> bool:
    """Say whether a good night of today began after a run was due: several missed are one night."""
    today = datetime.now(DISTRICT_TIME).date().isoformat()
    nights = [one for one in read_nights(home) if one.by == "nightly" and one.as_of == today]
    return any(night.is_good and night.started_at > due for night in nights)


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
    given: dict[str, Any] = {"drop": str(drop) if drop else None, "as_of": as_of.isoformat()}
    given |= {"home": str(home), "wait": wait}
    silent, noted = silent_server(), read_lines(Home(home).nights_path)
    if silent:
        why = f"{silent} does not answer as a Prefect server: the night runs without its record"
        return _run_alone(request_of(**given, parting=Parting(parts, executor)), why)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)
    try:
        return dict(nightly(**given, parts=parts, executor=executor))
    except WuxingError:
        raise
    except Exception as fault:
        if read_lines(Home(home).nights_path) != noted:
            raise
        why = f"Prefect could not begin ({type(fault).__name__}): the night runs without its record"
    return _run_alone(request_of(**given, parting=Parting(parts, executor)), why)


def _run_alone(request: NightRequest, why: str) -> dict[str, Any]:
    Progress().say(why)
    day = request.as_of.isoformat()
    return told_night(request.home, day, lambda: run_night(request, Progress()), "nightly")


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keep Prefect's line about a failed task, without the traceback it hangs on it."""
    record.exc_info = None
    record.exc_text = None
    return True


def expect_schedule_free(home: Home) -> None:
    """Check that Prefect's server can keep this home's schedule, and keeps no other one's.

    Raises:  as at_server; UsageError naming the home that is served there
    """
    with at_server() as client, suppress(ObjectNotFound):
        served = client.read_deployment_by_name(f"{nightly.name}/{SERVED}")
        other = served.parameters.get("home")
        if other and Path(other).resolve() != home.root.resolve():
            raise UsageError(
                f"at {client.api_url} `wuxing serve` runs the nights of {other}: one server serves "
                "one home; give this one a server of its own, or, if that home is served no more, "
                f"`prefect deployment delete {nightly.name}/{SERVED}`"
            )


def serve(home: Path, drop: Path | None) -> None:
    """Run the nightly schedule until stopped: 02:00 in the district, one run at a time.

    What is stopped leaves the schedule on: who serves beside it goes on, and what nobody runs is
    late, which Prefect and `wuxing status` tell.
    """
    # So Prefect ends what it serves when it is told to.
    with suppress(SystemExit):
        nightly.serve(
            name=SERVED,
            schedules=[Cron("0 2 * * *", timezone=str(DISTRICT_TIME))],
            limit=1,
            pause_on_shutdown=False,
            parameters={
                "drop": str(drop.resolve()) if drop else None,
                "as_of": None,
                "home": str(home.resolve()),
            },
        )
