"""Refuse a file whose characters were lost before it came here."""

from collections.abc import Sequence

import numpy as np

from flows.ingest.files import DropFile
from transforms.errors import DropRefusedError
from transforms.extracts.cells import CodedCells, Piece

DAMAGE = ("\ufffd", "锟斤拷")


def refuse_damage(file: DropFile, piece: Piece) -> None:
    """Look at every distinct text of a piece, unknown columns too.

    Raises:  DropRefusedError naming the line
    """
    for cells in piece.all_cells:
        if not isinstance(cells, CodedCells) or cells.is_plain:
            continue
        damaged = cells.texts.str.contains_any(list(DAMAGE)).fill_null(False)
        if damaged.any():
            line = piece.lines[np.argmax(cells.rows_marked(damaged))]
            raise DropRefusedError(damage_message(file.name, int(line)))


def refuse_damaged_top(file: DropFile, rows: Sequence[tuple[int, list[str]]]) -> None:
    """Look at the top rows of a CSV file, titles and header: the line after each, and its cells.

    Raises:  DropRefusedError naming the line
    """
    for line, cells in rows:
        if any(map(is_damaged, cells)):
            raise DropRefusedError(damage_message(file.name, line))


def is_damaged(text: str) -> bool:
    """Say whether characters of a text were lost."""
    return any(sign in text for sign in DAMAGE)


def damage_message(name: str, line: int) -> str:
    """Say where characters were lost."""
    return (
        f"{name}, line {line}: holds U+FFFD or 锟斤拷: characters were lost before the file came "
        "here; have it exported again"
    )
