"""Rows whose cells an amount with a comma and no quotes (1,640.00) has shifted to the right."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.extracts.cells import CodedCells, Flags
from transforms.extracts.kinds import Kind, KindColumn
from transforms.extracts.readers import read_column
from transforms.extracts.totals import says_totals

Costs = npt.NDArray[np.uint8]
# What an amount falls into at its commas: its first figures, then groups of three.
HEAD = r"^\s*[-(（¥￥]*[1-9][0-9]{0,2}\s*$"
MIDDLE = r"^\s*[0-9]{3}\s*$"
GROUP = r"^\s*[0-9]{3}(?:[.][0-9]+)?\s*[)）]?\s*万?元?\s*$"
DECIMAL_GROUP = GROUP.replace("?:[.][0-9]+)?", "?:[.][0-9]+)")
# An amount of a thousand and more in one cell: who writes it so parts no thousands.
IN_ONE_CELL = r"^\s*[-(（¥￥]*[0-9]{4,}"
MONEY, COUNTS = ("money", "wan"), ("money", "wan", "integer")
MOST_COMMAS = 4
# By how many cells a row has shifted before an amount, and by how many more this one shifts it.
JOINS = tuple(
    (by, commas) for by in range(MOST_COMMAS) for commas in range(1, MOST_COMMAS + 1 - by)
)
# More misfits than a row has known columns.
IMPOSSIBLE = 200


def data_rows(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Leave out the rows that say nothing, or that sum up: their width tells nothing."""
    firsts = [next((cell for cell in cells if cell.strip()), "") for cells in rows]
    return [
        cells for cells, first in zip(rows, firsts, strict=True) if first and not says_totals(first)
    ]


def shifted_rows(
    kind: Kind,
    names: Sequence[str | None],
    columns: Sequence[CodedCells],
    is_open: Flags,
    parts_none: bool = False,
) -> Flags | None:
    """Mark the rows that read better with cells joined to an amount, or as well where it may be.

    Rows:    is_open  rows whose width does not show that they have all their cells
    Holds:   a row that reads as well stands if it has an amount of a thousand in one cell, or if
             the file has them (parts_none) and the cell beside has no decimals
    """
    table = _Table(kind, names, columns, len(is_open))
    starts = [table.parted(place, commas=1) for place in table.places(COUNTS)]
    rows = np.flatnonzero(np.logical_or.reduce(starts)) if starts else np.zeros(0, np.int64)
    if not len(rows):
        return None
    table = _Table(kind, names, [_few(cells, rows) for cells in columns], len(rows))
    as_it_stands, joined = table.misfits(table.places(COUNTS))
    # Two counts side by side are common: of them only a row that reads better is a shifted one.
    as_well = table.misfits(table.places(MONEY))[1] <= as_it_stands
    as_well &= is_open[rows] & ~table.has_thousands()
    if parts_none:
        groups = [table.matches(place, DECIMAL_GROUP) for place in range(1, len(names))]
        as_well &= np.logical_or.reduce(groups)
    flags = np.zeros(len(is_open), np.bool_)
    flags[rows] = (joined < as_it_stands) | as_well
    return flags if flags.any() else None


def shows_thousands(
    kind: Kind, names: Sequence[str | None], columns: Sequence[CodedCells], height: int
) -> bool:
    """Tell whether a row has an amount of a thousand and more in one cell."""
    return bool(_Table(kind, names, columns, height).has_thousands().any())


def _few(cells: CodedCells, rows: npt.NDArray[np.int64]) -> CodedCells:
    return cells.take(rows) if len(cells.texts) <= len(rows) else cells.alone(rows)


@dataclass(frozen=True)
class _Table:
    """Some rows of a file, and how many of their cells do not fit the columns they stand in."""

    kind: Kind
    names: Sequence[str | None]
    columns: Sequence[CodedCells]
    height: int
    known: dict[tuple[int, str], Flags] = field(default_factory=dict)

    def column_at(self, place: int) -> KindColumn | None:
        name = self.names[place]
        return self.kind.column_named[name] if name else None

    def places(self, types: Sequence[str]) -> list[int]:
        """Give the places of the columns of these types."""
        columns = ((place, self.column_at(place)) for place in range(len(self.names)))
        return [place for place, column in columns if column and column.type in types]

    def matches(self, place: int, form: str) -> Flags:
        """Mark the rows whose cell at a place has a form."""
        if (place, form) not in self.known:
            cells = self.columns[place]
            marks = cells.texts.str.contains(form).fill_null(False)
            self.known[place, form] = cells.rows_marked(marks)
        return self.known[place, form]

    def has_thousands(self) -> Flags:
        """Mark the rows that have an amount of a thousand and more in one cell."""
        flags = np.zeros(self.height, np.bool_)
        for place in self.places(MONEY):
            flags |= self.matches(place, IN_ONE_CELL)
        return flags

    def misfits(self, places: Sequence[int]) -> tuple[Costs, Costs]:
        """Count the misfits of each row as it stands, and joined where that leaves fewest.

        Rows:    places  of the columns whose cells may have fallen apart
        """
        # By how many cells the row has shifted up to here: the fewest misfits.
        least = [np.full(self.height, IMPOSSIBLE, np.uint8) for _ in range(MOST_COMMAS + 1)]
        least[0][:] = 0
        for place in range(min(places, default=0), len(self.names)):
            before = least
            least = [
                np.minimum(cost + self.misfit(place + by, place, cost), IMPOSSIBLE).astype(np.uint8)
                for by, cost in enumerate(before)
            ]
            for by, commas in JOINS if place in places else ():
                whole = np.where(self.parted(place + by, commas), before[by], IMPOSSIBLE)
                least[by + commas] = np.minimum(least[by + commas], whole).astype(np.uint8)
        return least[0], np.minimum.reduce(least[1:])

    def parted(self, at: int, commas: int) -> Flags:
        """Mark the rows in which an amount with so many commas starts at a place."""
        flags = np.full(self.height, at + commas < len(self.columns), np.bool_)
        for step in range(commas + 1) if flags.any() else ():
            form = HEAD if step == 0 else GROUP if step == commas else MIDDLE
            flags &= self.matches(at + step, form)
        return flags

    def misfit(self, at: int, place: int, cost: Costs) -> Flags | np.bool_:
        """Mark the rows whose cell at a place does not fit a column, or is missing in it."""
        column = self.column_at(place)
        if column is None or (cost == IMPOSSIBLE).all():
            return np.bool_(False)
        if at >= len(self.columns):
            return np.bool_(column.required)
        if (at, column.name) not in self.known:
            cells = self.columns[at]
            marks = _misfits(column, cells.texts)
            self.known[at, column.name] = cells.rows_marked(marks)
        return self.known[at, column.name]


def _misfits(column: KindColumn, texts: pl.Series) -> pl.Series:
    if column.type == "subject_id":
        readings = [
            read_column(KindColumn(column.name, True, of, ()), texts, None)
            for of in ("person_id", "employer_code")
        ]
        return readings[0].values.is_null() & readings[1].values.is_null()
    reading = read_column(column, texts, None)
    return reading.values.is_null() if column.required else reading.bad
