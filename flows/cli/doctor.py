"""Look at the installation and the home folder before something goes wrong at two at night."""

import importlib.metadata
import os
import re
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from flows.cli.around import (
    check,
    look_at_backup,
    look_at_calendar,
    look_at_clock,
    look_at_inbox,
    look_at_prefect,
    look_at_timers,
    user_name,
)
from flows.cli.growth import foresee_disk
from flows.inbox.suppliers import INBOX, read_suppliers
from flows.machine import denial
from flows.money.clock import today
from flows.money.funds import Funds, read_anchors, read_funds
from flows.money.ledger_store import open_ledger
from flows.money.returned import list_returned
from flows.money.whole import unwitnessed
from flows.night.diary import district_now
from flows.night.settings import Settings, read_settings
from flows.program import lock_path
from flows.store import MANIFEST, PRIVATE, Home, digest_problems, place_of
from flows.typeset import NO_FONT, has_font
from transforms.errors import WuxingError
from transforms.money.roster import HEAD_ROLES, ROLES

SHOWN = 5
# The holidays of a year are known at the end of the one before: it may be newer than the lock.
NEWER_EVERY_YEAR = "chinesecalendar"
OLDEST_PYTHON = (3, 11)
INSTALL = "install again, exactly as requirements.lock says (docs/operations)"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)


def examine(home: Home) -> dict[str, Any]:
    """Check the installation, the home and what stands around it; each is good, warn or bad.

    Rows:    returns  `checks`: what was looked at, what was found, and where it is not good, what
             mends it
    """
    now = district_now()
    looks: list[tuple[str, Callable[[], dict[str, str]]]] = [
        ("Python", _python),
        ("packages", _packages),
        ("home folder", lambda: _home(home)),
        ("ledger", lambda: _place(home)),
        ("anchors", lambda: _anchors(home)),
        ("records", lambda: _records(home)),
        ("rights", lambda: _modes(home)),
        ("disk space", lambda: foresee_disk(home, now)),
        ("funds.toml", lambda: _read(home.funds_path, read_funds)),
        ("wuxing.toml", lambda: _read(home.settings_path, read_settings)),
        ("suppliers.toml", lambda: _read(home.suppliers_path, read_suppliers)),
        ("inbox", lambda: look_at_inbox(home)),
        ("keys", lambda: _keys(home)),
        ("fonts", _fonts),
        ("returned payments", lambda: _returned(home)),
        ("backup", lambda: look_at_backup(home, now)),
        ("clock", lambda: look_at_clock(home, now)),
        ("holidays", lambda: look_at_calendar(date.fromisoformat(today()))),
        ("Prefect", lambda: look_at_prefect(os.environ.get("PREFECT_API_URL", ""), home)),
        ("services", look_at_timers),
    ]
    checks = [found for found in (_looked(what, look) for what, look in looks) if found]
    return {"checks": checks, "good": all(check["verdict"] != "bad" for check in checks)}


def _looked(what: str, look: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Look; that one thing may not be read is said of it alone."""
    try:
        return look()
    except WuxingError as broken:
        return check("bad", what, str(broken))
    except Exception as stop:
        why, place = denial(stop)
        if not why:
            raise
        return check("bad", what, f"{place}: can't be read: {why}" if place else why)


def _python() -> dict[str, str]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return check("bad", "Python", f"{version}: 3.11 or newer is needed; {INSTALL}")
    return check("good", "Python", version)


def _packages() -> dict[str, str]:
    """Hold what is installed against the lock, version by version."""
    lock = lock_path()
    if not lock.is_file():
        return check("warn", "packages", f"there is no {lock} to compare with: {INSTALL}")
    # One package may have several versions there, each for other Pythons.
    pinned: dict[str, list[str]] = {}
    for name, version in PINNED.findall(lock.read_text(encoding="utf-8")):
        pinned.setdefault(_plain(name), []).append(version)
    there = {_plain(d.name): d.version for d in importlib.metadata.distributions()}
    wrong = [
        f"{name} is {there[name]}, the lock says {' or '.join(versions)}"
        for name, versions in pinned.items()
        if there.get(name, versions[0]) not in versions and name != NEWER_EVERY_YEAR
    ]
    missing = sorted(_missing())
    if wrong or missing:
        said = [*wrong[:SHOWN], *(f"{name} is missing" for name in missing[:SHOWN])]
        return check("bad", "packages", f"{'; '.join(said)}: {INSTALL}")
    return check("good", "packages", f"{len(pinned.keys() & there.keys())} as in requirements.lock")


def _missing() -> set[str]:
    """List what is not there of all that the program needs, and that needs in turn, here."""
    needed, missing = [("wuxing", "")], set[str]()
    for name, extra in needed:
        try:
            required = map(Requirement, importlib.metadata.requires(name) or [])
        except importlib.metadata.PackageNotFoundError:
            missing.add(name)
            continue
        asked = [r for r in required if not r.marker or r.marker.evaluate({"extra": extra})]
        also = [(one.name, chosen) for one in asked for chosen in ("", *one.extras)]
        needed += [one for one in also if one not in needed]
    return missing


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _home(home: Home) -> dict[str, str]:
    if not home.root.is_dir():
        return check("warn", "home folder", f"{home.root} is not there yet: run `wuxing init`")
    if not os.access(home.root, os.W_OK):
        return check("bad", "home folder", f"{home.root} can't be written: ask for the right to")
    owner = home.root.stat().st_uid
    if owner != os.geteuid():
        name, me = user_name(owner), user_name(os.geteuid())
        found = f"{home.root} is {name}'s, you are {me}: call wuxing as {name}"
        return check("warn", "home folder", found)
    return check("good", "home folder", str(home.root))


def _place(home: Home) -> dict[str, str]:
    """Say whether this home may sign and release, or is a copy."""
    with open_ledger(home, only_look=True) as ledger:
        books, is_kept = ledger.books(), ledger.is_kept
    if not is_kept:
        return check("warn", "ledger", "there is none yet: run `wuxing init`")
    if books.place != place_of(home):
        found = f"a copy of home {books.home_id}, or it was moved: `wuxing home move`"
        return check("warn", "ledger", found)
    return check("good", "ledger", f"home {books.home_id}, {books.position} postings")


def _anchors(home: Home) -> dict[str, str]:
    """Say whether anybody outside this home knows what it paid, and that it is not behind."""
    if not home.ledger_path.is_file():
        return {}
    found, folders = unwitnessed(home), read_anchors(home)
    lost = [str(folder) for folder in folders if not folder.is_dir()]
    if lost:
        return check("bad", "anchors", f"anchor folder {lost[0]} is not there: connect it")
    said = "; ".join(found or map(str, folders))
    return check("warn" if found else "good", "anchors", said)


def _records(home: Home) -> dict[str, str]:
    """Say whether the manifests of all that the ledger names are there and as they were written.

    Whether the files that they name are so, too, takes longer: `wuxing verify` looks at that.
    """
    if not home.ledger_path.is_file():
        return {}
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
    runs = books.runs.items()
    named = {(home.runs / run_id, run["run_manifest"]) for run_id, run in runs}
    named |= {(home.snapshots / run["snapshot_id"], run["snapshot_manifest"]) for _, run in runs}
    wrong = digest_problems(sorted((folder / MANIFEST, digest) for folder, digest in named))
    batches = [home.batches / batch_id / MANIFEST for batch_id in books.batches]
    wrong += [f"{path} is missing or can't be read" for path in batches if not path.is_file()]
    if wrong:
        told = f"{len(wrong)} not as recorded: {wrong[0]}; `wuxing verify` names them all"
        return check("bad", "records", told)
    return check("good", "records", f"{len(named) + len(batches)} manifests as recorded")


def _read(path: Path, read: Callable[[Home], Any]) -> dict[str, str]:
    """Read a configuration as a night would; say what in it was not filled in yet."""
    if not path.is_file():
        return check("warn", path.name, "not there: `wuxing init` writes one to fill in")
    left = _unfilled(read(Home(path.parent)))
    return check("warn" if left else "good", path.name, "; ".join(left) or str(path))


def _unfilled(found: Any) -> list[str]:
    """Say what of a configuration that can be read was not filled in yet."""
    if isinstance(found, Funds):
        year = date.fromisoformat(today()).year
        return [said for fund in found.by_name.values() for said in fund.warnings(year)]
    if not isinstance(found, Settings):
        return []
    ways = [way for way in (found.alerts.mail, found.alerts.webhook) if way]
    named = [getattr(way, name, "") for way in ways for name in ("url_env", "password_env")]
    left = [
        f"{name} is not set in this environment" for name in named if name not in {"", *os.environ}
    ]
    return left if found.alerts.channels else ["no way of [alerts] is filled in: nobody is told"]


def _fonts() -> dict[str, str]:
    if has_font():
        return check("good", "fonts", "Chinese papers can be typeset")
    return check("warn", "fonts", NO_FONT)


def _modes(home: Home) -> dict[str, str]:
    """Find what others than its owner can read or write: names, accounts and amounts lie there."""
    there = [home.root, *home.root.rglob("*")] if home.root.is_dir() else []
    # What suppliers laid down may be theirs, and is looked at with the inbox.
    ours = [path for path in there if home.root / INBOX not in (path, *path.parents)]
    closed = [path for path in ours if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        name, me = user_name(closed[0].lstat().st_uid), user_name(os.geteuid())
        found = f"{len(closed)} can't be read and written by {me}: {closed[0]} is {name}'s"
        return check("bad", "rights", found)
    open_to_others = [
        path for path in there if not path.is_symlink() and path.stat().st_mode & PRIVATE
    ]
    if not open_to_others:
        return check("good", "rights", "files 0600, folders 0700")
    first = ", ".join(str(path) for path in open_to_others[:SHOWN])
    found = f"{len(open_to_others)} are open to others: {first}; `chmod -R go= {home.root}`"
    return check("warn", "rights", found)


def _keys(home: Home) -> dict[str, str]:
    """Say where nobody could sign, or who owns the home could try another's passphrase."""
    beside = sorted(home.root.rglob("*.key")) if home.root.is_dir() else []
    if beside:
        found = f"{len(beside)} key files lie in the home: each belongs on its holder's own machine"
        return check("warn", "keys", found)
    if not home.ledger_path.is_file():
        return {}
    with open_ledger(home, only_look=True) as ledger:
        roster = ledger.books().roster
    if len(roster.heads()) < len(HEAD_ROLES):
        found = "the two heads are not registered yet: `wuxing init --hr-key F --finance-key F`"
        return check("warn", "keys", found)
    there = {member.role for member in roster.members.values() if not member.revoked_at}
    for role in ROLES:
        if role not in there:
            return check("warn", "keys", f"nobody can sign as {role} yet: `wuxing key enrol`")
    return check("good", "keys", "heads, reviewer and approver are enrolled")


def _returned(home: Home) -> dict[str, str]:
    """Find what came back from the bank long ago and is nobody's turn."""
    told = list_returned(home, date.fromisoformat(today()))
    count = sum(not line["not_due_by"] for line in told["lines"])
    waiting = f"{count} lines wait to be paid again"
    warnings = told["warnings"][:SHOWN]
    found = "; ".join([waiting, *warnings])
    return check("warn" if warnings else "good", "returned payments", found)
