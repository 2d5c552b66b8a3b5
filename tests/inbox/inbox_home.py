"""Small inboxes for tests: two suppliers, files of a few rows, a clock that stands still."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from flows.inbox.in_force import InForce, files_in_force
from flows.inbox.register import Line
from flows.inbox.suppliers import read_suppliers
from flows.inbox.take import take
from flows.inbox.tonight import Waiting, read_tonight
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.ingest.files import Listed
from flows.money.clock import CHINA
from flows.store import Home, hold_home
from tests.ingest.ingest_drops import csv_text, row

FIRST = date(2020, 3, 30)
DUE = 'cadence = "monthly", due_day = 5, deadline = "04:00"'
SUPPLIERS = f"""
["社保中心"]
contact = "王工 0533-1"
folder = "shebao"
["社保中心".kinds]
"个人参保信息" = {{ mode = "full", cadence = "nightly", deadline = "04:00", max_age_days = 3 }}
"个人缴费明细" = {{ mode = "part", {DUE}, max_age_days = 40 }}
["民政局"]
contact = "李工"
["民政局".kinds]
"户籍人口" = {{ mode = "full", cadence = "nightly", deadline = "03:00", max_age_days = 2 }}
"""
PERSONS, RESIDENTS = "个人参保信息.csv", "户籍人口.csv"


def no_pause(_seconds: float) -> None:
    """Let no time go by."""


def at(day: date, hour: int = 5) -> Waiting:
    """Stand at an hour of a day; nobody is waited for."""
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=CHINA)
    return Waiting(clock=lambda: moment, pause=no_pause)


def make_inbox(root: Path, suppliers: str = SUPPLIERS) -> Home:
    """Make a home with its suppliers and an empty inbox; it has no ledger."""
    home = Home(root)
    (root / "inbox").mkdir(parents=True)
    home.suppliers_path.write_text(suppliers, "utf-8")
    return home


def put(home: Home, place: str, files: Mapping[str, str | bytes]) -> None:
    """Put files into a folder of the inbox."""
    folder = home.root / "inbox" / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def persons(name: str = "张三") -> str:
    """Give a small extract of insured persons."""
    return csv_text([row("insured_persons", 姓名=name)])


def residents(household: str = "H1") -> str:
    """Give a small extract of residents."""
    return csv_text([row("residents", 户号=household)])


def contributions(*months: str) -> str:
    """Give a row of contributions for each month."""
    return csv_text(
        [row("contributions", 费款所属期=month, 缴费明细流水号=f"S{month}") for month in months]
    )


def take_all(home: Home, day: date = FIRST) -> list[Line]:
    """Take what is whole."""
    with hold_home(home):
        return take(home, read_suppliers(home), day, no_pause)


def in_force(home: Home, lines: list[Line], day: date = FIRST) -> InForce:
    """Choose what is in force."""
    return files_in_force(read_suppliers(home), lines, day)


def night(home: Home, day: date = FIRST) -> SnapshotRef:
    """Take, and make the night's snapshot."""

    def ingest(listed: Listed) -> SnapshotRef:
        return ingest_drop(listed, home.snapshots)

    with hold_home(home):
        return read_tonight(home, day, at(day), ingest)


def tree(home: Home) -> dict[str, bytes]:
    """Give every file of the inbox by its path."""
    inbox = home.root / "inbox"
    return {
        path.relative_to(inbox).as_posix(): path.read_bytes()
        for path in sorted(inbox.rglob("*"))
        if path.is_file()
    }
