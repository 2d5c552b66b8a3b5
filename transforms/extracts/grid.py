"""Rows of plain texts, as CSV with irregular quotes gives them, as columns."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from transforms.extracts.cells import CodedCells, Flags


def even_rows(
    rows: Sequence[Sequence[str]], width: int, surplus: int = 0
) -> tuple[list[CodedCells], Flags | None]:
    """Lay rows of any length out in columns; marks the wider ones, usual empty cells apart."""
    columns = []
    for position in range(width):
        texts = [row[position] if position < len(row) else "" for row in rows]
        columns.append(CodedCells(pl.Series(texts, dtype=pl.String)))
    usual = (*range(width + 1), width + surplus)
    beyond = [row[width:] if len(row) in usual else row for row in rows]
    too_wide = np.array([any(map(str.strip, cells)) for cells in beyond], np.bool_)
    return columns, too_wide if too_wide.any() else None
