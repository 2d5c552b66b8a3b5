"""How fast the home grows, until when the disk lasts, and what of it could lie elsewhere."""

import os
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.cli.around import check
from flows.inbox.register import good_deliveries, read_register
from flows.inbox.suppliers import read_suppliers
from flows.store import Home
from transforms.errors import WuxingError

MONTH = timedelta(days=30)
# What is older is seldom looked at; what names persons is kept all the same, elsewhere.
OLD = timedelta(days=180)
NIGHTS_WANTED = 60
GIB = 1 << 30
FEWEST_BYTES = 1 << 20


def foresee_disk(home: Home, now: datetime) -> dict[str, str]:
    """Say for how many nights the disk lasts if they are like those of the last month."""
    place = home.root.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    nights, grown = _growth(home, now)
    if not nights:
        found = f"{_gib(free)} free; how fast the home grows is known after the first night"
        return check("warn" if free < 10 * GIB else "good", "disk space", found)
    a_night = max(1, grown // nights)
    left = free // a_night
    full = f"full in {left:,} nights" if left < 10 * 365 else "enough for years"
    found = f"{_gib(free)} free, {_gib(a_night)} a night (nights measured: {nights}): {full}"
    if left >= NIGHTS_WANTED:
        return check("good", "disk space", found)
    found = f"{found}; get a larger disk; {_elsewhere(home, now)}"
    return check("bad" if left < 2 else "warn", "disk space", found)


def _growth(home: Home, now: datetime) -> tuple[int, int]:
    """Count the nights of the last month, and the bytes that were written in it."""
    since = (now - MONTH).timestamp()
    runs = [path for path in home.runs.glob("[!.]*") if path.stat().st_mtime >= since]
    written = {one.st_ino: one.st_size for one in _files(home.root) if one.st_mtime >= since}
    return len(runs), sum(written.values())


def _elsewhere(home: Home, now: datetime) -> str:
    """Say what could be put into an archive, or made again; nothing is deleted here."""
    old = (now - OLD).timestamp()
    letters = sum(_old(path, old) for path in home.runs.glob("*/notices"))
    replaced = _replaced(home, (now - OLD).date())
    said = {
        "the cache, which a night makes again": _old(home.root / "cache", now.timestamp()),
        "letters of old runs, which `wuxing notices` makes again": letters,
        "old deliveries that newer ones replaced, whose bytes are in the snapshots": replaced,
    }
    listed = [f"{_gib(size)}: {what}" for what, size in said.items() if size >= FEWEST_BYTES]
    return f"may lie in an archive: {'; '.join(listed)}" if listed else "nothing is old enough yet"


def _replaced(home: Home, before: date) -> int:
    """Add up old deliveries that are in force no longer, wherever the inbox lies.

    Of one that is in force, however old, a night reads the file; a snapshot is evidence whole.
    """
    try:
        inbox, goods = read_suppliers(home).inbox, good_deliveries(read_register(home))
    except WuxingError:
        return 0
    old = [good for of_unit in goods.values() for good in of_unit[:-1] if good.day < before]
    paths = {inbox / line.lies for good in old for line in good.lines}
    return sum(path.lstat().st_size for path in paths if path.is_file())


def _old(folder: Path, before: float) -> int:
    return sum(status.st_size for status in _files(folder) if status.st_mtime < before)


def _files(folder: Path) -> Iterator[os.stat_result]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(place, name))


def _gib(size: int) -> str:
    number, unit = (size / GIB, "GiB") if size >= GIB // 10 else (size / (1 << 20), "MiB")
    return f"{number:,.1f} {unit}"
