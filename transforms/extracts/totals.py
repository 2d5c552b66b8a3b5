"""Rows that sum up a file, and the sums they are held against."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from transforms.extracts.cell_text import MERGED
from transforms.extracts.cells import Cells, CodedCells, Flags, Piece, ReadColumn, Rows, TypedCells
from transforms.extracts.kinds import Kind
from transforms.words import Said

# A quick look that every totals row passes, then the closer one.
MAY_BE_TOTALS = r"^\s*[合小总制审]"
# A company's name may begin so too.
IS_TOTALS = re.compile(
    r"(?![^:]*公司$)(?:(?:合计|小计|总计)(?:[:(].*)?|(?:制表人|审核人).*)", re.DOTALL
)


def piece_of(
    names: Sequence[str | None],
    in_file_order: Sequence[Cells],
    lines: Rows,
    too_wide: Flags | None = None,
) -> Piece:
    """Make a piece of a file's columns: blank rows left out, totals rows marked.

    Rows:    names  per column the canonical name, None for a column that is kept out
    """
    blank = _find_blank_rows(in_file_order, len(lines))
    if blank is not None and too_wide is not None:
        blank &= ~too_wide
    if blank is not None:
        rows = np.flatnonzero(~blank)
        in_file_order = [cells.take(rows) for cells in in_file_order]
        lines, too_wide = lines[rows], None if too_wide is None else too_wide[rows]
    columns = {name: cells for name, cells in zip(names, in_file_order, strict=True) if name}
    return Piece(
        columns, list(in_file_order), lines, _find_totals_rows(in_file_order, len(lines)), too_wide
    )


def _find_totals_rows(in_file_order: Sequence[Cells], height: int) -> Flags | None:
    """Mark the rows whose first cell that is not empty says that they sum up or sign."""
    suspects = np.zeros(height, np.bool_)
    for cells in in_file_order:
        if isinstance(cells, CodedCells) and not cells.is_plain:
            marks = cells.texts.str.contains(MAY_BE_TOTALS).fill_null(False)
            if marks.any():
                suspects |= cells.rows_marked(marks)
    rows = np.flatnonzero(suspects)
    totals = [row for row in rows if says_totals(_first_filled(in_file_order, int(row)))]
    if not totals:
        return None
    flags = np.zeros(height, np.bool_)
    flags[totals] = True
    return flags


def _first_filled(in_file_order: Sequence[Cells], row: int) -> str:
    for cells in in_file_order:
        if isinstance(cells, TypedCells):
            found = cells.values[row]
        else:
            found = cells.texts[row if cells.codes is None else int(cells.codes[row])]
        if found is not None and str(found).strip():
            return str(found)
    return ""


def says_totals(text: str) -> bool:
    """Tell whether a cell says that its row sums up.

    >>> says_totals("合 计："), says_totals("合计(山东)科技有限公司")
    (True, False)
    """
    plain = "".join(pl.Series([text]).str.normalize("NFKC").item().split())
    return IS_TOTALS.fullmatch(plain) is not None


def _distinct_count(cells: Cells) -> int:
    return len(cells.values) if isinstance(cells, TypedCells) else len(cells.texts)


def _find_blank_rows(in_file_order: Sequence[Cells], height: int) -> Flags | None:
    """Mark the rows in which every cell is empty; None if there is none."""
    if any(isinstance(cells, CodedCells) and cells.is_plain for cells in in_file_order):
        return None
    blank = np.ones(height, np.bool_)
    # Columns with few distinct texts first: one that has no empty text ends the search.
    for cells in sorted(in_file_order, key=_distinct_count):
        if isinstance(cells, TypedCells):
            blank &= cells.values.is_null().to_numpy()
        else:
            marks = cells.texts.fill_null("").str.strip_chars() == ""
            if not marks.any():
                return None
            blank &= cells.rows_marked(marks)
        if not blank.any():
            return None
    return blank


def sums_of_amounts(
    kind: Kind, columns: Mapping[str, ReadColumn], data_rows: Rows | None
) -> dict[str, int]:
    """Sum each money column over the rows whose amount parses (None: over all rows)."""
    return {
        column.name: _sum_of(columns[column.name].values(data_rows))
        for column in kind.columns
        if column.type in ("money", "wan") and column.name in columns
    }


def _sum_of(values: pl.Series) -> int:
    """Sum whole numbers, whose sum may be larger than 64 bits hold."""
    ends = [abs(end) for end in (values.min(), values.max()) if isinstance(end, int)]
    largest = max(ends, default=0)
    if largest * len(values) < 1 << 63:
        return int(values.sum())
    return sum(values.drop_nulls().to_list())


def stated_totals(
    kind: Kind, piece: Piece, columns: Mapping[str, ReadColumn], row: int
) -> dict[str, int | None]:
    """Give what a totals row states per money column it fills; None: it can't be read."""
    stated: dict[str, int | None] = {}
    for column in kind.columns:
        if column.type in ("money", "wan") and column.name in columns:
            read = columns[column.name]
            place = row if read.codes is None else int(read.codes[row])
            if read.reading.bad[place] and _is_merged(piece.columns[column.name], place):
                continue
            if read.reading.bad[place]:
                stated[column.name] = None
            elif read.reading.values[place] is not None:
                stated[column.name] = int(read.reading.values[place])
    return stated


def _is_merged(cells: Cells, place: int) -> bool:
    """Tell whether a cell lies under a merged one: that fills none but its first."""
    return isinstance(cells, CodedCells) and cells.texts[place] == MERGED


def totals_findings(
    file: str, line: int, stated: Mapping[str, int | None], sums: Mapping[str, int]
) -> list[Said]:
    """Say where a totals row differs from its file, both figures."""
    said = []
    for name, total in stated.items():
        at = {"file": file, "line": line, "column": name, "sum_fen": sums.get(name, 0)}
        if total is None:
            said.append(Said("total_unreadable", at))
        elif total != at["sum_fen"]:
            said.append(Said("total_differs", at | {"stated_fen": total}))
    return said
