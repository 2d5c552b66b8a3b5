"""The delivery note: what the supplier says it sent, held against what came."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.files import RawFile, Utf8Stream
from transforms.amounts import read_fen, yuan_text
from transforms.errors import DropRefusedError
from transforms.extracts.csv_text import rows_of_text
from transforms.extracts.headers import DELIVERY_NOTE_NAMES, IN_FORCE_NAME, plain_label
from transforms.extracts.registers import REGISTERS
from transforms.extracts.totals import says_totals
from transforms.wide import narrowed
from transforms.words import Said

COLUMNS = {
    "name": ("文件名", "file_name", "file"),
    "rows": ("行数", "rows"),
    "amount": ("金额合计", "amount", "amount_yuan"),
    "sha256": ("sha256",),
    "removed": ("核减行数", "removed_rows"),
    "why": ("说明", "why", "remark"),
}
ROWS = re.compile("[0-9]{1,12}")
LARGEST_NOTE_BYTES, MOST_LINES = 1 << 20, 10_000


@dataclass(frozen=True)
class NoteLine:
    """One file as the supplier states it; None where the note is silent.

    Only in_force.csv may be silent of rows. `removed_rows`: rows of earlier deliveries taken out on
    purpose, if the note says why.
    """

    line: int
    name: str
    rows: int | None
    amount_fen: int | None
    sha256: str | None
    removed_rows: int


@dataclass(frozen=True)
class Delivery:
    """A delivery note: its own file name, and a line per file."""

    name: str
    lines: tuple[NoteLine, ...]


def read_delivery(raws: Sequence[RawFile], folder: Path) -> Delivery | None:
    """Read the delivery note of a drop; None if there is none.

    Raises:  DropRefusedError if a column is missing, or a cell can't be read
    """
    note = next((raw for raw in raws if raw.file.kind is None), None)
    if note is None:
        return None
    rows = _rows_of_note(note, folder)
    labels = [plain_label(cell) for cell in rows[0][1]] if rows else []
    places = {
        name: labels.index(word)
        for name, words in COLUMNS.items()
        for word in words
        if word in labels
    }
    for name in ("name", "rows"):
        if name not in places:
            raise DropRefusedError(
                f"{note.file.name}: column {COLUMNS[name][0]} is missing; expected 文件名, 行数, "
                "金额合计(元), SHA256"
            )
    lines, above = [], rows[0][0]
    for after, cells in rows[1:]:
        if any(cell.strip() for cell in cells) and not _names_no_file(
            note.file.name, cells, places
        ):
            lines.append(_read_line(note.file.name, above + 1, cells, places))
        above = after
    return Delivery(note.file.name, tuple(lines))


def _rows_of_note(note: RawFile, folder: Path) -> list[tuple[int, list[str]]]:
    too_long = f"{note.file.name}: is far too long for a note with one line a file; correct it"
    if note.bytes > LARGEST_NOTE_BYTES:
        raise DropRefusedError(too_long)
    stream = Utf8Stream(folder / note.file.name, note)
    content, seen = b"", -1
    while len(content) > seen:
        seen = len(content)
        content = bytes(stream.window(seen, note.bytes + 1))
    separator = "\t" if content.count(b"\t") > content.count(b",") else ","
    try:
        rows = list(islice(rows_of_text(content.decode(), separator), MOST_LINES))
    except csv.Error as endless:
        raise DropRefusedError(too_long) from endless
    if len(rows) == MOST_LINES:
        raise DropRefusedError(too_long)
    return rows


def _names_no_file(note: str, cells: Sequence[str], places: Mapping[str, int]) -> bool:
    """Say whether a line of a note sums up, or one of in_force.csv has no file tonight."""
    name = cells[places["name"]] if places["name"] < len(cells) else ""
    return says_totals(name) or (note == IN_FORCE_NAME and not name)


def _read_line(note: str, line: int, cells: Sequence[str], places: Mapping[str, int]) -> NoteLine:
    said = {
        name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()
    }
    counts = pl.Series([said.get(name, "") for name in ("rows", "removed")])
    rows, removed = narrowed(counts).str.replace_all(",", "").to_list()
    removed = removed or "0"
    amount = said.get("amount", "")
    fen = read_fen(pl.Series([amount])).item() if amount else None
    may_be_silent = note == IN_FORCE_NAME and not rows
    are_counts = (may_be_silent or ROWS.fullmatch(rows)) and ROWS.fullmatch(removed)
    if not are_counts or not said["name"] or (amount and fen is None):
        raise DropRefusedError(
            f"{note}, line {line}: expected a file name, a number of rows, and an amount in 元 and "
            "a number of rows removed or nothing; correct the note"
        )
    removed_rows = int(removed) if said.get("why") else 0
    digest = said.get("sha256", "").lower() or None
    return NoteLine(line, said["name"], int(rows) if rows else None, fen, digest, removed_rows)


def check_delivery(delivery: Delivery | None, files: Sequence[Mapping[str, Any]]) -> list[Said]:
    """Hold each line of the note against its file; warn of files the note does not list.

    Rows:    files  entries of a snapshot's manifest
    Raises:  DropRefusedError at the first difference, with both figures
    """
    if delivery is None:
        return []
    entry_of = {str(entry["name"]): entry for entry in files}
    for line in delivery.lines:
        entry = entry_of.get(line.name)
        if entry is None or entry["kind"] == "delivery_note":
            raise DropRefusedError(
                f"{delivery.name}, line {line.line}: {line.name} is listed but was not delivered; "
                "ask the supplier for it"
            )
        # The supplier's own note has other lines than that of the files in force.
        is_own = delivery.name != IN_FORCE_NAME
        where = f"{delivery.name}, line {line.line}" if is_own else DELIVERY_NOTE_NAMES[0]
        for what, stated, found in _differences(line, entry):
            raise DropRefusedError(
                f"{line.name}: {what} stated {stated}, found {found} ({where}); ask the supplier "
                "which is right"
            )
    listed = {line.name for line in delivery.lines}
    own = {register.named for register in REGISTERS.values()}
    return [
        Said("file_not_listed", {"file": name, "note": delivery.name})
        for name, entry in entry_of.items()
        if name not in listed | own and entry["kind"] != "delivery_note"
    ]


def _differences(line: NoteLine, entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows, amount = int(entry["rows"]) - int(entry["totals_rows"]), entry.get("amount_fen")
    found = []
    if line.sha256 is not None and line.sha256 != entry["sha256"]:
        found.append(("SHA256", line.sha256, str(entry["sha256"])))
    if line.rows is not None and line.rows != rows:
        found.append(("行数", str(line.rows), str(rows)))
    if line.amount_fen is not None and line.amount_fen != (amount or 0):
        found.append(("金额合计", yuan_text(line.amount_fen), yuan_text(int(amount or 0))))
    return found
