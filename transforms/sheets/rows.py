"""Rows of a worksheet by the hundred thousand: written column by column, not cell by cell."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from xlsxwriter.utility import xl_col_to_name

from transforms.amounts import is_amount, is_share, yuan_column
from transforms.errors import ContractError

ROWS_A_CHUNK = 20_000
STYLE = re.compile(rb' s="(\d+)"')
DIMENSION = re.compile(rb'<dimension ref="A1(?::[A-Z]+(\d+))?"/>')
# XML 1.0 has no sign for these; a workbook that held one would not open.
UNWRITABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{FFFE}\x{FFFF}]"
SPECIAL = rf"[&<>\r]|{UNWRITABLE}"
# A spreadsheet keeps 15 digits of a number: below this the cents that are shown are exact.
AMOUNT_LIMIT_FEN = 10**15


LINE_POINTS, ROW_POINTS, MOST_LINES = 13, 3, 30
HEIGHT = ' ht="{}" customHeight="1"'
# What stands around a number, and around a text.
OPENED = ("><v>", ' t="inlineStr"><is><t xml:space="preserve">')
CLOSED = ("</v></c>", "</t></is></c>")


@dataclass(frozen=True)
class Rows:
    """The rows of a sheet, from the number of their first row, and the widths of its columns."""

    first_row: int
    table: pl.DataFrame
    widths: Sequence[int]


def fill_sheets(workbook: bytes, tables: Mapping[int, Rows]) -> bytes:
    """Put rows into worksheets in place of one pattern row each, which has the cells' styles.

    Rows:    tables  per sheet number (1 = first)
    Units:   fen in columns *_fen; written as yuan, a number with two decimals, exactly
    Holds:   a text is an inline string: never a formula, link or number; the same workbook and
             rows give the same bytes
    Raises:  ContractError if an amount is too large for a spreadsheet to keep its cents
    """
    filled = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as source,
        zipfile.ZipFile(filled, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        names = {f"xl/worksheets/sheet{number}.xml": rows for number, rows in tables.items()}
        for entry in source.infolist():
            content = source.read(entry)
            info = zipfile.ZipInfo(entry.filename)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            rows = names.get(entry.filename)
            with target.open(info, "w", force_zip64=True) as stream:
                for part in [content] if rows is None else _with_rows(content, rows):
                    stream.write(part)
    return filled.getvalue()


def _with_rows(sheet: bytes, rows: Rows) -> Iterator[bytes]:
    first_row, table = rows.first_row, rows.table
    head, start, rest = sheet.partition(f'<row r="{first_row}"'.encode())
    pattern, row_end, tail = rest.partition(b"</row>")
    styles = [int(style) for style in STYLE.findall(pattern)]
    assert start and row_end and len(styles) == table.width, "the pattern row has every style"
    # Lines below the table are there already, and reach further down than it does.
    written = DIMENSION.search(head)
    reached = int((written and written[1]) or 1)
    last_row = max(first_row - 1 + table.height, reached if reached > first_row else 0)
    last = f"{xl_col_to_name(table.width - 1)}{last_row}"
    yield DIMENSION.sub(f'<dimension ref="A1:{last}"/>'.encode(), head)
    for offset in range(0, table.height, ROWS_A_CHUNK):
        chunk = Rows(first_row + offset, table.slice(offset, ROWS_A_CHUNK), rows.widths)
        yield "".join(row_texts(chunk, styles)).encode()
    yield tail


def row_texts(rows: Rows, styles: Sequence[int]) -> list[str]:
    """Write each row as XML; what is empty has its style only.

    >>> row_texts(Rows(2, pl.DataFrame({"x": ["1 < 2"], "due_fen": [-5]}), [8, 8]), [3, 4])[0][11:]
    '<c r="A2" s="3" t="inlineStr"><is><t xml:space="preserve">1 &lt; 2</t></is></c>\
<c r="B2" s="4"><v>-0.05</v></c></row>'
    """
    table, height = rows.table, rows.table.height
    _expect_exact(table)
    numbers = [str(number) for number in range(rows.first_row, rows.first_row + height)]
    # All cells stand in one column, below each other: an expression for each takes far longer.
    cells = _cells(table, pl.Series(numbers, dtype=pl.String), styles, rows.widths)
    written, lines = (
        pl.DataFrame([column.slice(n * height, height).alias(str(n)) for n in range(table.width)])
        for column in cells.get_columns()
    )
    most = lines.max_horizontal().fill_null(1).clip(1, MOST_LINES).to_list()
    heights = ["" if n == 1 else HEIGHT.format(n * LINE_POINTS + ROW_POINTS) for n in most]
    heads = [f'<row r="{n}"{height}>' for n, height in zip(numbers, heights, strict=True)]
    row = pl.concat_str(pl.Series(heads, dtype=pl.String), pl.all(), pl.lit("</row>"))
    return written.select(row).to_series().to_list()


def _cells(
    table: pl.DataFrame, numbers: pl.Series, styles: Sequence[int], widths: Sequence[int]
) -> pl.DataFrame:
    """Write all cells of a table, column after column, and say how many lines each needs.

    Programs do not find out how high a row is whose texts need more than one line.
    """
    schema = table.schema
    is_text = [not kind.is_integer() for kind in schema.values()]
    columns = pl.DataFrame(
        {
            "at": [f'<c r="{xl_col_to_name(place)}' for place in range(table.width)],
            "empty": [f'" s="{style}"' for style in styles],
            "opened": [OPENED[one] for one in is_text],
            "closed": [CLOSED[one] for one in is_text],
            "is_text": is_text,
            # Bytes and characters: a Chinese character has three bytes and is two wide.
            "room": [2 * (width - 1) for _, width in zip(schema, widths, strict=True)],
        }
    )
    texts = table.select(_text(name, kind) for name, kind in schema.items()).get_columns()
    cells = columns[np.repeat(np.arange(table.width), table.height)].with_columns(
        pl.concat([column.alias("text") for column in texts]),
        pl.concat([numbers.alias("number")] * table.width),
    )
    text, begun = pl.col("text"), ("at", "number", "empty")
    long = (text.str.len_bytes() + text.str.len_chars()).cast(pl.Int64) - 1
    lines = long // pl.col("room") + text.str.count_matches("\n").cast(pl.Int64) + 1
    is_special = cells.select(text.str.contains(SPECIAL).any()).item()
    safe = _escaped(text) if is_special else text
    return cells.select(
        pl.when(text != "")
        .then(pl.concat_str(*begun, "opened", safe, "closed"))
        .otherwise(pl.concat_str(*begun, pl.lit("/>")))
        .alias("written"),
        pl.when("is_text").then(lines).alias("lines"),
    )


def display_width(text: str) -> int:
    """Count a Chinese character as two wide.

    >>> display_width("金额(元)"), display_width("")
    (8, 0)
    """
    return (len(text.encode()) + len(text)) // 2


def _expect_exact(table: pl.DataFrame) -> None:
    """Check that a spreadsheet keeps the cents of all amounts.

    Raises:  ContractError if an amount is too large for a spreadsheet
    """
    amounts = [n for n, kind in table.schema.items() if kind.is_integer() and is_amount(n)]
    if amounts:
        largest = table.select(pl.col(amounts).abs().max()).row(0, named=True)
        for name in sorted(name for name, fen in largest.items() if (fen or 0) >= AMOUNT_LIMIT_FEN):
            raise ContractError(f"an amount of {name} is too large for a spreadsheet")


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    """Write a column's values, before they stand in cells."""
    if kind.is_integer() and is_amount(name):
        return yuan_column(name)
    if kind.is_integer() and is_share(name):
        digits = (pl.col(name) % 10_000).cast(pl.String).str.zfill(4)
        whole = (pl.col(name) // 10_000).cast(pl.String)
        return pl.concat_str(whole, pl.lit("."), digits).alias(name)
    return pl.col(name).cast(pl.String)


def _escaped(texts: pl.Expr) -> pl.Expr:
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        texts = texts.str.replace_all(plain, safe, literal=True)
    return texts.str.replace_all(UNWRITABLE, "\ufffd")
