"""Read an XLSX file: the sheet of its kind, below the header."""

from pathlib import Path

import numpy as np
from python_calamine import CalamineError, CalamineWorkbook

from flows.ingest.files import RawFile
from transforms.errors import DropRefusedError
from transforms.extracts.cells import Piece
from transforms.extracts.grid import cell_text, even_rows
from transforms.extracts.headers import Header, find_header, kind_of_file
from transforms.extracts.kinds import Kind
from transforms.extracts.totals import piece_of

ROWS_ABOVE_HEADER = 60


def read_workbook(raw: RawFile, path: Path, kind: Kind) -> tuple[Header, Piece]:
    """Read a workbook whole: an XLSX sheet has a million rows at most.

    Raises:  DropRefusedError if it can't be opened, or has no header
    """
    rows = _read_sheet(raw, path, kind)
    top = [[cell_text(cell) for cell in row] for row in rows[:ROWS_ABOVE_HEADER]]
    number, header = find_header(kind, top, raw.file.name)
    names: list[str | None] = [None] * header.width
    for name, position in header.positions.items():
        names[position] = name
    columns, too_wide = even_rows(rows[number + 1 :], header.width)
    lines = np.arange(number + 2, len(rows) + 1, dtype=np.int64)
    return header, piece_of(names, columns, lines, too_wide)


def _read_sheet(raw: RawFile, path: Path, kind: Kind) -> list[list[object]]:
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        named = [name for name in workbook.sheet_names if kind_of_file(name.strip()) == kind]
        sheet = workbook.get_sheet_by_name((named or workbook.sheet_names)[0])
        return [list(row) for row in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, IndexError, OSError) as broken:
        raise DropRefusedError(
            f"{raw.file.name}: can't be opened as an XLSX workbook (damaged, or with a password); "
            "save it again as .xlsx and deliver it again"
        ) from broken
