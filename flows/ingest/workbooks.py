"""Read an XLSX file: the sheet of its kind, below the header."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from flows.ingest.decoded import decode
from flows.ingest.files import RawFile
from transforms.extracts.cells import CodedCells, Piece
from transforms.extracts.headers import Header, find_header, kind_of_file
from transforms.extracts.kinds import Kind
from transforms.extracts.totals import piece_of

ROWS_ABOVE_HEADER = 60


def read_sheet(
    path: Path, name: str, choose: Callable[[list[str]], str]
) -> Iterator[list[CodedCells]]:
    """Read a sheet, some rows at a time, from its first row on: its columns.

    Raises:  DropRefusedError if it can't be opened
    """
    for batch in decode("xlsx", path, name, choose):
        width = batch.num_columns // 2
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

    some = read_sheet(path, raw.file.name, choose)
    columns = next(some)
    number, header = find_header(kind, rows_of_sheet(columns, ROWS_ABOVE_HEADER), raw.file.name)
    names: list[str | None] = [None] * header.width
    for name, position in header.positions.items():
        names[position] = name
    return header, _pieces(chain([columns], some), number, names)


def _pieces(
    sheet: Iterable[list[CodedCells]], header_row: int, names: list[str | None]
) -> Iterator[Piece]:
    above = 0
    for columns in sheet:
        height = len(columns[0].texts)
        rows = np.arange(max(header_row + 1 - above, 0), height)
        yield piece_of(names, [cells.take(rows) for cells in columns], above + rows + 1)
        above += height
