"""Files of every kind and format, and what can happen to one: the same number, the same file."""

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import xlsxwriter

from tests.faults.hostile_files import parquet
from tests.ingest.ingest_drops import LI, ROWS, WANG, ZHANG, csv_text
from transforms.answers.clerical import ASKED, ASKED_COLUMNS, CODE_LENGTH, ROWS_COLUMNS
from transforms.answers.clerical import ROWS as ABOUT
from transforms.digest import text_digest
from transforms.payments.profile import default_profile

Bytes = tuple[str, bytes]
ROWS_OF_A_FILE = 12
NASTY = (
    *('"', '""', ",", "\t", "\n", "\r", "\r\n", "\0", "\x1b[31m", "\ufeff", "\ufffd", "锟斤拷"),
    *("9" * 5000, "x" * 40_000, "-0", "1e308", "nan", "0x1", "１２", "٣", "𠮷", "\u202e", "\u2028"),
    *(
        "0000-00-00",
        "9999-12-31",
        "2020-02-30",
        "合计",
        "制表人",
        "=1+1",
        "'",
        "\\",
        "&lt;",
        "<",
        "]]>",
    ),
    *("18446744073709551616", "(1)", "￥", "1,2,3", "是", "否", "\x85", "\x0b", "\x1c", "|", "&x;"),
)


@dataclass(frozen=True)
class Mutated:
    """A file after what happened to it: for whom it is, what it is called, and what it holds.

    `told`: a delivery note beside it.
    """

    reader: str
    name: str
    content: bytes
    told: bytes | None = None


def mutated(seed: str, number: int) -> Mutated:
    """Give file `number` of a seed."""
    chance = random.Random(f"{seed}/{number}")
    reader = chance.choices(
        ("csv", "xlsx", "parquet", "note", "return", "xml", "workbook", "statement"),
        (8, 4, 4, 2, 2, 2, 1, 2),
    )[0]
    name, content = BASES[reader](chance)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        content = mutate(chance, content, reader)
    if reader == "note":
        return Mutated(reader, "residents.csv", _residents(), content)
    return Mutated(reader, name, content)


def mutate(chance: random.Random, content: bytes, reader: str) -> bytes:
    """Do one thing to a file; to a workbook more often inside than to its packing."""
    if reader in ("xlsx", "workbook") and chance.random() < 0.8:
        return _inside_of_zip(chance, content)
    return chance.choice(MUTATIONS)(chance, content)


def _inside_of_zip(chance: random.Random, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return content
    if not parts:
        return content
    name = chance.choice([*parts, *(part for part in parts if "sheet" in part.lower()), *parts])
    parts[name] = chance.choice(MUTATIONS)(chance, parts[name])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, inner in parts.items():
            archive.writestr(part, inner)
    return packed.getvalue()


def _place(chance: random.Random, content: bytes) -> int:
    return chance.randrange(len(content) + 1)


def _slice(chance: random.Random, content: bytes) -> slice:
    start = _place(chance, content)
    return slice(start, start + chance.choice((1, 2, 3, 8, 40, 400)))


def _flip(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut_out(chance: random.Random, content: bytes) -> bytes:
    out = _slice(chance, content)
    return content[: out.start] + content[out.stop :]


def _cut_off(chance: random.Random, content: bytes) -> bytes:
    return content[: _place(chance, content)]


def _double(chance: random.Random, content: bytes) -> bytes:
    part, at = content[_slice(chance, content)], _place(chance, content)
    return content[:at] + part * chance.choice((1, 2, 60)) + content[at:]


def _put_in(chance: random.Random, content: bytes) -> bytes:
    encoding = chance.choice(("utf-8", "utf-8", "gb18030"))
    at, part = _place(chance, content), chance.choice(NASTY).encode(encoding)
    return content[:at] + part + content[at:]


def _put_instead(chance: random.Random, content: bytes) -> bytes:
    out, part = _slice(chance, content), chance.choice(NASTY).encode()
    return content[: out.start] + part + content[out.stop :]


def _noise(chance: random.Random, content: bytes) -> bytes:
    at = _place(chance, content)
    return content[:at] + chance.randbytes(chance.choice((1, 4, 16))) + content[at:]


def _other_ends(chance: random.Random, content: bytes) -> bytes:
    old, new = chance.sample((b"\r\n", b"\n", b"\r"), 2)
    return content.replace(old, new, chance.choice((1, 2, -1)))


def _cell_changed(chance: random.Random, content: bytes) -> bytes:
    """Put something else between two separators."""
    separator = chance.choice((b",", b",", b"\t", b"|", b">"))
    cells = content.split(separator)
    place = chance.randrange(len(cells))
    cells[place] = chance.choice((*NASTY, "", " ")).encode()
    return separator.join(cells)


def _lines_shuffled(chance: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _cut_out, _cut_off, _double, _put_in, _put_in, _put_instead, _noise),
    *(_other_ends, _cell_changed, _cell_changed, _lines_shuffled),
)


def _rows(kind: str) -> list[dict[str, str]]:
    """Give some rows of a kind, ids apart."""
    model = ROWS[kind]
    rows = []
    for number in range(ROWS_OF_A_FILE):
        ids = {key: (ZHANG, LI, WANG)[number % 3] for key, cell in model.items() if cell == ZHANG}
        keys = {key: f"{cell}{number}" for key, cell in model.items() if cell in ("S1", "U1", "P1")}
        rows.append(model | ids | keys)
    return rows


def _residents() -> bytes:
    return csv_text(_rows("residents")).encode()


def _csv(chance: random.Random) -> Bytes:
    kind = chance.choice(list(ROWS))
    separator, end = chance.choice(",,,\t"), chance.choice(("\n", "\n", "\r\n", "\r"))
    text = csv_text(_rows(kind), separator, end)
    if chance.random() < 0.5:
        text = end.join(_quoted(line, separator) for line in text.split(end))
    title = chance.choice(("", "", f"标题{end}"))
    encoding = chance.choice(("utf-8", "utf-8-sig", "gb18030"))
    return f"{kind}.csv", (title + text).encode(encoding)


def _quoted(line: str, separator: str) -> str:
    return separator.join(f'"{cell}"' for cell in line.split(separator)) if line else line


def _sheets(sheets: dict[str, list[list[Any]]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"}) as book:
        for title, rows in sheets.items():
            page = book.add_worksheet(title)
            for number, cells in enumerate(rows):
                page.write_row(number, 0, cells)
    return content.getvalue()


@cache
def _xlsx_of(kind: str) -> bytes:
    rows = _rows(kind)
    cells = [[*map(_as_cell, row.values())] for row in rows]
    return _sheets({"Sheet1": [["标题"], list(rows[0]), *cells]})


def _as_cell(text: str) -> object:
    if text.isdigit() and len(text) < 8:
        return int(text)
    return date.fromisoformat(text) if len(text) == 10 and text[4] == "-" else text


def _xlsx(chance: random.Random) -> Bytes:
    kind = chance.choice(list(ROWS))
    return f"{kind}.xlsx", _xlsx_of(kind)


@cache
def _parquet_of(kind: str, form: int) -> bytes:
    rows = _rows(kind)
    columns = {label: _typed([row[label] for row in rows], form) for label in rows[0]}
    return parquet(columns, compression=("none", "snappy", "zstd", "none")[form])


def _typed(cells: list[str], form: int) -> pa.Array:
    """Give a column its type in some of the forms in which one is written."""
    if form == 0:
        return pa.array(cells)
    if all(len(cell) == 10 and cell[4] == "-" for cell in cells):
        days = [date.fromisoformat(cell) for cell in cells]
        points = pa.array([datetime(*day.timetuple()[:3]) for day in days], pa.timestamp("us"))
        return pa.array(days) if form == 1 else points
    if all(cell.isdigit() and len(cell) < 8 for cell in cells):
        return pa.array([float(cell) if form == 2 else int(cell) for cell in cells])
    if all(cell.replace(".", "", 1).isdigit() for cell in cells) and form == 3:
        return pa.array([Decimal(cell) for cell in cells])
    return pa.array(cells).dictionary_encode() if form == 3 else pa.array(cells)


def _parquet(chance: random.Random) -> Bytes:
    kind = chance.choice(list(ROWS))
    return f"{kind}.parquet", _parquet_of(kind, chance.randrange(4))


def _note(chance: random.Random) -> Bytes:
    rows = [
        {"文件名": "residents.csv", "行数": str(ROWS_OF_A_FILE), "金额合计(元)": "", "SHA256": ""}
    ]
    text = csv_text(rows * chance.choice((1, 2)), end=chance.choice(("\n", "\r\n", "\r")))
    return "交接单.csv", text.encode(chance.choice(("utf-8", "utf-8-sig", "gb18030")))


def _return_file(chance: random.Random) -> Bytes:
    form = default_profile().answer
    states = list(form.words)
    lines = [
        (form.separator or "|").join(
            (f"P{number}", chance.choice(states), "账号不存在", "20200401")
        )
        for number in range(ROWS_OF_A_FILE)
    ]
    return "return.txt", "\r\n".join(lines).encode(form.encoding)


def _statement(chance: random.Random) -> Bytes:
    form = default_profile().statement
    lines = ["日期|借贷|金额|对方账号|对方户名|摘要"]
    for number in range(ROWS_OF_A_FILE):
        side, purpose = chance.choice(list(form.words)), f"代发P{number:031X}"
        lines.append("|".join(("20200401", side, "1,146.00", "622200", "某", purpose)))
    encoding = chance.choice(("utf-8", "utf-8-sig", form.encoding))
    return "statement.txt", "\r\n".join(lines).encode(encoding)


def _pain002(chance: random.Random) -> Bytes:
    status = chance.choice(("ACSC", "RJCT"))
    one = (
        f"<TxInfAndSts><OrgnlEndToEndId>P1</OrgnlEndToEndId><TxSts>{status}</TxSts><StsRsnInf>"
        "<AddtlInf>账号</AddtlInf></StsRsnInf></TxInfAndSts>\n"
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE x [<!ENTITY x "x">]>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr>'
        "<CreDtTm>2020-04-01T10:00:00</CreDtTm></GrpHdr><OrgnlPmtInfAndSts>\n"
        f"{one * 3}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
    return "answer.xml", text.encode(chance.choice(("utf-8", "utf-8-sig")))


@cache
def _decided() -> bytes:
    key = ("stability_refund", "2020", "A", "A", "s5_is_enterprise")
    number = text_digest("|".join(key))[:CODE_LENGTH]
    answered = [[*ASKED_COLUMNS], [number, "是", "王", "2020-04-01", ""]]
    return _sheets({ASKED: [["人工裁定"], *answered], ABOUT: [[*ROWS_COLUMNS], [number, *key, ""]]})


def _workbook(chance: random.Random) -> Bytes:
    return "clerical_decisions.xlsx", _decided()


BASES: dict[str, Callable[[random.Random], Bytes]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "note": _note,
    "return": _return_file,
    "xml": _pain002,
    "workbook": _workbook,
    "statement": _statement,
}
