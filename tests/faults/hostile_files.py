"""Workbooks and Parquet files that fight back, made cheaply whatever they unpack to."""

import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.ingest.ingest_drops import LI, row

PERSON = row("residents", 身份证号=LI)
LABELS = list(PERSON)
OPEN_XML = "http://schemas.openxmlformats.org"
MAIN = f'xmlns="{OPEN_XML}/spreadsheetml/2006/main"'
RELATIONS = f'xmlns="{OPEN_XML}/package/2006/relationships"'
OFFICE = f"{OPEN_XML}/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-package.relationships+xml"
SHEET = "xl/worksheets/sheet1.xml"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{OPEN_XML}/package/2006/content-types">'
    f'<Default Extension="rels" ContentType="{TYPE}"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": f"<Relationships {RELATIONS}><Relationship "
    f'Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f"<Relationships {RELATIONS}><Relationship "
    f'Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship '
    f'Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet {MAIN}><cellXfs><xf numFmtId="0"/>'
    '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
}


def text_cell(place: str, text: str) -> str:
    """Write a cell; its place may be left out."""
    at = f' r="{place}"' if place else ""
    return f'<c{at} t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_row(cells: Sequence[str], number: int | None = None) -> str:
    """Write a row of texts, at a place or after the one before."""
    at = "" if number is None else f' r="{number}"'
    return f"<row{at}>{''.join(text_cell('', cell) for cell in cells)}</row>"


def sheet(*rows: str) -> str:
    """Write a sheet of residents: header, one person, and more rows as they are given."""
    top = sheet_row(LABELS, 1) + sheet_row(list(PERSON.values()), 2)
    return f"<worksheet {MAIN}><sheetData>{top}{''.join(rows)}</sheetData></worksheet>"


def workbook(content: str, parts: Mapping[str, str] | None = None) -> bytes:
    """Pack a sheet as a workbook."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**PARTS, SHEET: content, **(parts or {})}.items():
            archive.writestr(name, text)
    return packed.getvalue()


def bomb(size: int, filling: str, before: str = "", declared: int | None = None) -> bytes:
    """Make a workbook whose sheet unpacks to `size` bytes; `declared` is what its directory says.

    The filling is packed once: after a full flush the same bytes can stand any number of times.
    """
    head, tail = sheet(before).split("</sheetData>")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head.encode()) + packer.flush(zlib.Z_FULL_FLUSH)
    block = filling.encode() * ((1 << 20) // len(filling.encode()))
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    times = size // len(block)
    last = packer.compress(f"</sheetData>{tail}".encode()) + packer.flush()
    content = first + middle * times + last
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        entry = zipfile.ZipInfo(SHEET)
        entry.compress_type, entry.header_offset = zipfile.ZIP_DEFLATED, packed.tell()
        entry.CRC, entry.compress_size = 0, len(content)
        entry.file_size = len(block) * times if declared is None else declared
        packed.write(entry.FileHeader(zip64=True) + content)
        archive.filelist.append(entry)
        archive.start_dir = packed.tell()
    return packed.getvalue()


def parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    """Write columns as a Parquet file."""
    content = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), content, **options)
    return content.getvalue()


def people(**changes: Any) -> dict[str, Any]:
    """Give the columns of two residents that are the same person."""
    return {label: [cell, cell] for label, cell in PERSON.items()} | changes


def deaths(days: pa.Array) -> dict[str, Any]:
    """Give the columns of two deaths."""
    return {"姓名": ["李四"] * 2, "身份证号": [LI] * 2, "死亡日期": days}


def repeated(rows: int) -> bytes:
    """Write one row many times: a dictionary of one text, and codes that are all the same."""
    at_once = 1 << 22
    codes = pa.Array.from_buffers(pa.int32(), at_once, [None, pa.py_buffer(bytes(4 * at_once))])
    table = pa.table(
        {
            label: pa.DictionaryArray.from_arrays(codes, pa.array([cell]))
            for label, cell in PERSON.items()
        }
    )
    content = io.BytesIO()
    with pq.ParquetWriter(content, table.schema, compression="zstd") as writer:
        for _ in range(rows // at_once):
            writer.write_table(table, row_group_size=at_once)
    return content.getvalue()


def no_text(raw: bytes) -> pa.Array:
    """Make a column of two texts that are no UTF-8; the second is empty."""
    ends = pa.py_buffer(struct.pack("<3i", 0, len(raw), len(raw)))
    return pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(raw)])


def write_great_cell(path: Path, size: int) -> None:
    """Write one person whose name has `size` bytes."""
    ends = pa.py_buffer(struct.pack("<2q", 0, size))
    cell = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(b"x" * size)])
    columns = {label: pa.array([text]) for label, text in PERSON.items()} | {"姓名": cell}
    options: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
    pq.write_table(pa.table(columns), path, compression="zstd", **options)


if __name__ == "__main__":
    write_great_cell(Path(sys.argv[1]), int(sys.argv[2]))
