"""Prefect's server, and what it shows of a night: our lines in the run's log, the night's page."""

# ruff: noqa: I001 - the room of the night sets Prefect up before it is imported
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import UUID

from flows.language import said
from flows.night import pipeline
from flows.night.diary import district_now
from flows.night.page import night_page
from flows.night.settings import read_settings
from flows.night.status import look_at
from flows.store import Home
from sql.texts import policy_cards

import httpx
from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL

from transforms.errors import MachineDeniedError, UsageError

PAGE = "wuxing-nightly"
PROGRESS = "wuxing-nightly-progress"
STAGES = sum(isinstance(made, pipeline.Stage) for made in vars(pipeline).values())
SECONDS_BETWEEN = 5.0
SERVER_SECONDS = 10


def _address() -> str:
    return os.environ.get("PREFECT_API_URL") or PREFECT_API_URL.value() or ""


def silent_server() -> str:
    """Return the address of Prefect's server if one is named and nobody answers there as it does.

    Another program, or a proxy before a server that is down, is as good as none.
    """
    address = _address()
    if not address:
        return ""
    # Only what the operator named is asked, never through a proxy.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"{address.rstrip('/')}/health", timeout=SERVER_SECONDS) as answer:
            is_prefects = answer.read(len("true ")).strip() == b"true"
    except (OSError, ValueError, HTTPException):
        is_prefects = False
    return "" if is_prefects else address


@contextmanager
def at_server() -> Iterator[SyncPrefectClient]:
    """Speak with Prefect's server.

    Raises:  UsageError if none is named; MachineDeniedError if it does not answer, or refuses
    """
    address = _address()
    if not address:
        raise UsageError(
            "PREFECT_API_URL names no Prefect server, which keeps schedule and automations: start "
            "one (`prefect server start`), and set PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    if silent_server():
        raise MachineDeniedError(
            f"{address} (PREFECT_API_URL) does not answer as a Prefect server: start it, or "
            "put its address right (it ends in /api); `wuxing nightly` runs one night without it"
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as denied:
        raise MachineDeniedError(
            f"the Prefect server at {address} did not do it ({type(denied).__name__}): see that it "
            "runs, then repeat the command"
        ) from denied


@dataclass
class RunReport:
    """Tells the run's log and its progress artifact how the night goes: stages and counts only.

    What goes on inside a stage may be a file's name, so it is counted and never named.
    """

    log: Any
    artifact: UUID | None = None
    stage: str = ""
    started: float = field(default_factory=time.monotonic)
    told: float = 0.0
    steps: int = 0
    policies: int = 0

    def __call__(self, what: str, rows: int) -> None:
        """Note that `what` goes on, a stage under its number or a step of it."""
        now = time.monotonic()
        if what[:1].isdigit():
            self.end()
            self.stage, self.started, self.steps, self.policies = what, now, 0, 0
            self.log.info(said(what))
        elif not self.stage:
            # No stage is open yet: suppliers are waited for, and they are no persons.
            self.log.info(said(what))
            return
        else:
            self.steps += 1
            self.policies += what in policy_cards()
            if now - self.told < SECONDS_BETWEEN:
                return
            self.log.info(said(f"{self.stage}: {self.steps} steps, {rows} rows"))
        self.told = now
        self._show()

    def end(self, is_done: bool = False) -> None:
        """Close the stage that is open, with its seconds."""
        if self.stage:
            seconds = round(time.monotonic() - self.started, 1)
            self.log.info(said(f"{self.stage}: done in {seconds} s"))
        if is_done and self.artifact:
            update_progress_artifact(self.artifact, 100.0)

    def _show(self) -> None:
        inside = self.policies / max(len(policy_cards()), 1)
        percent = round(100 * (int(self.stage.split()[0]) - 1 + min(inside, 1)) / STAGES, 1)
        if self.artifact is None:
            made: Any = create_progress_artifact(percent, PROGRESS, "夜间运行进度")
            self.artifact = made
        else:
            update_progress_artifact(self.artifact, percent)


def leave_page(home: Home, flow_run_id: str, message: str = "") -> None:
    """Leave the night's page with the run, however it ended; where none can be made, say so."""
    try:
        told = look_at(home, read_settings(home), district_now())
        last = told["last"]
        is_ours = last is not None and last["flow_run"] == flow_run_id
        page = night_page(home, told) if is_ours else f"# 夜间运行没有开始\n\n> {message}\n"
        create_markdown_artifact(page, key=PAGE, description="夜间运行结果（不含个人信息）")
    except Exception as fault:
        get_run_logger().warning(said(f"no page of this night: {type(fault).__name__}"))
