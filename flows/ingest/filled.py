"""A workbook that people filled in, read back: the sheet below its heading, as text."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import polars as pl

from flows.ingest.workbooks import read_sheet, rows_of_sheet
from transforms.errors import DropRefusedError
from transforms.sheets.filled import ROW_NUMBER

ROWS_ABOVE_HEADER = 60


def read_filled(path: Path, wanted: Collection[str], give: str, title: str = "") -> pl.DataFrame:
    """Read a sheet below its heading, with row_number; blank rows are left out.

    Rows:    wanted  labels of the columns; the heading is the first row with most of them
             give    what is to be given, for who gave something else
             title   of the sheet, and of those in which it goes on; else the first one
    Raises:  DropRefusedError if it can't be opened or has no heading
    """
    if not path.is_file():
        raise DropRefusedError(f"{path} is no file: give {give}")
    names: list[str] = []

    def choose(sheets: list[str]) -> str:
        mine = [name for name in sheets if title and _is_part(name.strip(), title)]
        names[:] = mine or sheets[:1]
        return names[0]

    parts = [_sheet(path, choose, wanted)]
    for name in names[1:]:
        parts.append(_sheet(path, partial(_named, name), wanted))
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) and title and not _is_part(names[0].strip(), title):
        raise DropRefusedError(f"{path.name}: no sheet is called {title}; give {give}")
    if len(found) < len(parts):
        raise DropRefusedError(
            f"{path.name}: no heading with {', '.join(wanted)} in the first {ROWS_ABOVE_HEADER} "
            f"rows; give {give}"
        )
    return pl.concat(found, how="diagonal")


def sheet_titles(path: Path) -> list[str]:
    """List the sheets of a workbook.

    Raises:  DropRefusedError if it can't be opened
    """
    titles: list[str] = []

    def choose(sheets: list[str]) -> str:
        titles[:] = sheets
        return sheets[0]

    next(read_sheet(path, path.name, choose), None)
    return titles


def _named(name: str, _sheets: list[str]) -> str:
    return name


def _is_part(name: str, title: str) -> bool:
    rest = name.removeprefix(title)
    return name.startswith(title) and (rest == "" or rest.isdecimal())


def _sheet(
    path: Path, choose: Callable[[list[str]], str], wanted: Collection[str]
) -> pl.DataFrame | None:
    sheet = read_sheet(path, path.name, choose)
    rows = [cells for columns in sheet for cells in rows_of_sheet(columns)]
    for place, cells in enumerate(rows[:ROWS_ABOVE_HEADER]):
        header = [cell.strip() for cell in cells]
        if len(set(wanted) & set(header)) > len(wanted) // 2:
            return _below(rows[place + 1 :], header, place + 2, path.name)
    return None


def _below(rows: list[list[str]], header: list[str], first: int, name: str) -> pl.DataFrame:
    twice = sorted({label for label in header if label and header.count(label) > 1})
    if twice:
        raise DropRefusedError(f"{name}: two columns are headed {', '.join(twice)}; delete one")
    kept = [
        (number, cells)
        for number, cells in enumerate(rows, start=first)
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
