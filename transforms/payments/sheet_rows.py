"""Rows of a worksheet by the hundred thousand: text cells written set by set, not cell by cell."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

ROWS_A_CHUNK = 20_000
STYLE = re.compile(rb'<col [^>]*style="(\d+)"')
DIMENSION = re.compile(rb'<dimension ref="[^"]*"/>')
ROWS_END = b"</sheetData>"
STAMP = (1980, 1, 1, 0, 0, 0)


def fill_sheets(workbook: bytes, tables: Mapping[int, pl.DataFrame]) -> bytes:
    """Put rows below the headings of worksheets that were written with headings only.

    Rows:    tables  per sheet number (1 = first): one row per frame row, every column text
    Holds:   each cell is an inline string in the column's own style: never a formula or link;
             the same workbook and rows give the same bytes
    """
    filled = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as source,
        zipfile.ZipFile(filled, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        names = {f"xl/worksheets/sheet{number}.xml": table for number, table in tables.items()}
        for entry in source.infolist():
            content = source.read(entry)
            info = zipfile.ZipInfo(entry.filename, STAMP)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            table = names.get(entry.filename)
            with target.open(info, "w", force_zip64=True) as stream:
                for part in [content] if table is None else _with_rows(content, table):
                    stream.write(part)
    return filled.getvalue()


def _with_rows(sheet: bytes, table: pl.DataFrame) -> Iterator[bytes]:
    found = STYLE.search(sheet)
    assert found is not None, "the sheet's columns have a style"
    last = f"{column_name(table.width - 1)}{table.height + 1}"
    head, rows_end, tail = DIMENSION.sub(f'<dimension ref="A1:{last}"/>'.encode(), sheet).partition(
        ROWS_END
    )
    yield head
    for start in range(0, table.height, ROWS_A_CHUNK):
        rows = table.slice(start, ROWS_A_CHUNK)
        yield "".join(row_texts(rows, start + 2, int(found.group(1)))).encode()
    yield rows_end + tail


def row_texts(table: pl.DataFrame, first_row: int, style: int) -> Sequence[str]:
    """Write each row as XML.

    >>> row_texts(pl.DataFrame({"x": ["1 < 2"]}), 2, 3)[0]
    '<row r="2"><c r="A2" s="3" t="inlineStr"><is><t>1 &lt; 2</t></is></c></row>'
    """
    number = (pl.int_range(pl.len()) + first_row).cast(pl.String)
    parts: list[pl.Expr] = [pl.lit('<row r="'), number, pl.lit('">')]
    for place, name in enumerate(table.columns):
        parts += [
            pl.lit(f'<c r="{column_name(place)}'),
            number,
            pl.lit(f'" s="{style}" t="inlineStr"><is><t>'),
            _escaped(pl.col(name)),
            pl.lit("</t></is></c>"),
        ]
    row = pl.concat_str(*parts, pl.lit("</row>"))
    return table.select(row.alias("row"))["row"].to_list()


def _escaped(texts: pl.Expr) -> pl.Expr:
    escaped = texts.fill_null("")
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        escaped = escaped.str.replace_all(plain, safe, literal=True)
    return escaped


def column_name(place: int) -> str:
    """Return the letter of a column by its place from 0.

    >>> column_name(0), column_name(25)
    ('A', 'Z')
    """
    assert 0 <= place < 26, "a sheet here has at most 26 columns"
    return chr(ord("A") + place)


def yuan_column(name: str) -> pl.Expr:
    """Write a column of fen as yuan with two decimals, as yuan_text does for one amount."""
    fen = pl.col(name).abs()
    sign = pl.when(pl.col(name) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(
        sign,
        (fen // 100).cast(pl.String),
        pl.lit("."),
        (fen % 100).cast(pl.String).str.zfill(2),
    ).alias(name)
