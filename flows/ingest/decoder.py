"""Take XLSX and Parquet files apart, in a process of its own with limits: it may die of one.

Per file it is told format and path in one line of JSON, says in one line what there is (sheets or
columns), hears in one line which are wanted, and writes those as an Arrow stream, then one line
more. Why a file can't be taken it says on stderr, and ends.
"""

import json
import os
import resource
import sys
import zipfile
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.ingest import sheet_marks
from flows.machine import keep_limit
from transforms.extracts.cell_text import cell_text

MEMORY_BYTES = 2 << 30
# Of processor time, and one more per MiB of the file.
SECONDS = 8
# An ordinary workbook unpacks to ten or fifteen times its size.
LARGEST_UNPACKED_BYTES, LARGEST_RATIO, SMALL_BYTES = 2 << 30, 50, 64 << 20
MOST_COLUMNS = 1000
# An ordinary row takes two bytes or more, however well it is packed.
MOST_ROWS_PER_BYTE, FEW_ROWS = 4, 1_000_000
LONGEST_CELL_BYTES = 1 << 20
SHEET_ROWS_AT_ONCE, PARQUET_ROWS_AT_ONCE = 50_000, 250_000
# Of the sheets that are not read: enough to see whether one has a header.
ROWS_BESIDE = 60
# Parts of workbooks that are packed like an XLSX file and are none.
OTHER_KINDS = {"content.xml", "xl/workbook.bin"}
# How workbooks begin, by the ending that such a file should have.
BOOKS = {".xlsx": b"PK\x03\x04", ".xls": b"\xd0\xcf\x11\xe0"}
REFUSED, ALL_SAID = "refused: ", "all said"
TITLES = {"xlsx": "XLSX workbook", "parquet": "Parquet file"}
AGAIN = "have it exported again"
IS_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
IS_VALUE = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)

Decoding = Generator[Any, Any, None]


def main() -> None:
    """Take files apart until there is no more to do."""
    keep_limit(resource.RLIMIT_AS, MEMORY_BYTES)
    keep_limit(resource.RLIMIT_FSIZE, 0)
    keep_limit(resource.RLIMIT_CORE, 0)
    # Every thread reserves address space of its own.
    pa.set_cpu_count(min(2, pa.cpu_count()))
    pa.set_io_thread_count(1)
    while line := sys.stdin.readline():
        form, path = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + SECONDS + (os.path.getsize(path) >> 20)
        keep_limit(resource.RLIMIT_CPU, seconds)
        try:
            answer(decode_sheet(path) if form == "xlsx" else decode_parquet(path))
        except (BrokenPipeError, MemoryError):
            raise
        except Exception as broken:
            raise refuse(f"is no {TITLES[form]} that can be read (damaged?); {AGAIN}") from broken


def answer(decoding: Decoding) -> None:
    """Offer what a file holds, hear what is wanted, write it; the last line says that it is all."""
    print(json.dumps(next(decoding)), flush=True)
    batch = decoding.send(json.loads(sys.stdin.readline()))
    stream = pa.ipc.new_stream(sys.stdout.buffer, batch.schema)
    stream.write_batch(batch)
    for batch in decoding:
        stream.write_batch(batch)
    stream.close()
    print(ALL_SAID, flush=True)


def refuse(why: str) -> SystemExit:
    """Make the exception that ends this process and says why."""
    return SystemExit(REFUSED + why)


def decode_sheet(path: str) -> Decoding:
    """Offer the sheets, hidden ones last; give the wanted one's rows, and what is beside them.

    Per column come its texts, then which are numbers. One that is wanted alone comes without the
    tops of the others.
    """
    from python_calamine import CalamineError, SheetVisibleEnum

    refuse_bomb(path)
    try:
        book = book_at(path)
        if not book.sheet_names:
            raise refuse("holds no sheet; have it exported again")
        visible = SheetVisibleEnum.Visible
        hidden = [one.name for one in book.sheets_metadata if one.visible != visible]
        asked = yield sorted(book.sheet_names, key=hidden.__contains__)
        wanted = asked["sheet"]
        beside = [name for name in book.sheet_names if name != wanted and not asked["is_alone"]]
        others = {name: top_of(book, name) for name in beside}
        sheet = book.get_sheet_by_name(wanted)
    except CalamineError as broken:
        raise refuse(
            "can't be opened as an XLSX workbook (damaged, or with a password); save it again as "
            ".xlsx and deliver it again"
            if start_of(path) in BOOKS.values()
            else "is named like a workbook and is none (a web page, XML or text?); open it, save "
            "it as .xlsx and deliver that"
        ) from broken
    if sheet.width > MOST_COLUMNS:
        raise refuse(
            f"its sheet is {sheet.width} columns wide, {MOST_COLUMNS} are read: delete the cells "
            "that stand far outside the table"
        )
    marks, said = marks_of(path, wanted, asked["is_alone"])
    left = sheet.start[1] if sheet.start else 0
    rows: Iterator[list[object]] = rows_of(sheet)
    if sheet.merged_cell_ranges:
        rows = sheet_marks.with_merges(rows, sheet.merged_cell_ranges, left)
    if marks:
        rows = sheet_marks.with_marks(rows, marks, left, sheet.width)
    first = batch_of_rows(list(islice(rows, SHEET_ROWS_AT_ONCE)), sheet.width)
    more = {"others": others, "hidden": hidden, "left": left, **said}
    yield first.replace_schema_metadata({"beside": json.dumps(more)})
    while some := list(islice(rows, SHEET_ROWS_AT_ONCE)):
        yield batch_of_rows(some, sheet.width)


def book_at(path: str) -> Any:
    """Open a workbook as what it is: the library goes by the name, where there is one."""
    from python_calamine import CalamineWorkbook

    starts = {ending: start for ending, start in BOOKS.items() if not path.lower().endswith(ending)}
    if start_of(path) in starts.values():
        with open(path, "rb") as file:
            return CalamineWorkbook.from_filelike(file)
    return CalamineWorkbook.from_path(path)


def start_of(path: str) -> bytes:
    """Give the first bytes of a file, by which workbooks are told."""
    with open(path, "rb") as file:
        return file.read(4)


def top_of(book: Any, name: str) -> list[list[str]]:
    """Give the first rows of a sheet that is not read, as texts; none of a chart."""
    from python_calamine import SheetTypeEnum

    types = {one.name: one.typ for one in book.sheets_metadata}
    if types[name] != SheetTypeEnum.WorkSheet:
        return []
    sheet = book.get_sheet_by_name(name)
    if sheet.width > MOST_COLUMNS:
        return []
    return [[cell_text(cell) for cell in row] for row in islice(rows_of(sheet), ROWS_BESIDE)]


def marks_of(path: str, name: str, is_alone: bool) -> tuple[sheet_marks.Marks, dict[str, Any]]:
    """Find the cells of a sheet that only look empty, and how its book shows days and numbers.

    Of one that is wanted alone also what people put on it beside its cells; an .xls does not tell.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sheet_marks.marks_of_sheet(archive, name), {
                "from_1904": sheet_marks.is_from_1904(archive),
                "other_unit": sheet_marks.shows_other_unit(archive),
                "attached": sheet_marks.attached_to(archive, name) if is_alone else [],
            }
    with open(path, "rb") as old:
        content = old.read()
    if sheet_marks.OLD_ERROR.search(content):
        raise refuse(
            "holds cells with errors (#N/A and the like), which an .xls does not tell from empty "
            "ones: correct them, or save it again as .xlsx"
        )
    is_from_1904 = sheet_marks.OLD_CALENDAR in content
    return {}, {"from_1904": is_from_1904, "other_unit": False, "attached": []}


def refuse_bomb(path: str) -> None:
    """Add up what the workbook's own directory says that its parts unpack to."""
    packed = os.path.getsize(path)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            is_other = OTHER_KINDS.intersection(archive.namelist())
    except zipfile.BadZipFile:
        return
    if is_other:
        raise refuse("is an .ods or .xlsb workbook; save it as .xlsx and deliver that")
    is_bomb = unpacked > SMALL_BYTES and unpacked > LARGEST_RATIO * packed
    if is_bomb or unpacked > LARGEST_UNPACKED_BYTES:
        raise refuse(
            f"{packed >> 20} MiB that unpack to {unpacked >> 20} MiB are no ordinary workbook; "
            "deliver it in parts, or as CSV"
        )


def rows_of(sheet: Any) -> Iterator[list[object]]:
    """Give a sheet's rows from its first on; a date that no calendar has kills the library."""
    rows, number = sheet.iter_rows(), 0
    while True:
        number += 1
        try:
            row = next(rows, None)
        except BaseException as panic:
            raise refuse(
                f"row {number}: a cell can't be read (a date that no calendar has?); correct it"
            ) from panic
        if row is None:
            return
        yield row


def batch_of_rows(rows: list[list[object]], width: int) -> pa.RecordBatch:
    """Lay rows out in columns: texts, then for each column which of its cells were numbers."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * width
    texts = [pa.array([cell_text(cell) for cell in cells], pa.string()) for cells in columns]
    numbers = [
        pa.array([isinstance(cell, float) for cell in cells], pa.bool_()) for cells in columns
    ]
    names = [str(place) for place in range(2 * width)]
    return checked(pa.RecordBatch.from_arrays(texts + numbers, names))


def decode_parquet(path: str) -> Decoding:
    """Offer the columns' labels; give the wanted ones, of types that mean something."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    rows = sum(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    if rows > FEW_ROWS and rows > MOST_ROWS_PER_BYTE * os.path.getsize(path):
        raise refuse(f"{rows} rows in so small a file only repeat each other; {AGAIN}")
    stored = pq.read_schema(path)
    wanted = yield stored.names
    for label in wanted["columns"]:
        refuse_type(stored.field(label))
    file = pq.ParquetFile(path, read_dictionary=wanted["coded"])
    schema = pa.schema([file.schema_arrow.field(label) for label in wanted["columns"]])
    yield pa.RecordBatch.from_pylist([], schema)
    for batch in file.iter_batches(PARQUET_ROWS_AT_ONCE, columns=schema.names):
        yield checked(batch.select(schema.names))


def refuse_type(field: pa.Field) -> None:
    """Take texts, numbers and dates; refuse bytes, whatever is nested, and unknown time zones."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    tests = IS_TEXT if kind != field.type else (*IS_TEXT, *IS_VALUE)
    if not any(is_such(kind) for is_such in tests):
        raise refuse(
            f"column {field.name} is of type {field.type}; expected text, numbers or dates; {AGAIN}"
        )
    if pa.types.is_timestamp(kind) and kind.tz:
        try:
            pc.local_timestamp(pa.array([0], kind))
        except pa.ArrowInvalid as unknown:
            raise refuse(
                f"column {field.name}: no time zone {kind.tz} is known; {AGAIN}"
            ) from unknown


def checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Look at the bytes of all texts: UTF-8, and none so long that it can be no cell."""
    for label, column in zip(batch.schema.names, batch.columns, strict=True):
        texts = column.dictionary if pa.types.is_dictionary(column.type) else column
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as broken:
            raise refuse(f"column {label} holds text that is no UTF-8; {AGAIN}") from broken
        if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
            longest = pc.max(pc.binary_length(texts)).as_py() or 0
            if longest > LONGEST_CELL_BYTES:
                raise refuse(f"column {label} holds a cell of {longest >> 10} KiB; {AGAIN}")
    return batch


if __name__ == "__main__":
    main()
