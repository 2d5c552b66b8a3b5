"""Takes a clerk's filled-in workbook and makes of it the extract for the next drop."""

from __future__ import annotations

from pathlib import Path

from flows.ingest.filled import read_filled
from flows.store import replace_file
from transforms.answers.clerical import CHECK, LABELS, decided_lines
from transforms.errors import DropRefusedError

DEFAULT_NAME = "人工裁定.csv"
GIVE = "the clerical_decisions.xlsx of a run, filled in"


def import_decisions(workbook: Path, out: Path | None) -> tuple[Path, int]:
    """Write the decisions of a workbook as the extract clerical_decisions; all lines or none.

    Raises:  DropRefusedError if a line is unchanged, incomplete or altered, or `out` exists
    """
    target = out or workbook.parent / DEFAULT_NAME
    decided = decided_lines(read_filled(workbook, [*LABELS.values(), CHECK], GIVE), workbook.name)
    if target.exists():
        raise DropRefusedError(f"{target} is there already; nothing is overwritten: use --out")
    # No apostrophes before ids here: this file is read by the ingest, not by people.
    text = "\ufeff" + decided.write_csv(line_terminator="\r\n")
    replace_file(target, text.encode())
    return target, decided.height
