"""Look at the installation and the home folder before something goes wrong at two at night."""

import importlib.metadata
import os
import shutil
import sys
from datetime import date
from typing import Any

from flows.money.funds import read_funds
from flows.money.returned import list_returned
from flows.money.sign import today
from flows.store import PRIVATE, Home
from transforms.errors import WuxingError

NEEDED = (
    "duckdb",
    "polars",
    "pyarrow",
    "great-expectations",
    "prefect",
    "cryptography",
    "xlsxwriter",
)
DISK_GIB_WANTED = 10
SHOWN = 5
OLDEST_PYTHON = (3, 11)


def examine(home: Home) -> dict[str, Any]:
    """Check installation, home, disk and funds; a check is good, warn or bad, with advice."""
    checks = [
        _python(),
        *(_package(name) for name in NEEDED),
        _home(home),
        _disk(home),
        _funds(home),
        _modes(home),
        _keys(home),
        _returned(home),
    ]
    return {"checks": checks, "good": all(check["verdict"] != "bad" for check in checks)}


def _check(verdict: str, what: str, found: str) -> dict[str, str]:
    return {"verdict": verdict, "what": what, "found": found}


def _python() -> dict[str, str]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= OLDEST_PYTHON
    return _check("good" if good else "bad", "Python", version)


def _package(name: str) -> dict[str, str]:
    try:
        return _check("good", name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return _check("bad", name, "not installed: run `make run` once, it installs everything")


def _home(home: Home) -> dict[str, str]:
    if not home.root.is_dir():
        return _check("warn", "home folder", f"{home.root} is not there yet: run `wuxing init`")
    if not os.access(home.root, os.W_OK):
        return _check("bad", "home folder", f"{home.root} can't be written: ask for the right to")
    return _check("good", "home folder", str(home.root))


def _disk(home: Home) -> dict[str, str]:
    place = home.root if home.root.is_dir() else home.root.absolute().parent
    while not place.exists():
        place = place.parent
    free_gib = shutil.disk_usage(place).free >> 30
    verdict = "good" if free_gib >= DISK_GIB_WANTED else "warn"
    return _check(verdict, "disk space", f"{free_gib} GiB free; {DISK_GIB_WANTED} GiB are advised")


def _funds(home: Home) -> dict[str, str]:
    if not home.funds_path.is_file():
        return _check("warn", "funds.toml", "not there: batches can't be released; `wuxing init`")
    try:
        funds = read_funds(home)
    except WuxingError as wrong:
        return _check("bad", "funds.toml", str(wrong))
    left = [said for fund in funds.by_name.values() for said in fund.warnings()]
    if left:
        return _check("warn", "funds.toml", "; ".join(left))
    return _check("good", "funds.toml", str(home.funds_path))


def _modes(home: Home) -> dict[str, str]:
    """Find what others than its owner can read or write: names, accounts and amounts lie there."""
    there = [home.root, *home.root.rglob("*")] if home.root.is_dir() else []
    open_to_others = [
        path for path in there if not path.is_symlink() and path.stat().st_mode & PRIVATE
    ]
    if not open_to_others:
        return _check("good", "rights", "files 0600, folders 0700")
    first = ", ".join(str(path) for path in open_to_others[:SHOWN])
    found = f"{len(open_to_others)} are open to others: {first}; `chmod -R go= {home.root}`"
    return _check("warn", "rights", found)


def _keys(home: Home) -> dict[str, str]:
    """Say where nobody could sign, or who owns the home could try another's passphrase."""
    beside = sorted(home.root.rglob("*.key")) if home.root.is_dir() else []
    if beside:
        found = f"{len(beside)} key files lie in the home: each belongs on its holder's own machine"
        return _check("warn", "keys", found)
    return _check("good", "keys", "none lies in the home")


def _returned(home: Home) -> dict[str, str]:
    """Find what came back from the bank long ago and is nobody's turn."""
    try:
        told = list_returned(home, date.fromisoformat(today()))
    except WuxingError as broken:
        return _check("bad", "returned payments", str(broken))
    waiting = f"{len(told['lines'])} lines wait to be paid again"
    warnings = told["warnings"][:SHOWN]
    return _check(
        "warn" if warnings else "good", "returned payments", "; ".join([waiting, *warnings])
    )
