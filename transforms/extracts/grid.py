"""Rows of plain texts, as CSV with irregular quotes gives them, as columns."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from transforms.extracts.cells import CodedCells, Flags


def even_rows(rows: Sequence[Sequence[str]], width: int) -> tuple[list[CodedCells], Flags | None]:
    """Lay rows of any length out in columns; marks rows with more filled cells than columns."""
    columns = []
    for position in range(width):
        texts = [row[position] if position < len(row) else "" for row in rows]
        columns.append(CodedCells(pl.Series(texts, dtype=pl.String)))
    too_wide = np.array(
        [len(row) > width and any(cell.strip() for cell in row[width:]) for row in rows], np.bool_
    )
    return columns, too_wide if too_wide.any() else None
