"""The record of nights: a line when one begins, a line when it ends, however it ends."""

import fcntl
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flows.midway import midway
from flows.store import Home, append_line, read_lines, read_manifest
from transforms.errors import GateStoppedError, UsageError, WuxingError

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
STOPPED_BY_SIGNAL = 130
TIMES = {"started_at", "ended_at"}
DELIVERY = ("supplier", "kind", "state", "age_days")
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Night:
    """A night as nights.jsonl tells it: running, done, warned, stopped, failed or killed.

    `warnings`: how many; `deliveries`: how each supplier delivered. No person is in it.
    """

    night: str
    as_of: str
    by: str
    started_at: datetime
    flow_run: str = ""
    state: str = "running"
    ended_at: datetime | None = None
    run_id: str = ""
    exit_code: int | None = None
    seconds: int = 0
    warnings: int = 0
    message: str = ""
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Say whether it came to its end."""
        return self.state in ("done", "warned")

    def content(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        times = {"started_at": self.started_at, "ended_at": self.ended_at}
        return {**vars(self), **{name: at and at.isoformat() for name, at in times.items()}}


def district_now() -> datetime:
    """Return the hour in the district, to the second."""
    return datetime.now(DISTRICT_TIME).replace(microsecond=0)


def record_night(
    home: Home,
    as_of: str,
    act: Callable[[], dict[str, Any]],
    by: str,
    clock: Clock = district_now,
    flow_run: str = "",
) -> dict[str, Any]:
    """Do a night, and keep in nights.jsonl when it began and how it ended.

    Holds:   a night whose second line is missing runs still, or was killed: it holds the file
             while it runs
    Raises:  what stopped the night
    """
    began = clock()
    night = {"night": uuid4().hex, "as_of": as_of, "by": by, "flow_run": flow_run}
    _note(home, {**night, "event": "began", "started_at": began.isoformat()})
    held = _hold(home)
    ended: dict[str, Any] = {"state": "failed", "exit_code": 1}
    try:
        summary = act()
        ended = _of_summary(home, summary)
    except BaseException as stop:
        ended = _of_stop(stop)
        raise
    finally:
        at = clock()
        ended |= {"ended_at": at.isoformat(), "seconds": int((at - began).total_seconds())}
        _note(home, {"night": night["night"], "event": "ended", **ended})
        if held is not None:
            os.close(held)
    return summary


def _note(home: Home, content: Mapping[str, Any]) -> None:
    # Where not even a line can be written, the night itself says why.
    with suppress(OSError):
        append_line(home.nights_path, content)


def _hold(home: Home) -> int | None:
    with suppress(OSError):
        held = os.open(home.nights_path, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_SH)
        return held
    return None


def _of_summary(home: Home, summary: Mapping[str, Any]) -> dict[str, Any]:
    gates = read_manifest(home.runs / summary["run_id"], "run")["gates"].values()
    failing = sum(status != "passed" for checks in gates for status in checks.values())
    warnings = len(summary["warnings"]) + failing
    return {
        "state": "warned" if warnings else "done",
        "run_id": summary["run_id"],
        "exit_code": 0,
        "warnings": warnings,
        "deliveries": [
            {name: one[name] for name in DELIVERY} for one in summary.get("deliveries", ())
        ],
    }


def _of_stop(stop: BaseException) -> dict[str, Any]:
    """Say how a night ended that did not come to its end; never a value that it worked with."""
    if isinstance(stop, GateStoppedError):
        return {
            "state": "stopped",
            "exit_code": stop.exit_code,
            "run_id": stop.run_id,
            **_said(stop),
        }
    if isinstance(stop, WuxingError):
        return {"state": "failed", "exit_code": stop.exit_code, **_said(stop)}
    if isinstance(stop, KeyboardInterrupt | SystemExit) or midway().stopped_by:
        return {"state": "failed", "exit_code": STOPPED_BY_SIGNAL, "message": "stopped by a signal"}
    return {"state": "failed", "exit_code": 1, "message": f"unexpected {type(stop).__name__}"}


def _said(stop: WuxingError) -> dict[str, str]:
    return {"message": str(stop)}


def read_nights(home: Home) -> list[Night]:
    """Read what nights there were, in the order they began; one without an end is told apart.

    Rows:    returns  a night without an end runs only if it is the newest and holds the file; a
             command with the wrong words was no night
    """
    nights: dict[str, Night] = {}
    for line in read_lines(home.nights_path):
        event, name = line.pop("event", ""), line.get("night", "")
        line |= {key: datetime.fromisoformat(line[key]) for key in TIMES & line.keys()}
        if event == "began":
            nights[name] = Night(**line)
        elif name in nights:
            nights[name] = replace(nights[name], **line)
    unended = [night for night in nights.values() if night.state == "running"]
    running = unended[-1:] if unended and _is_held(home) else []
    killed = {
        night.night: replace(night, state="killed") for night in unended if night not in running
    }
    told = (nights | killed).values()
    return [night for night in told if night.by != "run" or night.exit_code != UsageError.exit_code]


def _is_held(home: Home) -> bool:
    """Say whether some process holds the record: then a night runs."""
    handle = os.open(home.nights_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
