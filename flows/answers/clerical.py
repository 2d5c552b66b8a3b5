"""Takes a clerk's filled-in workbook and makes of it the extract for the next drop."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from flows.ingest.workbooks import read_sheet, rows_of_sheet
from flows.store import replace_file
from transforms.answers.clerical import CHECK, LABELS, ROW_NUMBER, decided_lines
from transforms.errors import DropRefusedError

DEFAULT_NAME = "人工裁定.csv"
ROWS_ABOVE_HEADER = 20


def import_decisions(workbook: Path, out: Path | None) -> tuple[Path, int]:
    """Write the decisions of a workbook as the extract clerical_decisions; all lines or none.

    Raises:  DropRefusedError if a line is unchanged, incomplete or altered, or `out` exists
    """
    target = out or workbook.parent / DEFAULT_NAME
    decided = decided_lines(read_filled(workbook), workbook.name)
    if target.exists():
        raise DropRefusedError(f"{target} is there already; nothing is overwritten: use --out")
    # No apostrophes before ids here: this file is read by the ingest, not by people.
    text = "\ufeff" + decided.write_csv(line_terminator="\r\n")
    replace_file(target, text.encode())
    return target, decided.height


def read_filled(workbook: Path) -> pl.DataFrame:
    """Read the sheet below its header as text, with row_number; blank rows are left out.

    Raises:  DropRefusedError if it can't be opened or has no header
    """
    if not workbook.is_file():
        raise DropRefusedError(
            f"{workbook} is no file: give the clerical_decisions.xlsx of a run, filled in"
        )
    sheet = read_sheet(workbook, workbook.name, lambda sheets: sheets[0])
    rows = [cells for columns in sheet for cells in rows_of_sheet(columns)]
    wanted = {*LABELS.values(), CHECK}
    for place, cells in enumerate(rows[:ROWS_ABOVE_HEADER]):
        header = [cell.strip() for cell in cells]
        if len(wanted & set(header)) > len(wanted) // 2:
            return _below(rows[place + 1 :], header, place + 2, workbook.name)
    raise DropRefusedError(
        f"{workbook.name}: no header with {', '.join(LABELS.values())} in the first "
        f"{ROWS_ABOVE_HEADER} rows; give the clerical_decisions.xlsx of a run"
    )


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
