"""Read a CSV file in pieces of bounded size."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flows.ingest.damage import damage_message, is_damaged, refuse_damaged_top
from flows.ingest.files import RawFile, Utf8Stream
from transforms.errors import DropRefusedError
from transforms.extracts.cells import CodedCells, Flags, Piece, Rows
from transforms.extracts.csv_text import (
    TOP_ROWS,
    CsvShape,
    count_lines,
    end_of_rows,
    even_rows,
    has_quote,
    read_block,
    surplus_of,
    top_rows,
)
from transforms.extracts.headers import Header, find_header, match_header
from transforms.extracts.kinds import Kind
from transforms.extracts.shifted import data_rows, shifted_rows, shows_thousands
from transforms.extracts.totals import piece_of

PIECE_BYTES = 96 << 20
TOP_BYTES = 1 << 20
LONGEST_ROW_LINES = 50
ROWS_AT_ONCE = 100_000
LONGEST_LINE = 1 << 20
THOUSANDS = r"^[-¥￥\s]*[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]+)?\s*$"
# A line that no file holds, which would be refused as damaged: a quote that is still open at the
# end swallows it, and shows.
END_OF_FILE = "\ufffd end of file"


@dataclass
class CsvFile:
    """An open CSV file: what was read and not yet used, and the line on which it starts."""

    raw: RawFile
    kind: Kind
    stream: Utf8Stream
    header: Header
    shape: CsvShape
    kept: int
    line: int


def open_csv(raw: RawFile, path: Path, kind: Kind) -> CsvFile:
    """Open a CSV file and read its header.

    Raises:  DropRefusedError if there is no header, or a required column is missing in it, or it
             is UTF-16
    """
    stream = Utf8Stream(path, raw, PIECE_BYTES)
    top = bytes(stream.window(0, TOP_BYTES))
    first = top.split(b"\n", 1)[0]
    if b"\0" in first and first.strip(b"\0"):
        raise DropRefusedError(
            f"{raw.file.name}: is UTF-16, which has zero bytes; save it as UTF-8 and deliver it "
            "again"
        )
    separator = _separator_of(top, kind)
    rows = top_rows(top, separator)
    refuse_damaged_top(raw.file, rows)
    number, header = find_header(kind, [cells for _, cells in rows], raw.file.name)
    is_cut = len(top) >= TOP_BYTES
    # Then the last row may be cut off too.
    seen = data_rows([cells for _, cells in rows[number + 1 : len(rows) - is_cut]])
    shape = _shape_of(kind, header, separator, seen)
    if (is_cut or len(rows) == TOP_ROWS) and not shape.parts_none:
        shape = replace(shape, is_even=False)
    lines_above = rows[number][0]
    below = top.split(b"\n", lines_above)
    kept = len(below[-1]) if len(below) > lines_above else 0
    return CsvFile(raw, kind, stream, header, shape, kept, lines_above + 1)


def _shape_of(
    kind: Kind, header: Header, separator: str, rows: Sequence[Sequence[str]]
) -> CsvShape:
    """Tell from the first rows below the header how a file's rows are written."""
    unique = frozenset(header.positions[name] for name in kind.key if name in header.positions)
    shape = CsvShape(separator, header.width, unique, surplus_of(rows, header.width))
    columns, too_wide, unusual = even_rows(rows, shape.width, shape.surplus)
    shifted = None if unusual.any() else _shifted(kind, header, shape, columns, unusual)
    # Where all rows have an amount too many they are of one width too.
    shape = replace(shape, is_even=not unusual.any() and (shifted is None or not shifted.all()))
    if too_wide is None and shows_thousands(kind, header.names, columns, len(rows)):
        plain = replace(shape, parts_none=True)
        return plain if _shifted(kind, header, plain, columns, unusual) is None else shape
    return shape


def _shifted(
    kind: Kind, header: Header, shape: CsvShape, columns: list[CodedCells], unusual: Flags
) -> Flags | None:
    """Mark the rows whose cells an amount with a comma and no quotes has shifted.

    A row that is as wide as is usual, and filled up with empty cells, lacks none at its end.
    """
    if shape.separator != "," or not len(unusual):
        return None
    is_open = unusual
    if not shape.is_even and not shape.surplus:
        last = columns[-1]
        is_open = unusual | last.rows_marked(last.texts.str.strip_chars() != "")
    elif not shape.is_even:
        is_open = np.ones(len(unusual), np.bool_)
    return shifted_rows(kind, header.names, columns, is_open, shape.parts_none)


def _separator_of(top: bytes, kind: Kind) -> str:
    """Take the separator under which a header is found; comma if under none."""
    for separator in ",\t":
        if any(match_header(kind, cells) for _, cells in top_rows(top, separator)):
            return separator
    first_line = top.split(b"\n", 1)[0]
    return "\t" if first_line.count(b"\t") > first_line.count(b",") else ","


def read_csv_pieces(file: CsvFile) -> Iterator[Piece]:
    """Read the rows below the header, piece by piece, in order.

    Raises:  DropRefusedError if a quote never closes, or a cell or a line is longer than any is
    """
    is_last = False
    while not is_last:
        block = file.stream.window(file.kept, PIECE_BYTES)
        is_last = len(block) == file.kept
        is_quoted = has_quote(block)
        end = end_of_rows(block, file.shape.separator, is_quoted, is_last)
        if not end or (is_last and end < len(block)):
            yield from _read_irregular(file, bytes(block))
            break
        whole = memoryview(block)[:end]
        count = count_lines(whole)
        rows = read_block(whole, file.line, count, is_quoted, file.shape)
        if rows is None or (is_quoted and _longest(rows[1], file.line + count) > LONGEST_ROW_LINES):
            yield from _read_irregular(file, bytes(block))
            break
        if is_quoted:
            _refuse_held_rows(file, rows[0], rows[1], file.line + count)
        file.kept = len(block) - end
        file.line += count
        yield _piece(file, *rows)


def _longest(lines: Rows, end: int) -> int:
    """Count the lines from one row's first to the next one's: two stray quotes hold all between."""
    return int(np.diff(lines, append=end).max(initial=0))


def _refuse_held_rows(file: CsvFile, columns: list[CodedCells], lines: Rows, end: int) -> None:
    """Refuse a file in which two stray quotes made rows the text of one cell.

    Raises:  DropRefusedError naming the line on which such a row begins
    """
    longer = np.flatnonzero(np.diff(lines, append=end) > 1)
    texts = [column.take(longer).row_texts() for column in columns] if len(longer) else []
    for row, cells in zip(longer.tolist(), zip(*texts, strict=True), strict=True):
        if _holds_rows(cells, file.shape):
            raise DropRefusedError(_held_rows_message(file, int(lines[row])))


def _holds_rows(cells: Sequence[str], shape: CsvShape) -> bool:
    """Tell whether a row's first line and a later one have each as many cells as a row has."""
    text = shape.separator.join(cells)
    if "\n" not in text:
        return False
    usual = {shape.width - 1, shape.width - 1 + shape.surplus}
    first, *later = (line.count(shape.separator) in usual for line in text.split("\n"))
    return first and any(later)


def _read_irregular(file: CsvFile, block: bytes) -> Iterator[Piece]:
    """Read what is left row by row: its quotes do not stand at the edges of cells."""
    rows, lines, line = list[list[str]](), list[int](), 0
    for line_after, cells in _rows_one_by_one(file, block):
        is_end = cells == [END_OF_FILE]
        if line_after - line > LONGEST_ROW_LINES or _swallowed_the_end(cells):
            raise DropRefusedError(_open_quote_message(file, line))
        if line_after - line > 1 and _holds_rows(cells, file.shape):
            raise DropRefusedError(_held_rows_message(file, file.line + line))
        if cells and not is_end:
            rows.append(cells)
            lines.append(file.line + line)
        line = line_after
        if len(rows) == ROWS_AT_ONCE or (is_end and rows):
            yield _piece_of_rows(file, rows, lines)
            rows, lines = [], []


def _rows_one_by_one(file: CsvFile, block: bytes) -> Iterator[tuple[int, list[str]]]:
    reader, begun = csv.reader(_text_lines(file, block), delimiter=file.shape.separator), 0
    try:
        for cells in reader:
            begun = reader.line_num
            yield begun, cells
    except csv.Error as endless:
        if reader.line_num - begun > LONGEST_ROW_LINES:
            raise DropRefusedError(_open_quote_message(file, begun)) from endless
        line = file.line + reader.line_num - 1
        raise DropRefusedError(_too_long_message(file, line, "a cell")) from endless


def _too_long_message(file: CsvFile, line: int, what: str) -> str:
    return (
        f"{file.raw.file.name}, line {line}: {what} is longer than any is in an extract; "
        "correct the line and deliver the file again"
    )


def _swallowed_the_end(cells: list[str]) -> bool:
    return bool(cells) and cells != [END_OF_FILE] and cells[-1].endswith(END_OF_FILE)


def _open_quote_message(file: CsvFile, line: int) -> str:
    return (
        f"{file.raw.file.name}, line {file.line + line}: a quote opens here and does not close "
        f"within {LONGEST_ROW_LINES} lines; correct the line and deliver the file again"
    )


def _piece_of_rows(file: CsvFile, rows: list[list[str]], lines: list[int]) -> Piece:
    columns, too_wide, unusual = even_rows(rows, file.shape.width, file.shape.surplus)
    return _piece(file, columns, np.array(lines, np.int64), too_wide, unusual)


def _piece(
    file: CsvFile,
    columns: list[CodedCells],
    lines: Rows,
    too_wide: Flags | None,
    unusual: Flags | None,
) -> Piece:
    """Make a piece; rows that are too wide, or whose cells have shifted unseen, can't be read."""
    unusual = np.zeros(len(lines), np.bool_) if unusual is None else unusual
    shifted = _shifted(file.kind, file.header, file.shape, columns, unusual)
    for amiss in (shifted, _merged(file.shape, columns, unusual)):
        if amiss is not None:
            too_wide = amiss if too_wide is None else too_wide | amiss
    return piece_of(file.header.names, columns, lines, too_wide)


def _held_rows_message(file: CsvFile, line: int) -> str:
    return (
        f"{file.raw.file.name}, line {line}: a quote opens here and closes in another row; take "
        "out the two quotes, or double them, and deliver the file again"
    )


def _merged(shape: CsvShape, columns: list[CodedCells], unusual: Flags) -> Flags | None:
    """Mark the rows that lack cells at their end where one has as many separators in it.

    A stray quote each at the edges of two cells makes them one, and the last column empty.
    """
    rows = np.flatnonzero(unusual)
    if not len(rows):
        return None
    texts = [column.take(rows).row_texts() for column in columns]
    plain = [text.str.replace(THOUSANDS, "") for text in texts]
    held = [text.str.count_matches(shape.separator, literal=True).to_numpy() for text in plain]
    is_empty = [(text.str.strip_chars() == "").to_numpy() for text in reversed(texts)]
    lacking = np.cumprod(is_empty, axis=0).sum(axis=0)
    flags = np.zeros(len(unusual), np.bool_)
    flags[rows] = np.any([(count > 0) & (count <= lacking) for count in held], axis=0)
    return flags if flags.any() else None


def _text_lines(file: CsvFile, block: bytes) -> Iterator[str]:
    """Give the lines of a block and of all that follows it in the stream."""
    number = file.line - 1
    while block:
        longer = bytes(file.stream.window(len(block), PIECE_BYTES))
        is_last = len(longer) == len(block)
        end = len(longer) if is_last else longer.rfind(b"\n") + 1
        for line in io.StringIO(longer[:end].decode(), newline="\n"):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DropRefusedError(_too_long_message(file, number, "the line"))
            if is_damaged(line):
                raise DropRefusedError(damage_message(file.raw.file.name, number))
            yield line
        if not end:
            raise DropRefusedError(_too_long_message(file, number + 1, "the line"))
        block = longer[end:]
    yield END_OF_FILE
