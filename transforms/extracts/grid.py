"""Rows of plain Python cells, as XLSX and CSV with irregular quotes give them, as coded columns."""

from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
import polars as pl

from transforms.extracts.cells import CodedCells, Flags

# Excel itself keeps and shows 15 digits; what a float has beyond them is noise of its own making.
EXCEL_DIGITS = 15


def even_rows(
    rows: Sequence[Sequence[object]], width: int
) -> tuple[list[CodedCells], Flags | None]:
    """Lay rows of any length out in columns; marks rows with more filled cells than columns."""
    columns = []
    for position in range(width):
        columns.append(cells_of([row[position] if position < len(row) else None for row in rows]))
    too_wide = np.array(
        [len(row) > width and any(map(cell_text, row[width:])) for row in rows], np.bool_
    )
    return columns, too_wide if too_wide.any() else None


def cells_of(values: Sequence[object]) -> CodedCells:
    """Write the cells of a column as texts; floating numbers are marked as such."""
    texts = pl.Series([cell_text(value) for value in values], dtype=pl.String)
    is_number = np.array([isinstance(value, float) for value in values], np.bool_)
    return CodedCells(texts, None, pl.Series(is_number) if is_number.any() else None)


def cell_text(value: object) -> str:
    """Write a cell as text: dates as ISO dates, numbers without what a float adds.

    >>> cell_text(1146.1000000000001), cell_text(12.0), cell_text(date(2020, 2, 9)), cell_text(None)
    ('1146.1', '12', '2020-02-09', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{EXCEL_DIGITS}g}"
    if isinstance(value, datetime):
        at_midnight = value.time() == time(0)
        return value.date().isoformat() if at_midnight else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
