"""The record of nights: a line when one begins, a line when it ends, however it ends."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flows.inbox.in_force import states_of_snapshot
from flows.machine import denial
from flows.midway import midway
from flows.store import Home, append_line, read_lines, read_manifest
from transforms.digest import text_digest
from transforms.errors import (
    GateStoppedError,
    HomeBusyError,
    MachineDeniedError,
    UsageError,
    WuxingError,
)
from transforms.masking import without_person_ids

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
STOPPED_BY_SIGNAL = 130
# A night may begin a little before or after its hour.
EARLY = timedelta(minutes=30)
# A command that ended so did nothing, and told whoever gave it.
NO_NIGHT = (UsageError.exit_code, HomeBusyError.exit_code)
TIMES = {"started_at", "ended_at"}
DELIVERY = ("supplier", "kind", "state", "age_days", "delivered_on")
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

    @property
    def is_of_its_day(self) -> bool:
        """Say whether it was made on the day it is of."""
        return self.as_of == self.started_at.astimezone(DISTRICT_TIME).date().isoformat()

    def is_for(self, slot: datetime) -> bool:
        """Say whether it is the night that was due at an hour, be it done on a later day."""
        first = slot - EARLY
        if self.by == "nightly" and self.as_of == slot.date().isoformat():
            return self.started_at >= first
        is_then = first <= self.started_at < first + timedelta(days=1)
        return is_then and (self.by == "run" or self.is_of_its_day)

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
    unnoted: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Do a night, and keep in nights.jsonl when it began and how it ended.

    Rows:    unnoted  if given, takes the lines that could not be written
    Holds:   a night whose second line is missing runs still, or was killed: it holds the file
             while it runs
    Raises:  what stopped the night
    """
    began = clock()
    night = {"night": uuid4().hex, "as_of": as_of, "by": by, "flow_run": flow_run}
    left = [] if unnoted is None else unnoted
    _note(home, {**night, "event": "began", "started_at": began.isoformat()}, left)
    ended: dict[str, Any] = {"state": "failed", "exit_code": 1}
    with hold_file(home.nights_path, fcntl.LOCK_SH):
        try:
            summary = act()
            ended = _of_summary(summary)
        except BaseException as stop:
            ended = _of_stop(home, stop)
            raise
        finally:
            at = clock()
            ended |= {"ended_at": at.isoformat(), "seconds": int((at - began).total_seconds())}
            _note(home, {"night": night["night"], "event": "ended", **ended}, left)
    return summary


def _note(home: Home, content: dict[str, Any], unnoted: list[dict[str, Any]]) -> None:
    # Where not even a line can be written, the night itself says why; no home is made by it.
    try:
        if home.root.is_dir():
            append_line(home.nights_path, content)
    except OSError:
        unnoted.append(content)


@contextmanager
def hold_file(path: Path, how: int) -> Iterator[None]:
    """Hold a file meanwhile; nothing where it is not there and can't be made."""
    with ExitStack() as held:
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
            held.callback(os.close, handle)
            fcntl.flock(handle, how)
        yield


def _of_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    warnings = len(summary["warnings"])
    return {
        "state": "warned" if warnings else "done",
        "run_id": summary["run_id"],
        "exit_code": 0,
        "warnings": warnings,
        "deliveries": [_delivery(one) for one in summary.get("deliveries", ())],
    }


def _delivery(one: Mapping[str, Any]) -> dict[str, Any]:
    # A file may be named after a person.
    refused = one.get("refused_file")
    return {name: one.get(name) for name in DELIVERY} | {
        "refused": text_digest(refused)[:12] if refused else ""
    }


def _of_stop(home: Home, stop: BaseException) -> dict[str, Any]:
    """Say how a night ended that did not come to its end; never a value that it worked with."""
    said = {"state": "failed", "exit_code": 1, "message": f"unexpected {type(stop).__name__}"}
    why, _ = denial(stop)
    if isinstance(stop, KeyboardInterrupt | SystemExit) or midway().stopped_by:
        said |= {"exit_code": STOPPED_BY_SIGNAL, "message": "stopped by a signal"}
    elif why:
        said |= {"exit_code": MachineDeniedError.exit_code, "message": f"the machine denied: {why}"}
    elif isinstance(stop, WuxingError):
        said |= {"exit_code": stop.exit_code, "message": without_person_ids(str(stop))}
    if isinstance(stop, GateStoppedError):
        said |= {"state": "stopped", "run_id": stop.run_id, "deliveries": []}
        with suppress(WuxingError, OSError):
            manifest = read_manifest(home.runs / stop.run_id, "run")
            as_of = date.fromisoformat(manifest["as_of"])
            found = states_of_snapshot(home.snapshots / manifest["snapshot_id"], as_of)
            said["deliveries"] = [_delivery(one.content()) for one in found]
    return said


def note_restored(home: Home, now: datetime) -> None:
    """Keep in nights.jsonl when a home came back from a backup."""
    append_line(home.nights_path, {"event": "restored", "started_at": now.isoformat()})


def restored_at(home: Home) -> datetime | None:
    """Say when a home came back from a backup last; None if it never did."""
    lines = [one for one in read_lines(home.nights_path) if one.get("event") == "restored"]
    return datetime.fromisoformat(lines[-1]["started_at"]) if lines else None


def is_known(home: Home, flow_run: str) -> bool:
    """Say whether the record has how a flow run ended, be it that it was turned away."""
    nights = _every_night(home)
    return any(one.flow_run == flow_run and one.state != "running" for one in nights)


def read_nights(home: Home, unnoted: Sequence[Mapping[str, Any]] = ()) -> list[Night]:
    """Read what nights there were, in the order they began; one without an end is told apart.

    Rows:    returns  a night without an end runs only if it is the newest and holds the file; a
             command with wrong words, or that found the home held, was no night, nor a start that
             was turned away since the night of its day was under way
    """
    told = [
        night
        for night in _every_night(home, unnoted)
        if night.by != "run" or night.exit_code not in NO_NIGHT
    ]
    return [night for night in told if not any(_turned_away(night, other) for other in told)]


def that_were_due(nights: Sequence[Night]) -> list[Night]:
    """Leave out, where nights run by themselves, each `run` by hand of another day than its own.

    How it ended was told to whoever made it.
    """
    runs_itself = any(night.by == "nightly" for night in nights)
    return [
        night for night in nights if not runs_itself or night.by != "run" or night.is_of_its_day
    ]


def _every_night(home: Home, unnoted: Sequence[Mapping[str, Any]] = ()) -> list[Night]:
    nights: dict[str, Night] = {}
    lines = [*read_lines(home.nights_path), *map(dict, unnoted)]
    # Of a night's two lines either may be the one that could not be written.
    for line in sorted(lines, key=lambda line: line.get("event") != "began"):
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
    return list((nights | killed).values())


def _turned_away(night: Night, other: Night) -> bool:
    busy = HomeBusyError.exit_code
    if (night.exit_code, night.as_of) != (busy, other.as_of) or other.exit_code == busy:
        return False
    # One without an end runs, or was killed meanwhile, which is told of it.
    ended = (night.ended_at or night.started_at, other.ended_at or night.started_at)
    return other.started_at <= ended[0] and night.started_at <= ended[1]


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
