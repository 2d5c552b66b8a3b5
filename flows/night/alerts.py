"""What there is to tell, told once: raised in alerts.jsonl, sent by each way, tried again."""

import fcntl
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flows.machine import where_broken
from flows.night.channels import send
from flows.night.diary import Clock, district_now, hold_file, record_night
from flows.night.progress import Progress
from flows.night.settings import EVENTS, Settings, read_settings
from flows.night.status import BACKUP_UNREAD, NO_BACKUP, look_at, night_again, unsent
from flows.store import Home, append_line, read_lines
from transforms.digest import content_digest
from transforms.errors import WuxingError
from transforms.extracts.kinds import names_of_kinds
from transforms.words import Said, worded

# What lies longer back than this is no news, for whoever switches alerts on today.
NEWS = timedelta(days=7)
# Seconds after which a way begins no further alert: whoever tells holds others up meanwhile.
PATIENCE = 10.0
# As which event a night is told that ended so.
TOLD_AS = {"failed": "failed", "killed": "failed", "stopped": "stopped", "warned": "warned"}
SINCE = ("kind", "state", "delivered_on", "refused")
EXIT_CODES = (1, 2, *range(10, 16), 130)


@dataclass(frozen=True)
class Alert:
    """Something to tell; it is told once by its key. Codes, counts, sums: never a person."""

    event: str
    key: str
    said: Said

    def content(self, home: Home, at: str) -> dict[str, Any]:
        """Return it as it goes out."""
        names = names_of_kinds()
        title = worded(self.said, "zh", names)
        place = {"host": socket.gethostname(), "home": str(home.root.resolve())}
        steps = [f"alert_{self.event}_do"] if self.event in EVENTS else []
        night = self.said.values
        values = {"night": night_again(night.get("as_of", ""), night.get("by", ""))}
        said = [Said("alert_next", {"step": Said(step, values)}) for step in steps]
        said.append(Said("alert_place", place | {"at": at}))
        lines = [title, *map(worded, said)]
        return {
            "event": self.event,
            "key": self.key,
            "at": at,
            **place,
            "title": title,
            "text": "\n".join(lines),
        }


def told_night(
    home: Home,
    as_of: str,
    act: Callable[[], dict[str, Any]],
    by: str,
    clock: Clock = district_now,
    flow_run: str = "",
) -> dict[str, Any]:
    """Do a night, record it, and tell whom it concerns, however it ended.

    Raises:  what stopped the night; that nobody could be told stops none
    """
    unnoted = list[dict[str, Any]]()
    try:
        return record_night(home, as_of, act, by, clock, flow_run, unnoted)
    finally:
        try:
            tell(home, clock(), unnoted=unnoted)
        except Exception as fault:
            is_said = isinstance(fault, WuxingError | OSError)
            why = str(fault) if is_said else where_broken(fault)
            Progress().say(f"nobody could be told how the night ended: {why}")


def tell(
    home: Home,
    now: datetime,
    told: Mapping[str, Any] | None = None,
    more: Sequence[Alert] = (),
    unnoted: Sequence[Mapping[str, Any]] = (),
) -> dict[str, int]:
    """Tell what was not told yet, by every way of wuxing.toml.

    Rows:    returns  how many were `raised` now, `sent` now, and are `unsent` still
    Holds:   each is raised once, whoever asks at the same time, and sent once by each way; after a
             kill between sending and noting it, or while no line can be written, once more; who
             asks meanwhile waits for three minutes at most
    """
    settings = read_settings(home)
    if not settings.alerts.channels:
        return {"raised": 0, "sent": 0, "unsent": 0}
    told = told or look_at(home, settings, now, unnoted=unnoted)
    with hold_file(home.alerts_path, fcntl.LOCK_EX):
        raised = _raise(home, settings, now, [*alerts_of(told, settings, now), *more])
        sent = _send(home, settings, raised)
    return {
        "raised": len(raised),
        "sent": sent,
        "unsent": len(unsent(home, settings.alerts.channels)),
    }


def try_ways(home: Home, settings: Settings, now: datetime) -> dict[str, str]:
    """Send a test by every way of wuxing.toml; say of each why it could not be sent."""
    alert = Alert("test", f"test:{now.isoformat()}", Said("alert_test"))
    content = alert.content(home, now.isoformat())
    return {way: send(settings.alerts, way, content).said for way in settings.alerts.channels}


def _raise(
    home: Home, settings: Settings, now: datetime, alerts: Sequence[Alert]
) -> list[dict[str, Any]]:
    known = {line["key"] for line in read_lines(home.alerts_path) if line.get("event") == "raised"}
    new = {
        alert.key: alert
        for alert in alerts
        if alert.event in settings.alerts.events and alert.key not in known
    }
    lines = [
        {"event": "raised", "key": key, "by": list(settings.alerts.channels)}
        | {"alert": alert.content(home, now.isoformat())}
        for key, alert in new.items()
    ]
    for line in lines:
        _note(home, line)
    return lines


def _note(home: Home, line: Mapping[str, Any]) -> None:
    # A full disk is what there is to tell: it is told unnoted, and told again.
    with suppress(OSError):
        append_line(home.alerts_path, line)


def _send(home: Home, settings: Settings, raised: Sequence[dict[str, Any]]) -> int:
    """Send what is raised; a way that fails or is slow goes on with the rest at the next look."""
    sent, noted = 0, read_lines(home.alerts_path)
    left = dict.fromkeys(settings.alerts.channels, PATIENCE)
    for line in [
        *unsent(home, settings.alerts.channels),
        *(line for line in raised if line not in noted),
    ]:
        for way in line["by"]:
            if left.get(way, 0) <= 0:
                continue
            began = time.monotonic()
            done = send(settings.alerts, way, line["alert"])
            left[way] = 0 if done.fault else left[way] - (time.monotonic() - began)
            note = {"event": "failed" if done.fault else "sent", "key": line["key"], "by": way}
            note |= {"reason": done.fault} if done.fault else {}
            note |= {"refused": list(done.refused)} if done.refused else {}
            if note not in noted:
                _note(home, note)
            sent += not done.fault
    return sent


def alerts_of(told: Mapping[str, Any], settings: Settings, now: datetime) -> Iterator[Alert]:
    """Say what of a home's status is to be told."""
    since = (now - NEWS).isoformat()
    for night in told["nights"]:
        if night["started_at"] >= since:
            yield from _of_night(night, settings.alerts.warned_above)
    for day in told["missed"]:
        if day >= since[:10]:
            yield Alert("missed", f"missed:{day}", Said("alert_missed", {"day": day}))
    yield from _of_deliveries(told["late"])
    yield from _of_batches(told)
    if told["backup"]:
        said = Said("alert_backup", {"made_at": told["backup"]})
        # A disk that was lost once may be lost again: it is told each day, one too old each week.
        again = "%Y-%m-%d" if told["backup"] in (NO_BACKUP, BACKUP_UNREAD) else "%G-%V"
        yield Alert("backup", f"backup:{told['backup']}:{now:{again}}", said)


def _of_night(night: Mapping[str, Any], warned_above: int) -> Iterator[Alert]:
    state = night["state"]
    if state in TOLD_AS and (state != "warned" or night["warnings"] > warned_above):
        names = ("as_of", "by", "run_id", "started_at", "warnings")
        values = {name: night[name] for name in names}
        code = night["exit_code"]
        values["why"] = f"exit_{code if code in EXIT_CODES else 1}"
        said = Said(f"alert_{state}", values)
        yield Alert(TOLD_AS[state], f"night:{night['night']}:{state}", said)


def _of_deliveries(late: Sequence[Mapping[str, Any]]) -> Iterator[Alert]:
    """Tell once per supplier and what is late of it, until it delivers."""
    for supplier in sorted({one["supplier"] for one in late}):
        of_supplier = [one for one in late if one["supplier"] == supplier]
        told = [
            {"kind": one["kind"] or "delivery_unknown", "state": f"delivery_{one['state']}"}
            for one in of_supplier
        ]
        new = [values for place, values in enumerate(told) if values not in told[:place]]
        items = [Said("alert_delivery", values) for values in new]
        # The day of the last delivery stays while nothing new comes.
        since = sorted([str(one.get(name)) for name in SINCE] for one in of_supplier)
        key = f"late:{content_digest({'supplier': supplier, 'since': since})[:16]}"
        named = supplier or worded(Said("delivery_of_nobody"))
        yield Alert("late", key, Said("alert_late", {"supplier": named, "items": items}))


def _of_batches(told: Mapping[str, Any]) -> Iterator[Alert]:
    waiting = told["signature"]
    if waiting:
        batches = [
            Said("alert_batch", {n: one[n] for n in ("fund", "amount_fen", "missing")})
            for one in waiting
        ]
        key = content_digest({one["batch_id"]: one["missing"] for one in waiting})[:16]
        total = sum(one["amount_fen"] for one in waiting)
        values = {"count": len(waiting), "amount_fen": total, "batches": batches}
        yield Alert("waiting", f"waiting:{key}", Said("alert_waiting", values))
    for one in told["budget"]:
        values = {name: one[name] for name in ("fund", "batch_id", "amount_fen")}
        # A new draft every night that lacks the same is no news, within a month.
        lacking = {name: one[name] for name in ("fund", "mark")} | {"month": one["as_of"][:7]}
        key = content_digest(lacking)[:16]
        yield Alert("budget", f"budget:{key}", Said("alert_budget", values))
