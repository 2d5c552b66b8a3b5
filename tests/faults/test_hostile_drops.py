"""Input that fights back is refused or read, within memory and time, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from flows.ingest.drop import ingest_drop
from tests.faults.bounded import GIB, ROOT, run_bounded
from tests.faults.hostile_files import (
    MAIN,
    PERSON,
    bomb,
    deaths,
    no_text,
    parquet,
    people,
    repeated,
    sheet,
    sheet_row,
    text_cell,
    workbook,
    write_great_cell,
)
from tests.ingest.ingest_drops import LI, ROWS, WANG, csv_text, listed, row
from transforms.errors import DropRefusedError

MIB = 1 << 20
MOST_SECONDS, MOST_BYTES = 10, 2 * GIB
HEADER, FIRST, SECOND = csv_text([PERSON, row("residents", 身份证号=WANG)]).splitlines()
RESIDENTS = f"{HEADER}\n{FIRST}\n{SECOND}\n"
NOTE = "文件名,行数\nresidents.csv,"
# What is in the drop (a file's content, or what makes it), and what must come of it: words of the
# refusal, or how many rows are found and how many of them accepted.
Content = str | bytes | Callable[[Path], None]
Wanted = tuple[str, ...] | tuple[int, int]


def great_cell(path: Path) -> None:
    """Written by a process of its own: it takes three times the cell's size."""
    words = ["-m", "tests.faults.hostile_files", str(path), str(GIB)]
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT)


def filled(head: str | bytes, piece: bytes, times: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as stream:
            stream.write(head.encode() if isinstance(head, str) else head)
            for _ in range(times):
                stream.write(piece)

    return write


def made(make: Callable[[], bytes]) -> Callable[[Path], None]:
    """Make the content when it is asked for."""

    def write(path: Path) -> None:
        path.write_bytes(make())

    return write


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def shared_texts() -> bytes:
    texts = "<si><t>x</t></si>" * 10**6
    return workbook(sheet(), {"xl/sharedStrings.xml": f"<sst {MAIN}>{texts}</sst>"})


ROW = sheet_row(list(PERSON.values()))
NO_ORDINARY = ("residents.xlsx", "no ordinary workbook", "CSV")
FAR_OUTSIDE = ("residents.xlsx", "far outside", "CSV")
HEAVY: dict[str, tuple[dict[str, Content], Wanted]] = {
    "a workbook of 12 MiB that unpacks to 3 GiB of rows": (
        {"residents.xlsx": made(lambda: bomb(3 * GIB, ROW))},
        NO_ORDINARY,
    ),
    "a workbook of 14 MiB that unpacks to 14 GiB of text": (
        {
            "residents.xlsx": made(
                lambda: bomb(14 * GIB, "x" * 1024, '<row><c t="inlineStr"><is><t>')
            )
        },
        NO_ORDINARY,
    ),
    "a workbook whose directory says that it is small": (
        {
            "residents.xlsx": made(
                lambda: bomb(14 * GIB, "x" * 1024, '<row><c t="inlineStr"><is><t>', 5000)
            )
        },
        ("residents.xlsx",),
    ),
    "rows beyond what a workbook's directory says": (
        {"residents.xlsx": made(lambda: bomb(GIB, ROW, "", 5000))},
        ("residents.xlsx",),
    ),
    "a stray cell at XFD4000": (
        {"residents.xlsx": workbook(sheet(f'<row r="4000">{text_cell("XFD4000", "x")}</row>'))},
        ("residents.xlsx", "2 GiB"),
    ),
    "a stray cell at XFD1048576": (
        {
            "residents.xlsx": workbook(
                sheet(f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>')
            )
        },
        ("residents.xlsx", "CSV"),
    ),
    "a cell beyond the last of any sheet": (
        {"residents.xlsx": workbook(sheet(f'<row r="4294967295">{text_cell("ZZZZ9", "x")}</row>'))},
        ("residents.xlsx",),
    ),
    "a person in the last row of a sheet": (
        {"residents.xlsx": workbook(sheet(f'<row r="1048576">{text_cell("A1048576", LI)}</row>'))},
        (2, 1),
    ),
    "a million shared strings that nobody uses": (
        {"residents.xlsx": made(shared_texts)},
        (1, 1),
    ),
    "a hundred million equal rows of Parquet": (
        {"residents.parquet": made(lambda: repeated(100_000_000))},
        ("residents.parquet", "repeat each other"),
    ),
    "a cell of 1 GiB": ({"residents.parquet": great_cell}, ("residents.parquet",)),
    "a cell of 64 MiB": (
        {"residents.parquet": lambda path: write_great_cell(path, 64 * MIB)},
        ("residents.parquet", "姓名", "65536 KiB"),
    ),
    "3 million equal lines": (
        {"residents.csv": filled(f"{HEADER}\n", f"{FIRST}\n".encode() * 1000, 3000)},
        ("residents.csv", "delivered twice"),
    ),
    "one line of 300 MiB": (
        {"residents.csv": filled(RESIDENTS, b"x" * MIB, 300)},
        ("residents.csv, line 4", "longer"),
    ),
    "one line of 300 MiB in GB18030": (
        {"residents.csv": filled(RESIDENTS.encode("gb18030"), b"x" * MIB, 300)},
        ("residents.csv, line 4", "longer"),
    ),
    "a quote that 200 MiB follow": (
        {"residents.csv": filled(f'{RESIDENTS}"', b"x" * 1023 + b"\n", 200 * 1024)},
        ("residents.csv, line 4", "does not close"),
    ),
    "a header of 400,000 columns": (
        {"residents.csv": f"{HEADER}{',' * 400_000}\n{FIRST}\n"},
        ("residents.csv", "400004 columns wide", "far outside"),
    ),
    "a row of 4 million cells": (
        {"residents.csv": f"{RESIDENTS}{WANG}{',' * 4_000_000}\n"},
        (3, 2),
    ),
    "a pipe for a delivery note": (
        {"residents.csv": RESIDENTS, "交接单.csv": os.mkfifo},
        ("交接单.csv",),
    ),
    "an endless delivery note": (
        {"residents.csv": RESIDENTS, "交接单.csv": link_to("/dev/zero")},
        ("交接单.csv", "link"),
    ),
    "a delivery note of 100 MiB": (
        {"residents.csv": RESIDENTS, "交接单.csv": filled(NOTE, b"2\nresidents.csv,", 7 * MIB)},
        ("交接单.csv", "far too long"),
    ),
    "a delivery note of 80,000 lines": (
        {"residents.csv": RESIDENTS, "交接单.csv": filled(NOTE, b"2\na.csv,", 80_000)},
        ("交接单.csv", "far too long"),
    ),
    "a name that is no UTF-8": (
        {os.fsdecode(b"residents\xff.csv"): RESIDENTS},
        (r"residents\udcff.csv", "no UTF-8"),
    ),
    "a name that steers the terminal": (
        {"residents\x1b[31m\n.csv": RESIDENTS},
        (r"residents\x1b[31m", "can't be seen"),
    ),
}


def fill(folder: Path, files: dict[str, Content]) -> Path:
    drop = folder / "drop"
    drop.mkdir()
    for name, content in files.items():
        if callable(content):
            content(drop / name)
        else:
            (drop / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return drop


@pytest.mark.parametrize("why", HEAVY)
def test_a_drop_that_fights_back_is_refused_or_read_within_the_limits(
    tmp_path: Path, why: str
) -> None:
    files, wanted = HEAVY[why]
    home = tmp_path / "home"
    outcome = run_bounded("ingest", str(fill(tmp_path, files)), "--home", str(home), "--json")
    assert outcome.code == (0 if isinstance(wanted[0], int) else 10), outcome.said
    assert outcome.seconds <= MOST_SECONDS and outcome.peak_bytes <= MOST_BYTES
    assert "\x1b" not in outcome.said + outcome.out and "Traceback" not in outcome.said
    content = json.loads(outcome.out)
    left = [path.name for path in home.rglob("*") if path.name not in (".lock", "snapshots")]
    if isinstance(wanted[0], int):
        assert [(entry["rows"], entry["accepted"]) for entry in content["files"]] == [wanted]
        assert not [name for name in left if name.startswith(".making")]
    else:
        assert not left
        for word in wanted:
            assert str(word) in outcome.said


NESTED = pa.array([["a"], ["b"]])
MAPPED = pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int32()))
FAR_CELL = '<c s="1"><v>9999999999</v></c>'
OF_DEATHS = sheet_row(["姓名", "身份证号", "死亡日期"])
PAID = {label: [cell, cell] for label, cell in ROWS["payroll"].items()}
LONG = "长" * 131_073
LIGHT: dict[str, tuple[dict[str, Content], Wanted]] = {
    "a stray cell at XFD1": (
        {
            "residents.xlsx": workbook(
                sheet().replace("</row>", text_cell("XFD1", "x") + "</row>", 1)
            )
        },
        ("residents.xlsx", "16384 columns", "far outside"),
    ),
    "a date cell beyond all calendars": (
        {
            "deaths.xlsx": workbook(
                f"<worksheet {MAIN}><sheetData>{OF_DEATHS}<row>{text_cell('', '李四')}"
                f"{text_cell('', LI)}{FAR_CELL}</row></sheetData></worksheet>"
            )
        },
        (1, 0),
    ),
    "a workbook with a password": (
        {"residents.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000)},
        ("residents.xlsx", "password"),
    ),
    "a workbook without a sheet": (
        {
            "residents.xlsx": workbook(
                sheet(), {"xl/workbook.xml": f"<workbook {MAIN}><sheets/></workbook>"}
            )
        },
        ("residents.xlsx", "no sheet"),
    ),
    "a workbook's cell of 131,073 characters": (
        {"residents.xlsx": workbook(sheet(sheet_row([WANG, LONG, "H"])))},
        (2, 1),
    ),
    "lists": ({"residents.parquet": parquet(people(姓名=NESTED))}, ("姓名", "list<")),
    "structures": (
        {"residents.parquet": parquet(people(姓名=pa.array([{"a": 1}] * 2)))},
        ("姓名", "struct<"),
    ),
    "maps": ({"residents.parquet": parquet(people(姓名=MAPPED))}, ("姓名", "map<")),
    "bytes": ({"residents.parquet": parquet(people(姓名=[b"a", b"\xff"]))}, ("姓名", "binary")),
    "bytes of one length": (
        {"residents.parquet": parquet(people(姓名=pa.array([b"ab"] * 2, pa.binary(2))))},
        ("姓名", "binary"),
    ),
    "hours of the day": (
        {"deaths.parquet": parquet(deaths(pa.array([1, 0], pa.time64("us"))))},
        ("死亡日期", "time64"),
    ),
    "text that is no UTF-8": (
        {"residents.parquet": parquet(people(姓名=no_text(b"\xff\xfe")))},
        ("residents.parquet", "姓名", "no UTF-8"),
    ),
    "a key that is no UTF-8": (
        {"residents.parquet": parquet(people(身份证号=no_text(b"\xff" * 30)))},
        ("residents.parquet", "身份证号", "no UTF-8"),
    ),
    "an unknown column that is no UTF-8 is not looked at": (
        {"residents.parquet": parquet(people(备注=no_text(b"\xff" * 30)))},
        (2, 1),
    ),
    "a label that is no UTF-8": (
        {
            "residents.parquet": parquet(people(备注一=["", ""])).replace(
                "备注一".encode(), b"\xff" * 9
            )
        },
        ("residents.parquet", "Parquet"),
    ),
    "points in time that no calendar has": (
        {"deaths.parquet": parquet(deaths(pa.array([2**62, -(2**62)], pa.timestamp("us"))))},
        (2, 0),
    ),
    "days that no calendar has": (
        {"deaths.parquet": parquet(deaths(pa.array([2**31 - 1, -(2**31)], pa.date32())))},
        (2, 0),
    ),
    "days of the year 10000": (
        {"deaths.parquet": parquet(deaths(pa.array([2932897, 18293], pa.date32())))},
        (2, 1),
    ),
    "an unknown time zone": (
        {"deaths.parquet": parquet(deaths(pa.array([0, 0], pa.timestamp("us", "Mars/Phobos"))))},
        ("deaths.parquet", "死亡日期", "Mars/Phobos"),
    ),
    "midnight in Shanghai": (
        {
            "deaths.parquet": parquet(
                deaths(pa.array([1580486400000000, 1], pa.timestamp("us", "Asia/Shanghai")))
            )
        },
        (2, 1),
    ),
    "numbers that are none": (
        {"residents.parquet": parquet(people(户号=[float("nan"), float("inf")]))},
        (2, 0),
    ),
    "the smallest number of 64 bits as money": (
        {
            "payroll.parquet": parquet(
                PAID | {"应发工资": [Decimal(-(2**63)), Decimal(-(2**63) + 1)]}
            )
        },
        (2, 0),
    ),
    "a number of 70 digits as money": (
        {
            "payroll.parquet": parquet(
                PAID | {"应发工资": pa.array([10**70] * 2, pa.decimal256(76, 0))}
            )
        },
        (2, 0),
    ),
    "a column of no type at all": (
        {"residents.parquet": parquet(people(户籍地代码=pa.nulls(2)))},
        (2, 1),
    ),
    "two labels that are the same": (
        {"residents.parquet": parquet(people() | {"公民身份号码": [LI, LI]})},
        ("residents.parquet", "two columns"),
    ),
    "a thousand and more columns": (
        {"residents.parquet": parquet(people() | {f"c{number}": [1, 2] for number in range(1000)})},
        ("residents.parquet", "1004 columns wide"),
    ),
    "no column": ({"residents.parquet": parquet({})}, ("residents.parquet", "is empty")),
    "lone CRs": (
        {"residents.csv": RESIDENTS.replace("\n", "\r", 1).replace("李四", "李\r四")},
        (4, 0),
    ),
    "mixed line ends": ({"residents.csv": f"{HEADER}\n{FIRST}\r{SECOND}\r\n"}, (2, 2)),
    "a title that ends with CR": ({"residents.csv": f"标题\r{RESIDENTS}"}, (2, 2)),
    "a lone CR inside quotes": ({"residents.csv": RESIDENTS.replace("H1", '"H\r1"', 1)}, (2, 2)),
    "a lone CR beside an odd quote": (
        {"residents.csv": RESIDENTS.replace("李四", '李"四', 1).replace("H1", "H\r1", 1)},
        (3, 2),
    ),
    "a cell of 131,073 characters": ({"residents.csv": RESIDENTS.replace("李四", LONG, 1)}, (2, 1)),
    "a cell of 131,073 characters below an odd quote": (
        {
            "residents.csv": RESIDENTS.replace("李四", '李"四', 1).replace("张三", LONG)
            + f'{WANG},"{LONG}'
        },
        ("residents.csv, line 4", "longer"),
    ),
    "a title of 131,073 characters": (
        {"residents.csv": f"{LONG}\n{RESIDENTS}"},
        ("residents.csv",),
    ),
    "NULs": ({"residents.csv": RESIDENTS.replace("H1", "H\0", 1)}, (2, 1)),
    "the line with which reading ends": (
        {"residents.csv": RESIDENTS.replace("H1", 'H"1', 1) + "\ufffd end of file\n"},
        ("residents.csv, line 4", "U+FFFD"),
    ),
    "a pipe": ({"residents.csv": os.mkfifo}, ("residents.csv", "a link or a device")),
    "a device": ({"residents.csv": link_to("/dev/zero")}, ("residents.csv", "link")),
    "a link out of the drop": (
        {"residents.csv": link_to("/etc/hostname")},
        ("residents.csv", "link"),
    ),
    "a link to nothing": ({"residents.csv": link_to("nothing")}, ("residents.csv", "link")),
    "a link to itself": ({"residents.csv": link_to("residents.csv")}, ("residents.csv", "link")),
    "a folder with nothing in it": ({"residents.csv": Path.mkdir}, ("holds no extract",)),
    "a folder for a delivery note": (
        {"residents.csv": RESIDENTS, "交接单.csv": Path.mkdir},
        (2, 2),
    ),
    "a delivery note with 5,000 digits": (
        {"residents.csv": RESIDENTS, "交接单.csv": f"{NOTE}{'9' * 5000}\n"},
        ("交接单.csv, line 2",),
    ),
    "a delivery note with an amount of 5,000 digits": (
        {
            "residents.csv": RESIDENTS,
            "交接单.csv": f"文件名,行数,金额合计\nresidents.csv,2,{'9' * 5000}\n",
        },
        ("交接单.csv, line 2",),
    ),
    "a delivery note with a cell of 131,073 characters": (
        {"residents.csv": RESIDENTS, "交接单.csv": f"{NOTE}{'9' * 131_073}\n"},
        ("交接单.csv", "far too long"),
    ),
}


@pytest.mark.parametrize("why", LIGHT)
def test_odd_input_is_refused_or_read(tmp_path: Path, why: str) -> None:
    files, wanted = LIGHT[why]
    drop, snapshots = fill(tmp_path, files), tmp_path / "snapshots"
    if isinstance(wanted[0], int):
        snapshot = ingest_drop(drop, snapshots)
        entry = next(one for one in snapshot.manifest["files"] if one["rows"])
        assert (entry["rows"], entry["accepted"]) == wanted
        fallen = listed(snapshot, "quarantine").height
        assert entry["rows"] == entry["accepted"] + fallen
        return
    with pytest.raises(DropRefusedError) as refused:
        ingest_drop(drop, snapshots)
    for word in wanted:
        assert str(word) in str(refused.value)
    assert not snapshots.exists() or not list(snapshots.iterdir())
