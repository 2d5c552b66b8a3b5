"""A workbook that people filled in, read back: its sheets as text, and nothing beside them unread.

Whatever people write where nobody reads it refuses the workbook: it may be an objection.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.ingest.workbooks import read_sheet, rows_of_sheet
from transforms.errors import DropRefusedError
from transforms.extracts.cell_text import MERGED
from transforms.extracts.cells import CodedCells
from transforms.sheets.filled import ROW_NUMBER, named_rows, refuse_beside

ROWS_ABOVE_HEADER = 60


class Page(NamedTuple):
    """A sheet as it came back: its name, cells row by row, and the column that it begins with."""

    name: str
    rows: list[list[str]]
    left: int

    def cell(self, row: int, place: int) -> str:
        """Give a cell by its row and place in the sheet."""
        return self.rows[row - 1][place - self.left]


def read_filled(
    path: Path,
    wanted: Collection[str],
    give: str,
    title: str,
    above: Collection[str] = (),
    others: Collection[str] | None = (),
) -> pl.DataFrame:
    """Read a sheet below its heading, with row_number; blank rows are left out.

    Rows:    wanted  labels of the columns; the heading is the first row with most of them
             give    what is to be given, for who gave something else
             title   of the sheet, and of those in which it goes on
             above   texts that stand above the heading, whatever figures are in them
             others  titles of sheets that are looked at by themselves; None: all others are
    Raises:  DropRefusedError if it can't be opened, has no heading or lacks a column, or if
             something stands beside the columns, above them or on another sheet: naming the cells
    """
    if not path.is_file():
        raise DropRefusedError(f"{path} is no file: give {give}")
    sheets: list[str] = []
    first = _page(path, lambda names: _parts(_kept(sheets, names), title)[0])
    names = _parts(sheets, title)
    pages = [first, *(_page(path, partial(_named, name)) for name in names[1:])]
    heads = [_heading(page, wanted) for page in pages]
    if None in heads and not _is_part(names[0].strip(), title):
        raise DropRefusedError(f"{path.name}: no sheet is called {title}; give {give}")
    if None in heads:
        raise DropRefusedError(
            f"{path.name}: no heading with {', '.join(wanted)} in the first {ROWS_ABOVE_HEADER} "
            f"rows; give {give}"
        )
    found = [(page, head) for page, head in zip(pages, heads, strict=True) if head is not None]
    frames = [_below(page, head, path.name) for page, head in found]
    missing = [label for label in wanted if label not in frames[0].columns]
    if missing:
        raise DropRefusedError(f"{path.name}: column missing: {', '.join(missing)}; restore it")
    for page, head in found:
        refuse_beside(path.name, page.name, _beside(page, head, wanted, above))
    for name in sheets:
        is_other = others is None or any(_is_part(name.strip(), one) for one in others)
        if name not in names and not is_other:
            page = _page(path, partial(_named, name))
            refuse_beside(path.name, name, _cells(page, range(len(page.rows))))
    return pl.concat(frames, how="diagonal")


def expect_as_written(path: Path, written: Path, but: Collection[str]) -> None:
    """Hold the sheets that are not to be filled in against the workbook as it was written.

    Rows:    but  titles of the sheets that are
    Holds:   rows may stand in another order, and be left out, and so may sheets
    Raises:  DropRefusedError naming a sheet's cells that were written since
    """
    names, known = sheet_titles(path), {name.strip(): name for name in sheet_titles(written)}
    for name in names:
        if any(_is_part(name.strip(), title) for title in but):
            continue
        was = known.get(name.strip())
        # A digest for each row: there may be a million of them.
        lines = {hash(line) for line in _lines(written, was)} | {hash(())}
        if all(hash(line) in lines for line in _lines(path, name)):
            continue
        texts = {cell for line in _lines(written, was) for cell in line}
        page = _page(path, partial(_named, name))
        rows = [n for n, cells in enumerate(page.rows) if hash(_line(cells)) not in lines]
        cells = [*_cells(page, rows)]
        new = [(row, at) for row, at in cells if _bare(page.cell(row, at)) not in texts]
        refuse_beside(path.name, name, new or cells)


def _lines(path: Path, name: str | None) -> Iterator[tuple[str, ...]]:
    if name:
        for columns in _open(path, partial(_named, name))[1]:
            yield from map(_line, rows_of_sheet(columns))


def sheet_titles(path: Path) -> list[str]:
    """List the sheets of a workbook.

    Raises:  DropRefusedError if it can't be opened
    """
    titles: list[str] = []
    next(read_sheet(path, path.name, lambda names: _kept(titles, names)[0], is_alone=True), None)
    return titles


def _kept(titles: list[str], names: list[str]) -> list[str]:
    titles[:] = names
    return names


def _named(name: str, _sheets: list[str]) -> str:
    return name


def _parts(names: list[str], title: str) -> list[str]:
    return [name for name in names if _is_part(name.strip(), title)] or names[:1]


def _is_part(name: str, title: str) -> bool:
    rest = name.removeprefix(title)
    return name.startswith(title) and (rest == "" or rest.isdecimal())


def _page(path: Path, choose: Callable[[list[str]], str]) -> Page:
    said, sheet = _open(path, choose)
    rows = [cells for columns in sheet for cells in rows_of_sheet(columns)]
    return Page(said["name"], rows, said["left"])


def _open(
    path: Path, choose: Callable[[list[str]], str]
) -> tuple[dict[str, Any], Iterator[list[CodedCells]]]:
    """Open a sheet: its name and first column, and its rows, some at a time.

    Raises:  DropRefusedError if people put something on it that is no cell
    """
    said: dict[str, Any] = {"left": 0, "attached": []}

    def chosen(sheets: list[str]) -> str:
        said["name"] = choose(sheets)
        return str(said["name"])

    sheet = read_sheet(path, path.name, chosen, said, is_alone=True)
    some = [*islice(sheet, 1)]
    if comments := [cell for cell in said["attached"] if cell]:
        raise DropRefusedError(
            f"{path.name}: nothing was imported; sheet {said['name']}: nobody reads the comments "
            f"on {named_rows(comments)}: write them into the columns to be filled in, then delete "
            "them"
        )
    if said["attached"]:
        raise DropRefusedError(
            f"{path.name}: nothing was imported; sheet {said['name']}: nobody reads pictures and "
            "text boxes: write what they say into the columns to be filled in, then delete them"
        )
    return said, chain(some, sheet)


def _heading(page: Page, wanted: Collection[str]) -> int | None:
    for place, cells in enumerate(page.rows[:ROWS_ABOVE_HEADER]):
        header = [cell.strip() for cell in cells]
        if len(set(wanted) & set(header)) > len(wanted) // 2:
            return place
    return None


def _below(page: Page, head: int, name: str) -> pl.DataFrame:
    header = [cell.strip() for cell in page.rows[head]]
    twice = sorted({label for label in header if label and header.count(label) > 1})
    if twice:
        raise DropRefusedError(f"{name}: two columns are headed {', '.join(twice)}; delete one")
    kept = [
        (number, cells)
        for number, cells in enumerate(page.rows[head + 1 :], start=head + 2)
        if any(cell.strip() for cell in cells)
    ]
    columns: dict[str, pl.Series] = {
        label: pl.Series([cells[place] for _, cells in kept], dtype=pl.String)
        for place, label in enumerate(header)
        if label
    }
    return pl.DataFrame(columns).with_columns(
        pl.Series(ROW_NUMBER, [number for number, _ in kept], dtype=pl.Int64)
    )


def _beside(
    page: Page, head: int, wanted: Collection[str], above: Collection[str]
) -> Iterator[tuple[int, int]]:
    """Find the cells with something in them that belong to no column wanted, nor above them."""
    known = {_said(text) for text in above}
    for row, place in _cells(page, range(head)):
        if _said(page.cell(row, place)) not in known:
            yield row, place
    header = [cell.strip() for cell in page.rows[head]]
    strange = {place + page.left for place, label in enumerate(header) if label not in wanted}
    if strange:
        for row, place in _cells(page, range(head, len(page.rows))):
            if place in strange:
                yield row, place


def _cells(page: Page, rows: Collection[int]) -> Iterator[tuple[int, int]]:
    """Name the cells of some rows that hold something: their rows and columns in the sheet."""
    for row in rows:
        for place, cell in enumerate(page.rows[row]):
            if _bare(cell):
                yield row + 1, place + page.left


def _line(cells: list[str]) -> tuple[str, ...]:
    """Give what a row says, wherever its columns are."""
    return tuple(filter(None, map(_bare, cells)))


def _bare(cell: str) -> str:
    return "" if cell == MERGED else "".join(cell.split())


def _said(text: str) -> str:
    """Give the words of a text without its figures."""
    return "".join(re.findall(r"[^\W\d]+", text))
