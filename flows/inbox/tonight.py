"""A night from the inbox: wait for who is due, take what is whole, read what is in force."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from flows.inbox.in_force import InForce, files_in_force, list_files
from flows.inbox.lying import look, names_in, unknown_files, unregistered
from flows.inbox.register import (
    Line,
    day_of_newest,
    good_deliveries,
    read_register,
    units_in_force,
)
from flows.inbox.suppliers import TAKEN, Delivers, Suppliers, expect_suppliers
from flows.inbox.take import Pause, refuse, take
from flows.ingest.drop import SnapshotRef
from flows.ingest.files import Listed
from flows.ingest.folders import is_rubbish
from flows.money.clock import CHINA
from flows.money.ledger_store import books_of
from flows.money.verify_folders import delivery_problems
from flows.money.whole import is_at_home
from flows.store import Home
from transforms.answers.deliveries import expected_since
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.headers import kind_of_file
from transforms.money.books import Books

Tell = Callable[[str, int], None]


def district_clock() -> datetime:
    """Return the moment in the district."""
    return datetime.now(CHINA)


@dataclass(frozen=True)
class Waiting:
    """How a night goes with time: its clock, how it pauses, and whether it waits for suppliers."""

    clock: Callable[[], datetime] = district_clock
    pause: Pause = time.sleep
    every_seconds: float = 60.0
    until_deadline: bool = True


def await_suppliers(home: Home, as_of: date, waiting: Waiting, tell: Tell) -> None:
    """Wait until all that is due on a day lies in the inbox whole, or until its deadline.

    Raises:  DropRefusedError if no supplier is named, or the inbox is the live home's
    """
    suppliers = expect_own_inbox(home)
    while waiting.until_deadline:
        late = late_now(suppliers, read_register(home), as_of, waiting.clock())
        if not late:
            return
        names = ", ".join(sorted({of.supplier for of in late}))
        tell(f"waiting for {names}", 0)
        waiting.pause(waiting.every_seconds)


def expect_own_inbox(home: Home) -> Suppliers:
    """Read the suppliers of a home that may take what they deliver.

    A copy takes from an inbox inside itself alone: what it took elsewhere its home would miss.

    Raises:  DropRefusedError if no supplier is named, or this is a copy and the inbox, or a folder
             of it, lies outside
    """
    suppliers, root = expect_suppliers(home), home.root.resolve()
    folders = [suppliers.inbox / one.folder for one in suppliers.by_name.values()]
    outside = [
        folder
        for folder in (suppliers.inbox, *folders)
        if not folder.resolve().is_relative_to(root)
    ]
    books = books_of(home) if outside else Books()
    if books.place and not is_at_home(home, books):
        raise DropRefusedError(
            f"this is a copy of home {books.home_id}, or it was moved: it takes nothing from "
            f"{outside[0]}, where its home would miss it. Both heads sign `wuxing home move`, or "
            f"`inbox` in {home.suppliers_path} names a folder inside this home, or name a folder "
            "of files. Nothing was changed"
        )
    return suppliers


def late_now(suppliers: Suppliers, lines: list[Line], as_of: date, now: datetime) -> list[Delivers]:
    """Give what is due on a day, is not there yet, and may still come before its deadline."""
    goods = good_deliveries(lines)
    due = []
    for of in suppliers.deliveries:
        until, since = of.due_at(as_of), expected_since(as_of, of.due_day)
        newest = day_of_newest(units_in_force(goods, of))
        is_tonight = until is not None and now.date() == as_of and now < until
        if is_tonight and (newest or date.min) < since:
            due.append(of)
    there = _kinds_there(suppliers) if due else set()
    return [of for of in due if (of.supplier, of.kind.name) not in there]


def _kinds_there(suppliers: Suppliers) -> set[tuple[str, str]]:
    there = set[tuple[str, str]]()
    for whole in look(suppliers).whole:
        top = whole.folder.relative_to(suppliers.inbox).parts
        own = suppliers.by_folder(top[0]) if top else None
        kinds = {kind_of_file(name) for path in whole.files for name in names_in(path)}
        for of in suppliers.deliveries:
            if of.kind in kinds and own in (None, suppliers.by_name[of.supplier]):
                there.add((of.supplier, of.kind.name))
    return there


def read_tonight(
    home: Home, as_of: date, waiting: Waiting, ingest: Callable[[Listed], SnapshotRef]
) -> SnapshotRef:
    """Take what is whole, and make the snapshot of what is in force.

    A file in force that can't be read is refused after all, and what was good before it is read.

    Raises:  DropRefusedError if nothing is in force, or files were taken that nobody registered;
             DigestDiffersError if the register has another file than a night read of a delivery
    """
    suppliers, day = expect_own_inbox(home), waiting.clock().date()
    lines = take(home, suppliers, day, waiting.pause)
    _expect_known(suppliers, lines)
    if problem := next(delivery_problems(home), ""):
        raise DigestDiffersError(problem)
    while True:
        chosen = files_in_force(suppliers, lines, as_of)
        files = chosen.files.values()
        gone = [line for line in files if not (suppliers.inbox / line.lies).is_file()]
        if gone:
            reason = f"{gone[0].name}: was taken, but does not lie in {gone[0].lies} any more"
            lines = refuse(home, suppliers, _unit_of(gone[0], chosen), reason, day)
            continue
        try:
            return ingest(list_files(home, suppliers, chosen))
        except DropRefusedError as refused:
            line = refused_line(str(refused), chosen)
            if line is None:
                raise
            lines = refuse(home, suppliers, _unit_of(line, chosen), str(refused), day)


def _expect_known(suppliers: Suppliers, lines: list[Line]) -> None:
    """Hold what was taken to the register: a restored one does not know what came after it."""
    taken = [one for one in unregistered(suppliers, lines) if one.startswith(f"{TAKEN}/")]
    unknown = [
        one
        for one in taken
        if not is_rubbish(Path(one).name)
        and any(map(kind_of_file, names_in(suppliers.inbox / one)))
    ]
    if unknown:
        raise DropRefusedError(unknown_files(unknown))


def refused_line(message: str, chosen: InForce) -> Line | None:
    """Find the file in force that a refusal names: its message begins with it."""
    named = [name for name in chosen.files if message.startswith((f"{name}:", f"{name},"))]
    return chosen.files[max(named, key=len)] if named else None


def _unit_of(line: Line, chosen: InForce) -> list[Line]:
    """Give all files that are in force with one: of its delivery, kind and month."""
    files = chosen.files.values()
    return [one for one in files if (one.delivery, one.unit) == (line.delivery, line.unit)]
