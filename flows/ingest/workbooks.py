"""Read an XLSX file: the sheet of its kind, below the header."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flows.ingest.decoded import decode
from flows.ingest.files import RawFile
from transforms.errors import DropRefusedError
from transforms.extracts.cell_text import MARK
from transforms.extracts.cells import CodedCells, Piece
from transforms.extracts.dates import EXCEL_SERIAL
from transforms.extracts.headers import Header, find_header, kind_of_file, match_header
from transforms.extracts.kinds import Kind
from transforms.extracts.totals import piece_of
from transforms.words import Said, word

ROWS_ABOVE_HEADER = 60


def read_sheet(
    path: Path,
    name: str,
    choose: Callable[[list[str]], str],
    beside: dict[str, Any] | None = None,
    is_alone: bool = False,
) -> Iterator[list[CodedCells]]:
    """Read a sheet, some rows at a time, from its first row on: its columns.

    Rows:    beside    is told of the rest of the book: the tops of `others`, which are `hidden`;
                       in which column the sheet begins, what is `attached` to it
             is_alone  the others' tops are not wanted

    Raises:  DropRefusedError if it can't be opened
    """

    def asked(sheets: list[str]) -> dict[str, object]:
        return {"sheet": choose(sheets), "is_alone": is_alone}

    for batch in decode("xlsx", path, name, asked):
        width = batch.num_columns // 2
        if beside is not None and batch.schema.metadata:
            beside.update(json.loads(batch.schema.metadata[b"beside"]))
        texts = [pl.Series(pl.from_arrow(column)) for column in batch.columns[:width]]
        numbers = [pl.Series(pl.from_arrow(column)) for column in batch.columns[width:]]
        yield [
            CodedCells(text, None, marks if marks.any() else None)
            for text, marks in zip(texts, numbers, strict=True)
        ]


def rows_of_sheet(columns: list[CodedCells], most: int | None = None) -> list[list[str]]:
    """Give the first rows of some columns, or all, cell by cell."""
    return [list(cells) for cells in zip(*(one.texts[:most] for one in columns), strict=True)]


def open_workbook(raw: RawFile, path: Path, kind: Kind) -> tuple[Header, Iterator[Piece]]:
    """Open a workbook: its header, and its rows in pieces.

    Raises:  DropRefusedError if it can't be opened, or has no header
    """

    def choose(sheets: list[str]) -> str:
        return next((name for name in sheets if kind_of_file(name.strip()) == kind), sheets[0])

    beside: dict[str, Any] = {}
    some = read_sheet(path, raw.file.name, choose, beside)
    columns = next(some)
    number, header = find_header(kind, rows_of_sheet(columns, ROWS_ABOVE_HEADER), raw.file.name)
    money = [n for n in header.positions if kind.column_named[n].type == "money"]
    if money and beside["other_unit"]:
        raise DropRefusedError(
            f"{raw.file.name}: a number format shows 万 or 亿, so what stands in a cell may not be "
            "yuan: write the amounts in 元, as ordinary numbers or text, and deliver it again"
        )
    header = replace(header, beside=_said_beside(kind, beside, raw.file.name))
    sheet: Iterable[list[CodedCells]] = chain([columns], some)
    if beside["from_1904"]:
        days = {"date", "month"}
        places = [p for n, p in header.positions.items() if kind.column_named[n].type in days]
        sheet = _without_serials(sheet, places)
    return header, _pieces(sheet, number, header.names)


def _said_beside(kind: Kind, beside: dict[str, Any], name: str) -> tuple[Said, ...]:
    """Name the sheets that are not read, hidden ones apart.

    Raises:  DropRefusedError if one of them has a header of the kind too
    """
    filled = {
        sheet: top
        for sheet, top in beside["others"].items()
        if any(cell.strip() for cells in top for cell in cells)
    }
    twin = next((s for s, top in filled.items() if any(match_header(kind, c) for c in top)), "")
    if twin:
        raise DropRefusedError(
            f"{name}: sheet {twin} has the header of {kind.titles[1]} too: leave one such sheet, "
            "hidden ones counted, and deliver each of them as a file of its own"
        )
    hidden = [sheet for sheet in filled if sheet in beside["hidden"]]
    # The second sheet of our own templates says how to fill them in.
    seen = [s for s in filled if s not in (*hidden, word("sheet_how_to_fill_in"))]
    said = [Said("sheets_not_read", {"file": name, "sheets": seen})] if seen else []
    if hidden:
        said.append(Said("hidden_sheets_not_read", {"file": name, "sheets": hidden}))
    return tuple(said)


def _without_serials(
    sheet: Iterable[list[CodedCells]], places: list[int]
) -> Iterator[list[CodedCells]]:
    """Make bare serials unreadable where days count from 1904: they would be read from 1900."""
    for columns in sheet:
        for place in places:
            texts = columns[place].texts
            marked = texts.str.strip_chars().str.replace(EXCEL_SERIAL, MARK + "$1")
            columns[place] = replace(columns[place], texts=marked)
        yield columns


def _pieces(
    sheet: Iterable[list[CodedCells]], header_row: int, names: list[str | None]
) -> Iterator[Piece]:
    above = 0
    for columns in sheet:
        height = len(columns[0].texts)
        rows = np.arange(max(header_row + 1 - above, 0), height)
        yield piece_of(names, [cells.take(rows) for cells in columns], above + rows + 1)
        above += height
