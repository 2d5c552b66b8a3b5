"""Rows of a worksheet by the hundred thousand: written column by column, not cell by cell."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    table = rows.table
    number = (pl.int_range(pl.len()) + rows.first_row).cast(pl.String)
    parts: list[pl.Expr] = [pl.lit('<row r="'), number, pl.lit('"'), _height(rows), pl.lit(">")]
    special = _special(table)
    for place, (name, style) in enumerate(zip(table.columns, styles, strict=True)):
        parts += [pl.lit(f'<c r="{xl_col_to_name(place)}'), number, pl.lit(f'" s="{style}"')]
        parts.append(_cell(table, name, is_special=name in special))
    row = pl.concat_str(*parts, pl.lit("</row>"))
    return table.select(row.alias("row"))["row"].to_list()


def _height(rows: Rows) -> pl.Expr:
    """Say how high a row is whose texts need more than one line; programs do not find out."""
    lines = [
        # Bytes and characters: a Chinese character has three bytes and is two wide.
        (pl.col(name).str.len_bytes() + pl.col(name).str.len_chars())
        .cast(pl.Int64)
        .sub(1)
        .floordiv(2 * (width - 1))
        .add(pl.col(name).str.count_matches("\n").cast(pl.Int64) + 1)
        for name, width in zip(rows.table.columns, rows.widths, strict=True)
        if rows.table.schema[name] == pl.String
    ]
    if not lines:
        return pl.lit("")
    most = pl.max_horizontal(lines).clip(1, MOST_LINES)
    points = (most * LINE_POINTS + ROW_POINTS).cast(pl.String)
    height = pl.concat_str(pl.lit(' ht="'), points, pl.lit('" customHeight="1"'))
    return pl.when(most > 1).then(height).otherwise(pl.lit(""))


def display_width(text: str) -> int:
    """Count a Chinese character as two wide.

    >>> display_width("金额(元)"), display_width("")
    (8, 0)
    """
    return (len(text.encode()) + len(text)) // 2


def _special(table: pl.DataFrame) -> set[str]:
    """Name the columns in which a text has a sign that XML writes otherwise.

    Raises:  ContractError if an amount is too large for a spreadsheet
    """
    texts = [
        pl.col(n).str.contains(SPECIAL) for n, kind in table.schema.items() if kind.is_(pl.String)
    ]
    amounts = [
        pl.col(name).abs() >= AMOUNT_LIMIT_FEN
        for name, kind in table.schema.items()
        if kind.is_integer() and is_amount(name)
    ]
    found = table.select(column.any() for column in (*texts, *amounts))
    special = {name for name in found.columns if found[name].item()}
    for name in sorted(special):
        if table.schema[name].is_integer():
            raise ContractError(f"an amount of {name} is too large for a spreadsheet")
    return special


def _cell(table: pl.DataFrame, name: str, *, is_special: bool) -> pl.Expr:
    if table.schema[name].is_integer():
        value = pl.col(name).cast(pl.String)
        if is_amount(name):
            value = yuan_column(name)
        if is_share(name):
            digits = (pl.col(name) % 10_000).cast(pl.String).str.zfill(4)
            value = pl.concat_str((pl.col(name) // 10_000).cast(pl.String), pl.lit("."), digits)
        written = pl.concat_str(pl.lit("><v>"), value, pl.lit("</v></c>"))
        return written.fill_null("/>")
    text = _escaped(pl.col(name)) if is_special else pl.col(name)
    opened = pl.lit(' t="inlineStr"><is><t xml:space="preserve">')
    written = pl.concat_str(opened, text, pl.lit("</t></is></c>"))
    return pl.when(pl.col(name) != "").then(written).otherwise(pl.lit("/>"))


def _escaped(texts: pl.Expr) -> pl.Expr:
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        texts = texts.str.replace_all(plain, safe, literal=True)
    return texts.str.replace_all(UNWRITABLE, "\ufffd")
