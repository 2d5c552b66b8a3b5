"""deliveries.jsonl: what was taken from the inbox and what was refused, line by line, for good.

A delivery's lines are written at once, before its files are moved: a kill in between leaves moves
to be finished, nothing to be found out. Paths are relative to the inbox.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flows.inbox.suppliers import REFUSED, TAKEN, Delivers
from flows.store import Home, replace_file
from transforms.errors import DigestDiffersError

BESIDE = "beside"
# Names that are no UTF-8 are refused, but must be written down.
AS_NAMED = "surrogatepass"
# A unit is what a later delivery replaces: a supplier's kind, or one month of it.
Unit = tuple[str, str, str]


@dataclass(frozen=True)
class Line:
    """One file of a delivery. `state` beside: its note, its mark, an archive that was unpacked.

    `act`: the lines written at once; `delivery`: the act that took it. `lay`, `lies`: where it was
    found, and where it is moved. `month`: of a part, told by `month_from` (name or rows). `rows`,
    `amount`, `removed_rows`: what the note states; empty where it is silent.
    """

    act: int
    delivery: int
    day: str
    supplier: str
    kind: str
    name: str
    sha256: str
    state: str
    lay: str
    lies: str
    month: str = ""
    month_from: str = ""
    reason: str = ""
    rows: str = ""
    amount: str = ""
    removed_rows: str = ""

    @property
    def unit(self) -> Unit:
        """Return the unit that it belongs to."""
        return self.supplier, self.kind, self.month


@dataclass(frozen=True)
class Good:
    """One good delivery of a unit."""

    day: date
    lines: tuple[Line, ...]

    @property
    def content(self) -> frozenset[str]:
        """Return the digests of its files."""
        return frozenset(line.sha256 for line in self.lines)


def read_register(home: Home) -> list[Line]:
    """Read the register of deliveries, oldest first.

    Raises:  DigestDiffersError if a line can't be read
    """
    if not home.deliveries_path.is_file():
        return []
    text = home.deliveries_path.read_bytes().decode("utf-8", AS_NAMED)
    try:
        return _not_ahead([Line(**json.loads(line)) for line in text.split("\n") if line])
    except (ValueError, TypeError) as damaged:
        raise DigestDiffersError(
            f"{home.deliveries_path} is damaged: a line is no delivery; put back its newest backup"
        ) from damaged


def _not_ahead(lines: list[Line]) -> list[Line]:
    """Give what came while the clock was ahead, as the last line shows, the day of the next."""
    least = last = lines[-1].day if lines else ""
    told = list[Line]()
    for line in reversed(lines):
        least = min(least, line.day)
        told.append(replace(line, day=least) if line.day > last else line)
    return told[::-1]


def add_lines(home: Home, known: Sequence[Line], lines: Iterable[Line]) -> list[Line]:
    """Add a delivery's lines, all or none; return all lines."""
    new, path = list(lines), home.deliveries_path
    before = path.read_bytes() if path.is_file() else b""
    text = "".join(
        json.dumps(vars(line), ensure_ascii=False, sort_keys=True) + "\n" for line in new
    )
    replace_file(path, before + text.encode("utf-8", AS_NAMED))
    return [*known, *new]


def good_deliveries(lines: Iterable[Line]) -> dict[Unit, list[Good]]:
    """Give each unit's good deliveries, oldest first: taken, and not refused since.

    Rows:    lines  of the register
    """
    found: dict[Unit, dict[int, list[Line]]] = {}
    for line in lines:
        if line.state == TAKEN:
            found.setdefault(line.unit, {}).setdefault(line.delivery, []).append(line)
        elif line.state == REFUSED:
            found.get(line.unit, {}).pop(line.delivery, None)
    return {
        unit: [
            Good(date.fromisoformat(of_one[0].day), tuple(of_one))
            for of_one in by_delivery.values()
        ]
        for unit, by_delivery in found.items()
        if by_delivery
    }


def units_in_force(goods: dict[Unit, list[Good]], of: Delivers) -> dict[str, list[Good]]:
    """Give the good deliveries of what a supplier delivers, by month; a full kind's month is ""."""
    return {
        month: every
        for (supplier, kind, month), every in sorted(goods.items())
        if (supplier, kind) == (of.supplier, of.kind.name) and bool(month) == (of.mode == "part")
    }


def day_of_newest(months: Mapping[str, list[Good]]) -> date | None:
    """Give the day on which the newest month came last: a correction of an older one is no news."""
    return months[max(months)][-1].day if months else None


def refused_since(lines: Sequence[Line], of: Delivers) -> list[Line]:
    """Give the files of a kind that were refused since its last good delivery.

    Of a part that is one of the same month; of a file of no month, any of a later day.
    """
    own = [line for line in lines if (line.supplier, line.kind) == (of.supplier, of.kind.name)]
    back = {(line.delivery, line.name) for line in own if line.state == REFUSED}
    since = list[Line]()
    for line in own:
        if line.state == REFUSED:
            since.append(line)
        elif (line.delivery, line.name) not in back:
            since = [
                one
                for one in since
                if one.month != line.month and (one.month or one.day == line.day)
            ]
    return since
