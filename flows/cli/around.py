"""What stands around a home: inbox, backup, clock, Prefect's server, timers. Looked at, no more."""

import json
import os
import pwd
import shutil
import subprocess
import urllib.request
from datetime import date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

from flows.backup.vault import CLOCKS_DIFFER, Vault, dated_ahead
from flows.inbox.lying import unknown_files, unregistered
from flows.inbox.register import read_register
from flows.inbox.suppliers import read_suppliers
from flows.night.diary import read_nights
from flows.night.settings import read_settings, read_span
from flows.store import Home
from transforms.errors import WuxingError
from transforms.payments.working_days import next_working_day

SECONDS = 5
DAYS_AHEAD = 60
UNITS = ("wuxing-server.service", "wuxing-worker.service")
TIMERS = ("wuxing-status.timer", "wuxing-backup.timer")
DEPLOYMENT, SERVED = "nightly", "serve"


def check(verdict: str, what: str, found: str) -> dict[str, str]:
    """Say of one thing whether it is good, to be looked after (warn), or bad."""
    return {"verdict": verdict, "what": what, "found": found}


def user_name(number: int) -> str:
    """Name a user of this machine."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def look_at_inbox(home: Home) -> dict[str, str]:
    """Say whether the inbox can be emptied by us, and whose the suppliers' folders are.

    Rows:    returns  nothing where suppliers.toml can't be read, which is said elsewhere
    """
    try:
        suppliers = read_suppliers(home)
    except WuxingError:
        return {}
    if not suppliers.by_name:
        found = (
            "suppliers.toml names no supplier yet: fill it in, else nights need a folder of files"
        )
        return check("warn", "inbox", found)
    inbox = suppliers.inbox
    if not inbox.is_dir():
        found = (
            f"{inbox} is not there: connect the share, or make it and its suppliers' folders; a "
            "restored home has taken and refused in its own folder inbox: move them there"
        )
        return check("bad", "inbox", found)
    folders = [inbox, *(inbox / one.folder for one in suppliers.by_name.values())]
    there = [folder for folder in folders if folder.is_dir()]
    closed = [str(path) for path in there if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        me = user_name(os.geteuid())
        found = (
            f"{closed[0]} can't be read and emptied by {me}: `setfacl -m u:{me}:rwx {closed[0]}`"
        )
        return check("bad", "inbox", found)
    unknown = unregistered(suppliers, read_register(home))
    if unknown:
        return check("bad", "inbox", unknown_files(unknown))
    whose = ", ".join(f"{path.name} ({user_name(path.stat().st_uid)})" for path in there)
    return check("good", "inbox", f"{inbox}: {whose}")


def look_at_backup(home: Home, now: datetime) -> dict[str, str]:
    """Say how old the newest backup is; it is no longer one if its folder is not there."""
    settings = read_settings(home).backup
    if not settings.folder:
        found = "no folder is named: fill in [backup] in wuxing.toml, on another disk"
        return check("warn", "backup", found)
    vault = Vault(home.root / settings.folder)
    newest = vault.newest()
    if not newest:
        found = f"none in {vault.root}: connect it, or make the first: `wuxing backup {vault.root}`"
        return check("bad", "backup", found)
    age = now - datetime.fromisoformat(newest["made_at"])
    is_ahead, ahead = age < -CLOCKS_DIFFER, dated_ahead(vault, now)
    found = "; ".join([f"the newest is of {newest['made_at']} in {vault.root}", *ahead])
    if newest["problems"]:
        return check("bad", "backup", f"{found}; not all is as recorded: `wuxing verify`")
    if age > read_span(settings.max_age):
        return check("bad", "backup", f"{found}; older than {settings.max_age}: `wuxing backup`")
    return check("warn" if is_ahead else "good", "backup", found)


def look_at_clock(home: Home, now: datetime) -> dict[str, str]:
    """Say whether the clock went back: a night would be of a day that has been."""
    newest = max((night.started_at for night in read_nights(home)), default=now)
    taken = max((line.day for line in read_register(home)), default="")
    if newest > now + timedelta(minutes=5):
        here, began = f"{now:%Y-%m-%d %H:%M}", f"{newest:%Y-%m-%d %H:%M}"
        found = f"it is {here} here, and a night began on {began}: `timedatectl set-ntp true`"
        return check("bad", "clock", found)
    if taken > f"{now:%Y-%m-%d}":
        found = (
            f"a delivery was taken on {taken}, a day to come: `timedatectl set-ntp true`; until "
            "the next is taken, no delivery of then counts as late"
        )
        return check("bad", "clock", found)
    return check("good", "clock", f"{now:%Y-%m-%d %H:%M}, Asia/Shanghai")


def look_at_calendar(day: date) -> dict[str, str]:
    """Say whether the working days to come are known: payments and notices count by them."""
    last = day + timedelta(days=DAYS_AHEAD)
    try:
        next_working_day(last)
    except WuxingError as unknown:
        return check("warn", "holidays", str(unknown))
    return check("good", "holidays", f"known until {last}")


def look_at_timers() -> dict[str, str]:
    """Say whether systemd keeps server, worker and timers."""
    systemctl = shutil.which("systemctl")
    asked = [systemctl or "", "is-active", *UNITS, *TIMERS]
    told = subprocess.run(asked, capture_output=True, text=True, check=False) if systemctl else None
    states = told.stdout.split() if told else []
    if len(states) != len(UNITS + TIMERS) or "offline" in states:
        found = "no systemd here: let another scheduler call `wuxing status --alert` and `backup`"
        return check("warn", "services", found)
    asleep = [name for name, state in zip(UNITS + TIMERS, states, strict=True) if state != "active"]
    if asleep:
        found = f"not active: {', '.join(asleep)}; `systemctl enable --now {asleep[0]}`"
        return check("warn", "services", found)
    return check("good", "services", ", ".join(UNITS + TIMERS))


def look_at_prefect(address: str, home: Home) -> dict[str, str]:
    """Ask Prefect's server for what runs this home's nights: a deployment and a worker, or `serve`.

    A deployment that names no home is taken for this one's: its worker has it.
    """
    if not address:
        found = (
            "PREFECT_API_URL is not set: no schedule is kept, nights run where something calls "
            "`wuxing nightly`"
        )
        return check("warn", "Prefect", found)
    try:
        named = {"deployments": {"name": {"any_": [DEPLOYMENT, SERVED]}}}
        all_on = [one for one in _ask(address, "deployments/filter", named) if not one["paused"]]
        others = [given for one in all_on if (given := _other_home(one, home))]
        on = [one for one in all_on if not _other_home(one, home)]
        there = [one for one in on if one["name"] == DEPLOYMENT]
        # Ready is what somebody asked for work of late.
        served = [one for one in on if one["name"] == SERVED and one["status"] == "READY"]
        pools = {one["work_pool_name"] for one in there if one["work_pool_name"]}
        workers = [w for p in pools for w in _ask(address, f"work_pools/{p}/workers/filter", {})]
    except (URLError, OSError, ValueError, KeyError, TypeError, HTTPException):
        said = f"{address} does not answer: `systemctl status wuxing-server`"
        return check("bad", "Prefect", said)
    if served and not there:
        return check("good", "Prefect", f"{address}: `wuxing serve` runs the nights")
    if not there:
        found = "no deployment `nightly` is on, and nobody serves: `prefect deploy --all`"
        if others:
            found = f"at {address} run the nights of {', '.join(others)}, not of this home"
        return check("bad", "Prefect", found)
    if not any(worker["status"] == "ONLINE" for worker in workers):
        return check("bad", "Prefect", "no worker is awake: `systemctl status wuxing-worker`")
    return check("good", "Prefect", f"{address}: nightly is deployed, a worker is awake")


def _other_home(deployment: dict[str, Any], home: Home) -> str:
    given = str(deployment["parameters"].get("home") or "")
    return "" if not given or Path(given).resolve() == home.root.resolve() else given


def _ask(address: str, what: str, said: dict[str, Any]) -> Any:
    asked = urllib.request.Request(
        f"{address.rstrip('/')}/{what}",
        json.dumps(said).encode(),
        {"Content-Type": "application/json"},
    )
    # Only what the operator named is asked, never through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=SECONDS) as answer:
        return json.load(answer)
