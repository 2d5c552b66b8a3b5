"""Drops that fight back: each makes its files in a folder, cheaply, whatever they unpack to."""

import io
import struct
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

from tests.ingest.ingest_drops import LI, WANG, csv_text, row

LABELS = ["身份证号", "姓名", "户号", "户籍地代码"]
PERSON = row("residents", 身份证号=LI)
RESIDENTS = csv_text([PERSON, row("residents", 身份证号=WANG, 姓名="王五")])
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATED}"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
SHEET = "xl/worksheets/sheet1.xml"


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_rows(rows: list[list[str]]) -> str:
    """Write rows as sheet XML, every cell with its place."""
    lines = []
    for number, cells in enumerate(rows, start=1):
        inner = "".join(
            text_cell(f"{'ABCDEFGH'[at]}{number}", cell) for at, cell in enumerate(cells)
        )
        lines.append(f'<row r="{number}">{inner}</row>')
    return "".join(lines)


def sheet_xml(more: str = "") -> str:
    return (
        f"<worksheet {MAIN}><sheetData>{sheet_rows([LABELS, list(PERSON.values())])}{more}"
        "</sheetData></worksheet>"
    )


def workbook(sheet: str, **parts: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**PARTS, SHEET: sheet, **parts}.items():
            archive.writestr(name, text)
    return content.getvalue()


def bomb(size: int, head: bytes, filling: bytes, tail: bytes, declared: int | None = None) -> bytes:
    """Make a workbook whose sheet unpacks to `size` bytes; `declared` is what its directory says.

    The filling is packed once: after a full flush the same packed bytes can stand any number of times.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = filling * ((1 << 20) // len(filling))
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    times = size // len(block)
    packed = first + middle * times + packer.compress(tail) + packer.flush()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        entry = zipfile.ZipInfo(SHEET)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.header_offset = archive.fp.tell()  # type: ignore[union-attr]
        entry.CRC, entry.compress_size = 0, len(packed)
        whole = len(head) + len(block) * times + len(tail)
        entry.file_size = whole if declared is None else declared
        archive.fp.write(entry.FileHeader(zip64=True) + packed)  # type: ignore[union-attr]
        archive.filelist.append(entry)
        archive.NameToInfo[entry.filename] = entry
        archive.start_dir = archive.fp.tell()  # type: ignore[union-attr]
        archive._didModify = True  # type: ignore[attr-defined]
    return content.getvalue()


HEAD, TAIL = sheet_xml().split("</sheetData>")
TAIL = "</sheetData>" + TAIL


def bomb_of_rows(size: int, declared: int | None = None) -> bytes:
    return bomb(
        size,
        HEAD.encode(),
        sheet_rows([list(PERSON.values())]).replace(' r="1"', "").replace(' r="A1"', "").encode(),
        TAIL.encode(),
        declared,
    )


def bomb_of_text(size: int, declared: int | None = None) -> bytes:
    head = HEAD + '<row><c t="inlineStr"><is><t>'
    return bomb(size, head.encode(), b"x" * 1024, ("</t></is></c></row>" + TAIL).encode(), declared)


def parquet(columns: dict[str, object], **options: object) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, **options)  # type: ignore[arg-type]
    return content.getvalue()


def people(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        label: pa.array([cell] * 2) for label, cell in zip(LABELS, PERSON.values(), strict=True)
    }
    return plain | changes


def repeated(rows: int) -> bytes:
    """Make a Parquet file of one row, many times."""
    content = io.BytesIO()
    at_once = 1 << 22

    def times(cell):
        return pa.DictionaryArray.from_arrays(
            pa.array(bytes(4 * at_once), None)
            if False
            else pa.Array.from_buffers(
                pa.int32(), at_once, [None, pa.py_buffer(bytes(4 * at_once))]
            ),
            pa.array([cell]),
        )

    table = pa.table(
        {label: times(cell) for label, cell in zip(LABELS, PERSON.values(), strict=True)}
    )
    with pq.ParquetWriter(content, table.schema, compression="zstd") as writer:
        for _ in range(max(1, rows // at_once)):
            writer.write_table(table, row_group_size=at_once)
    return content.getvalue()


def bad_text(raw: bytes) -> pa.Array:
    offsets = pa.py_buffer(struct.pack("<3i", 0, len(raw), len(raw)))
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(raw)])


def great_cell(size: int) -> bytes:
    cell = pa.Array.from_buffers(
        pa.large_string(),
        1,
        [None, pa.py_buffer(struct.pack("<2q", 0, size)), pa.py_buffer(b"x" * size)],
    )
    columns = {label: pa.array([cell]) for label, cell in zip(LABELS, PERSON.values(), strict=True)}
    return parquet(
        columns | {"姓名": cell}, compression="zstd", use_dictionary=False, write_statistics=False
    )
