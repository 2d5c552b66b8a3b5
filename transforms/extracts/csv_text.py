"""Read CSV bytes (UTF-8) into pieces: vectorised, with the physical line of every row."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from transforms.extracts.cells import CodedCells, Flags, Rows

Block = bytes | memoryview
QUOTE, LINE_FEED, CARRIAGE_RETURN = 34, 10, 13
FIRST_VISIBLE, LAST_VISIBLE = 33, 126
BLOCK_BYTES = 8 << 20
CACHED_BYTES = 1 << 18
TOP_ROWS = 60


@dataclass(frozen=True)
class CsvShape:
    """How a file's rows are written: separator, number of columns, which of them are unique.

    `surplus`: so many empty cells more than the header most rows have. `is_even`: all rows are of
    that width, as they would not be had the cells of some shifted. `parts_none`: they have amounts
    of a thousand in one cell, and no amount that has fallen apart for certain.
    """

    separator: str
    width: int
    unique: frozenset[int]
    surplus: int = 0
    is_even: bool = False
    parts_none: bool = False


def rows_of_text(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Read a text row by row: the physical line after each row, and its cells.

    Raises:  csv.Error if a cell is longer than any cell is
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    for cells in reader:
        yield reader.line_num, cells


def top_rows(top: bytes, separator: str, limit: int = TOP_ROWS) -> list[tuple[int, list[str]]]:
    """Read the top of a file row by row, up to a cell longer than any is."""
    rows = list[tuple[int, list[str]]]()
    with suppress(csv.Error):
        rows.extend(islice(rows_of_text(top.decode("utf-8", "ignore"), separator), limit))
    return rows


def surplus_of(rows: Sequence[Sequence[str]], width: int) -> int:
    """Tell how many empty cells more than the header most of the first rows have.

    Holds:   none if a row has the header's own width: an amount may have shifted the others
    """
    widths = [len(cells) for cells in rows if cells and not "".join(cells[width:]).strip()]
    usual = max(widths, key=widths.count, default=width)
    is_usual = 2 * widths.count(usual) > len(rows) and width not in widths
    return max(0, usual - width) if is_usual else 0


def end_of_rows(block: Block, separator: str, is_quoted: bool, is_last: bool) -> int | None:
    """Find where the last whole row of a block ends; None if its quotes follow no rule.

    Holds:   0 if no row ends in the block; nothing follows the last block, so it ends a row
    """
    view = np.frombuffer(block, np.uint8)
    quotes = np.zeros(0, np.int64)
    if is_quoted:
        found = map(np.flatnonzero, _stretches(view, QUOTE))
        quotes = np.concatenate([n * CACHED_BYTES + places for n, places in enumerate(found)])
    end = len(view) if is_last and len(quotes) % 2 == 0 else _last_row_end(view, quotes)
    quotes = quotes[: np.searchsorted(quotes, end)]
    return end if _quotes_keep_the_rule(view[:end], quotes, separator) else None


def _last_row_end(view: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64]) -> int:
    """Find the byte after the last line feed that no quotes hold, from the end; 0 if none is."""
    for stop in range(len(view), 0, -CACHED_BYTES):
        start = max(0, stop - CACHED_BYTES)
        ends = start + np.flatnonzero(view[start:stop] == LINE_FEED)
        outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
        if len(outside):
            return int(outside[-1]) + 1
    return 0


def _quotes_keep_the_rule(
    view: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], separator: str
) -> bool:
    """Tell whether every quote opens or closes a whole cell, or is one of two in a row."""
    opening, closing = quotes[0::2], quotes[1::2]
    if len(opening) != len(closing):
        return False
    edges = np.array([ord(separator), LINE_FEED, CARRIAGE_RETURN], np.uint8)
    before = np.where(opening > 0, view[opening - 1], LINE_FEED)
    after = np.where(closing + 1 < len(view), view[np.minimum(closing + 1, len(view) - 1)], 10)
    doubled = np.zeros(len(opening), np.bool_)
    doubled[1:] = opening[1:] == closing[:-1] + 1
    opens = np.isin(before, edges) | doubled
    closes = np.isin(after, edges)
    closes[:-1] |= doubled[1:]
    return bool(opens.all() and closes.all())


def read_block(
    block: Block, first_line: int, line_count: int, is_quoted: bool, shape: CsvShape
) -> tuple[list[CodedCells], Rows, Flags | None, Flags | None] | None:
    """Read a block of whole rows: its columns, each row's physical line, and two kinds of rows.

    Rows:    a line that is altogether empty is no row; a row too short gets empty cells; marked are
             those that are too wide, and those of another width than is usual
    Holds:   two ways of counting rows agree; None where they do not
    """
    broken: list[int] = []
    table = _parse(block, shape, broken, inside=is_quoted)
    # As many rows as lines: none is empty, and no cell holds the end of a line.
    if not broken and table is not None and table.num_rows == line_count:
        lines = np.arange(first_line, first_line + line_count)
        unusual = np.ones(line_count, np.bool_) if shape.surplus else None
        return _coded_columns(table, shape), lines, None, unusual
    starts, stops, lines = _rows_of(block, first_line)
    patched, too_wide, unusual = _even_out(block, starts, stops, shape)
    broken.clear()
    table = _parse(patched, shape, broken, inside=True)
    if broken or table is None or table.num_rows != len(starts):
        return None
    return _coded_columns(table, shape), lines, too_wide if too_wide.any() else None, unusual


def count_lines(block: Block) -> int:
    """Count the lines of a block, the last one too if nothing ends it."""
    ends = sum(map(np.count_nonzero, _stretches(np.frombuffer(block, np.uint8), LINE_FEED)))
    return int(ends) + (len(block) > 0 and block[-1] != LINE_FEED)


def has_quote(block: Block) -> bool:
    """Tell whether there is a quote in a block."""
    return any(stretch.any() for stretch in _stretches(np.frombuffer(block, np.uint8), QUOTE))


def _stretches(view: npt.NDArray[np.uint8], byte: int) -> Iterator[Flags]:
    """Tell where a byte stands, a stretch at a time that the processor's cache holds."""
    return (view[n : n + CACHED_BYTES] == byte for n in range(0, len(view), CACHED_BYTES))


def _parse(block: Block, shape: CsvShape, broken: list[int], inside: bool) -> pa.Table | None:
    """Take a block apart; None if a row is longer than what is taken apart at a time."""

    def note(row: object) -> str:
        broken.append(1)
        return "skip"

    names = [str(position) for position in range(shape.width)]
    with suppress(pa.ArrowInvalid):
        return arrow_csv.read_csv(
            pa.BufferReader(block),
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=shape.separator, newlines_in_values=inside, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    return None


def _coded_columns(table: pa.Table, shape: CsvShape) -> list[CodedCells]:
    """Give each distinct text a code: quicker here than while the file is taken apart."""
    return [
        coded_cells(
            table.column(position)
            if position in shape.unique
            else table.column(position).dictionary_encode()
        )
        for position in range(shape.width)
    ]


def coded_cells(column: pa.ChunkedArray) -> CodedCells:
    """Turn an Arrow column of texts, dictionary-coded or plain, into coded cells."""
    if not pa.types.is_dictionary(column.type):
        texts = pl.Series(pl.from_arrow(column)).cast(pl.String).fill_null("")
        return CodedCells(texts, is_plain=_is_plain(column))
    if column.num_chunks == 0:
        return CodedCells(pl.Series([], dtype=pl.String), np.zeros(0, np.int32))
    column = column.unify_dictionaries()
    texts = pl.Series(pl.from_arrow(column.chunk(0).dictionary)).cast(pl.String)
    if column.null_count:
        texts.append(pl.Series([""], dtype=pl.String))
    codes = [codes_of(chunk, len(texts) - 1) for chunk in column.chunks]
    joined = codes[0] if len(codes) == 1 else np.concatenate(codes)
    return CodedCells(texts, joined)


def codes_of(chunk: pa.DictionaryArray, code_of_null: int) -> npt.NDArray[np.int32]:
    """Give the codes of dictionary-coded texts, with a code of its own for null."""
    indices = chunk.indices.fill_null(code_of_null) if chunk.null_count else chunk.indices
    codes: npt.NDArray[np.int32] = indices.to_numpy(zero_copy_only=False)
    return codes.astype(np.int32, copy=False)


def _is_plain(column: pa.ChunkedArray) -> bool:
    """Tell from the bytes themselves whether all texts are filled and of visible ASCII."""
    if not pa.types.is_string(column.type) or column.null_count:
        return False
    for chunk in column.chunks:
        _, offset_bytes, text_bytes = chunk.buffers()
        offsets = np.frombuffer(offset_bytes, np.int32)[
            chunk.offset : chunk.offset + len(chunk) + 1
        ]
        if not len(chunk) or text_bytes is None or np.diff(offsets).min() == 0:
            return False
        characters = np.frombuffer(text_bytes, np.uint8)[offsets[0] : offsets[-1]]
        if characters.min() < FIRST_VISIBLE or characters.max() > LAST_VISIBLE:
            return False
    return True


def _rows_of(block: Block, first_line: int) -> tuple[Rows, Rows, Rows]:
    """Find where rows start and stop, newlines in quotes apart, and on which line each starts."""
    view = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(view == LINE_FEED)
    quotes = np.flatnonzero(view == QUOTE)
    outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if not len(outside) or outside[-1] != len(view) - 1:
        outside = np.append(outside, len(view))
    starts, stops = np.append(0, outside[:-1] + 1), outside
    lengths = stops - starts
    last = np.where(lengths > 0, view[np.maximum(stops - 1, 0)], 0)
    stops = np.where(last == CARRIAGE_RETURN, stops - 1, stops)
    filled = stops > starts
    starts, stops = starts[filled], stops[filled]
    return starts, stops, first_line + np.searchsorted(ends, starts)


def _even_out(
    block: Block, starts: Rows, stops: Rows, shape: CsvShape
) -> tuple[Block, Flags, Flags]:
    """Fill up rows that are too short, cut those that are too long, mark those that said more.

    Rows:    marked, too, are those of another width than is usual
    """
    view = np.frombuffer(block, np.uint8)
    separators = np.flatnonzero(view == ord(shape.separator))
    quotes = np.flatnonzero(view == QUOTE)
    separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    firsts = np.searchsorted(separators, starts)
    counts = np.searchsorted(separators, stops) - firsts + 1
    too_wide = np.zeros(len(starts), np.bool_)
    parts, done = list[Block](), 0
    for row in np.flatnonzero(counts != shape.width).tolist():
        start, stop = int(starts[row]), int(stops[row])
        if counts[row] < shape.width:
            missing = shape.width - int(counts[row])
            parts += [block[done:stop], shape.separator.encode() * missing]
        else:
            cut = int(separators[firsts[row] + shape.width - 1])
            # A row wider than is usual has a separator in a cell: its cells have shifted.
            is_usual = counts[row] == shape.width + shape.surplus
            said = bytes(block[cut if is_usual else start : stop])
            filled = said.replace(shape.separator.encode(), b"").replace(b'"', b"").strip()
            too_wide[row] = bool(filled)
            parts.append(block[done:cut])
        assert done <= start
        done = stop
    unusual = counts != shape.width + shape.surplus
    return (b"".join([*parts, block[done:]]) if parts else block), too_wide, unusual


def even_rows(
    rows: Sequence[Sequence[str]], width: int, surplus: int = 0
) -> tuple[list[CodedCells], Flags | None, Flags]:
    """Lay rows of any length out in columns; marks the wider ones, usual empty cells apart.

    Rows:    marked, too, are those of another width than is usual
    """
    columns = []
    for position in range(width):
        texts = [row[position] if position < len(row) else "" for row in rows]
        columns.append(CodedCells(pl.Series(texts, dtype=pl.String)))
    usual = (*range(width + 1), width + surplus)
    beyond = [row[width:] if len(row) in usual else row for row in rows]
    too_wide = np.array([any(map(str.strip, cells)) for cells in beyond], np.bool_)
    unusual = np.array([len(row) != width + surplus for row in rows], np.bool_)
    return columns, too_wide if too_wide.any() else None, unusual
