"""suppliers.toml: who delivers which kinds of extract, when, and how old they may be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.money.clock import CHINA
from flows.money.funds import read_toml
from flows.store import Home, replace_file
from transforms.errors import DropRefusedError
from transforms.extracts.headers import kinds_of_file
from transforms.extracts.kinds import KINDS, Kind
from transforms.strict_yaml import odd_keys
from transforms.visible import holds_control

SAMPLE = Path(__file__).with_name("suppliers.toml")
INBOX = "inbox"
# The inbox's own folders: no supplier's folder may be called so.
TAKEN, REFUSED = "taken", "refused"
CLOCK_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
SUPPLIER_KEYS = frozenset({"contact", "kinds", "folder"})
KIND_KEYS = frozenset({"mode", "cadence", "deadline", "max_age_days"})
MODES, CADENCES = ("full", "part"), ("nightly", "monthly")
LAST_DUE_DAY = 28
NO_FILE_NAME = re.compile(r'[/\\:*?"<>|]|^\.|^$')


@dataclass(frozen=True)
class Delivers:
    """One kind as one supplier delivers it. `due_day`: of a month; None: every night.

    `mode` full: a delivery replaces the kind; part: a month replaces the same month.
    """

    supplier: str
    kind: Kind
    mode: str
    due_day: int | None
    deadline: time
    max_age_days: int

    def due_at(self, as_of: date) -> datetime | None:
        """Return until when a night waits for it; None if nothing is due on its day."""
        if self.due_day is not None and as_of.day != self.due_day:
            return None
        return datetime.combine(as_of, self.deadline, CHINA)


@dataclass(frozen=True)
class Supplier:
    """Who delivers; `folder` is the own one below the inbox."""

    name: str
    contact: str
    folder: str
    kinds: Mapping[str, Delivers]


@dataclass(frozen=True)
class Suppliers:
    """All suppliers by name, and the folder they deliver to."""

    inbox: Path
    by_name: Mapping[str, Supplier] = field(default_factory=dict)

    @cached_property
    def deliveries(self) -> list[Delivers]:
        """Return what is delivered, kind by kind."""
        every = [one for supplier in self.by_name.values() for one in supplier.kinds.values()]
        return sorted(every, key=lambda one: (one.kind.name, one.supplier))

    def by_folder(self, folder: str) -> Supplier | None:
        """Return whose folder it is."""
        return next((one for one in self.by_name.values() if one.folder == folder), None)


def read_suppliers(home: Home) -> Suppliers:
    """Read a home's suppliers.toml.

    Raises:  DropRefusedError naming what is missing, unknown or unreadable in it
    """
    path = home.suppliers_path
    content = read_toml(path)
    folder = content.pop(INBOX, INBOX)
    if not isinstance(folder, str) or not folder.strip():
        raise DropRefusedError(f"{path}: inbox must be a folder in quotes; correct it")
    found = {name: _supplier(name, entry, f"{path}, {name}") for name, entry in content.items()}
    folders = [one.folder for one in found.values()]
    twice = sorted({one for one in folders if folders.count(one) > 1})
    if twice:
        raise DropRefusedError(f"{path}: two suppliers have the folder {twice[0]}; correct it")
    return Suppliers(home.root / folder, found)


def expect_suppliers(home: Home) -> Suppliers:
    """Read the suppliers of a home whose nights are fed from the inbox.

    Raises:  DropRefusedError if there is none
    """
    suppliers = read_suppliers(home)
    if not suppliers.by_name:
        raise DropRefusedError(
            f"{home.suppliers_path} names no supplier: fill it in (`wuxing init` writes a sample), "
            "or name a folder of files"
        )
    return suppliers


def _supplier(name: str, entry: Any, where: str) -> Supplier:
    if not isinstance(entry, dict):
        raise DropRefusedError(f"{where}: is no table of a supplier; correct it")
    _expect_keys(entry, SUPPLIER_KEYS, {"folder"}, where)
    folder = entry.get("folder", name)
    for what, text in (("name", name), ("folder", folder), ("contact", entry["contact"])):
        if not isinstance(text, str) or not text.strip() or holds_control(text):
            raise DropRefusedError(f"{where}: {what} must be text in quotes")
    if any(NO_FILE_NAME.search(one) or one in (TAKEN, REFUSED) for one in (name, folder)):
        raise DropRefusedError(
            f"{where}: can't be the name of a folder of the inbox; choose another"
        )
    if kinds_of_file(name):
        raise DropRefusedError(f"{where}: is called like a kind of extract; choose another name")
    kinds = entry["kinds"]
    if not isinstance(kinds, dict) or not kinds:
        raise DropRefusedError(f"{where}: kinds must be a table, a line for each kind")
    read = [_delivers(name, kind, said, where) for kind, said in kinds.items()]
    if len({one.kind.name for one in read}) < len(read):
        raise DropRefusedError(f"{where}: a kind stands twice, in two languages; correct it")
    return Supplier(name, entry["contact"], folder, {one.kind.name: one for one in read})


def _delivers(supplier: str, title: str, entry: Any, where: str) -> Delivers:
    kind = next((kind for kind in KINDS.values() if title in kind.titles), None)
    if kind is None:
        known = ", ".join(kind.titles[1] for kind in KINDS.values())
        raise DropRefusedError(f"{where}: there is no kind {title}; there are {known}")
    where = f"{where}, {title}"
    if not isinstance(entry, dict):
        raise DropRefusedError(f"{where}: expected {{ mode = …, cadence = …, … }}; correct it")
    for key, words in (("mode", MODES), ("cadence", CADENCES)):
        if key in entry and entry[key] not in words:
            raise DropRefusedError(f"{where}: {key} must be {' or '.join(words)}; correct it")
    is_monthly = entry.get("cadence") == "monthly"
    _expect_keys(entry, KIND_KEYS | ({"due_day"} if is_monthly else set()), set(), where)
    if not isinstance(entry["deadline"], str) or not CLOCK_TIME.fullmatch(entry["deadline"]):
        raise DropRefusedError(f'{where}: deadline must be a time in quotes, as "04:00"')
    for key, most in (("max_age_days", 3660), ("due_day", LAST_DUE_DAY)):
        number = entry.get(key, 1)
        if type(number) is not int or not 1 <= number <= most:
            raise DropRefusedError(f"{where}: {key} must be a whole number from 1 to {most}")
    return Delivers(
        supplier=supplier,
        kind=kind,
        mode=entry["mode"],
        due_day=entry.get("due_day"),
        deadline=time.fromisoformat(entry["deadline"]),
        max_age_days=entry["max_age_days"],
    )


def _expect_keys(
    entry: Mapping[str, Any], keys: frozenset[str], optional: set[str], where: str
) -> None:
    odd = odd_keys(entry, keys - optional, keys)
    if odd:
        raise DropRefusedError(f"{where}: {odd}; correct it")


def write_sample(home: Home) -> list[Path]:
    """Write a commented suppliers.toml where there is none; return what was written."""
    if home.suppliers_path.exists():
        return []
    replace_file(home.suppliers_path, SAMPLE.read_bytes())
    return [home.suppliers_path]
