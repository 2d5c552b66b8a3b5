"""The corpus: one entry per way a drop can be unusable; small enough to be written by code."""

import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import xlsxwriter

from tests.ingest.ingest_drops import csv_text, row

UNITS = csv_text([row("insured_units")])
CONTRIBUTIONS = csv_text([row("contributions")])
NOTE = "文件名,行数,金额合计(元),SHA256\n"


@dataclass(frozen=True)
class BadDrop:
    """Files of a drop, and what the refusal must say."""

    why: str
    files: Mapping[str, str | bytes]
    says: tuple[str, ...]


def workbook(*rows: list[object], sheet: str = "Sheet1") -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        page = book.add_worksheet(sheet)
        for number, cells in enumerate(rows):
            page.write_row(number, 0, cells)
    return content.getvalue()


def parquet(rows: list[dict[str, str]]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(rows).write_parquet(content)
    return content.getvalue()


UNIT_LABELS: list[object] = list(row("insured_units"))
UNIT_CELLS: list[object] = list(row("insured_units").values())

BAD_DROPS = (
    BadDrop("a kind nobody knows", {"工资.csv": UNITS}, ("工资.csv", "kind", "Rename it")),
    BadDrop("nothing but a system's hidden file", {".DS_Store": b"x"}, ("holds no extract",)),
    BadDrop("an office lock file alone", {"~$insured_units.xlsx": b"x"}, ("holds no extract",)),
    BadDrop(
        "a name that two kinds fit",
        {"失业登记和就业登记.csv": UNITS},
        ("失业登记和就业登记.csv", "may be 就业登记, 失业登记"),
    ),
    BadDrop(
        "a format nobody reads",
        {"insured_units.pdf": b"%PDF"},
        (".pdf", "CSV, XLSX, XLS or Parquet"),
    ),
    BadDrop("an old workbook", {"insured_units.xls": b"\xd0\xcf\x11\xe0"}, (".xls",)),
    BadDrop("no extension", {"insured_units": UNITS}, ("insured_units", "format")),
    BadDrop("no extract at all", {"交接单.csv": NOTE}, ("holds no extract",)),
    BadDrop(
        "two delivery notes",
        {"交接单.csv": NOTE, "delivery_note.csv": NOTE, "insured_units.csv": UNITS},
        ("two delivery notes",),
    ),
    BadDrop("an empty file", {"insured_units.csv": b""}, ("insured_units.csv", "is empty")),
    BadDrop("only blank lines", {"insured_units.csv": b"\n\n\r\n"}, ("is empty",)),
    BadDrop(
        "titles and no header",
        {"insured_units.csv": "单位参保信息\n2020年3月\n"},
        ("insured_units.csv", "no header found", "unit_no"),
    ),
    BadDrop(
        "a required column missing",
        {"insured_units.csv": UNITS.replace("单位编号", "编号")},
        ("required column missing", "unit_no", "单位编号"),
    ),
    BadDrop(
        "two columns that say the same",
        {"insured_units.csv": UNITS.replace("单位名称", "单位名称,企业名称")},
        ("two columns are employer_name", "单位名称", "企业名称"),
    ),
    BadDrop(
        "one column twice",
        {"insured_units.csv": UNITS.replace("单位名称", "单位名称,单位名称")},
        ("two columns are employer_name",),
    ),
    BadDrop(
        "a replacement character",
        {"insured_units.csv": UNITS.replace("甲公司", "甲\ufffd司")},
        ("insured_units.csv, line 2", "U+FFFD"),
    ),
    BadDrop(
        "the mark of a double conversion",
        {
            "insured_units.csv": (UNITS + UNITS.splitlines()[1].replace("甲", "锟斤拷")).encode(
                "gbk"
            )
        },
        ("insured_units.csv, line 3", "锟斤拷"),
    ),
    BadDrop(
        "a replacement character in GB18030",
        {"insured_units.csv": UNITS.replace("甲公司", "甲\ufffd司").encode("gb18030")},
        ("insured_units.csv, line 2",),
    ),
    BadDrop(
        "damage in a title line",
        {"insured_units.csv": "锟斤拷表\n" + UNITS},
        ("insured_units.csv, line 1",),
    ),
    BadDrop(
        "damage in a column that is kept out",
        {"insured_units.csv": "备注," + UNITS.replace("U1", "\ufffd,U1")},
        ("insured_units.csv, line 2",),
    ),
    BadDrop(
        "damage in a workbook",
        {"insured_units.xlsx": workbook(UNIT_LABELS, ["U1", UNIT_CELLS[1], "甲\ufffd", "否"])},
        ("insured_units.xlsx, line 2",),
    ),
    BadDrop(
        "damage in a Parquet file",
        {"insured_units.parquet": parquet([row("insured_units", 单位名称="锟斤拷")])},
        ("insured_units.parquet, line 1",),
    ),
    BadDrop(
        "neither UTF-8 nor GB18030",
        {"insured_units.csv": UNITS.encode("gb18030") + b"\x81\x20,\xff\n"},
        ("insured_units.csv, line 3", "neither UTF-8 nor GB18030"),
    ),
    BadDrop(
        "cut off inside a character",
        {"insured_units.csv": UNITS.encode("gb18030") + "U2,乙".encode("gb18030")[:-1]},
        ("insured_units.csv, line 3", "neither UTF-8 nor GB18030"),
    ),
    BadDrop("UTF-16", {"insured_units.csv": UNITS.encode("utf-16")}, ("insured_units.csv",)),
    BadDrop(
        "UTF-16 without its mark",
        {"deaths.csv": "person_id,died_on\n".encode("utf-16-be")},
        ("deaths.csv", "is UTF-16"),
    ),
    BadDrop(
        "a quote that never closes",
        {"insured_units.csv": UNITS + 'U2,"' + UNITS.splitlines()[1] + "\n"},
        ("insured_units.csv, line 3", "a quote opens here and does not close"),
    ),
    BadDrop(
        "a quote that closes far below",
        {"insured_units.csv": UNITS + 'U2,x"y,,\nU3,"' + "U4,,,\n" * 80 + '",,\n'},
        ("insured_units.csv, line 4", "a quote opens here"),
    ),
    BadDrop(
        "no workbook inside", {"insured_units.xlsx": b"PK\x03\x04 rest"}, ("as an XLSX workbook",)
    ),
    BadDrop("a workbook of nothing", {"insured_units.xlsx": workbook()}, ("is empty",)),
    BadDrop(
        "a workbook without a column",
        {"insured_units.xlsx": workbook(["标题"], [], UNIT_LABELS[:3], UNIT_CELLS[:3])},
        ("insured_units.xlsx", "is_dispatch"),
    ),
    BadDrop("no Parquet inside", {"insured_units.parquet": b"PAR1xxxx"}, ("Parquet",)),
    BadDrop(
        "a Parquet file cut off",
        {"insured_units.parquet": parquet([row("insured_units")])[:-20]},
        ("insured_units.parquet", "Parquet"),
    ),
    BadDrop(
        "a Parquet file without a column",
        {"insured_units.parquet": parquet([{"单位编号": "U1"}])},
        ("insured_units.parquet", "required column missing", "employer_code"),
    ),
    BadDrop(
        "fewer rows than stated",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "insured_units.csv,2,,\n"},
        ("交接单.csv, line 2", "行数 stated 2, found 1"),
    ),
    BadDrop(
        "another amount than stated",
        {"contributions.csv": CONTRIBUTIONS, "交接单.csv": NOTE + "contributions.csv,1,720.01,\n"},
        ("金额合计 stated 720.01, found 720.00",),
    ),
    BadDrop(
        "another file than stated",
        {
            "insured_units.csv": UNITS,
            "delivery_note.csv": NOTE + f"insured_units.csv,1,,{'0' * 64}\n",
        },
        ("delivery_note.csv, line 2", "SHA256 stated 000"),
    ),
    BadDrop(
        "a file that was stated and did not come",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "payroll.csv,1,,\n"},
        ("payroll.csv is listed but was not delivered",),
    ),
    BadDrop(
        "a note without its columns",
        {"insured_units.csv": UNITS, "交接单.csv": "文件名,备注\ninsured_units.csv,x\n"},
        ("交接单.csv", "行数"),
    ),
    BadDrop(
        "a note whose number is none",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "insured_units.csv,很多,,\n"},
        ("交接单.csv, line 2",),
    ),
    BadDrop("an empty note", {"insured_units.csv": UNITS, "交接单.csv": b""}, ("交接单.csv",)),
    BadDrop(
        "a compressed file",
        {"insured_units.csv.gz": gzip.compress(UNITS.encode())},
        (".gz", "CSV, XLSX, XLS or Parquet"),
    ),
    BadDrop("an archive", {"insured_units.zip": b"PK\x03\x04"}, (".zip", "deliver the files")),
    BadDrop("another office's table", {"insured_units.et": b"\xd0\xcf\x11\xe0"}, (".et",)),
    BadDrop(
        "cells parted by semicolons",
        {"insured_units.csv": UNITS.replace(",", ";")},
        ("insured_units.csv", "cells are separated by ;"),
    ),
    BadDrop(
        "a picture under a table's name",
        {"insured_units.csv": b"\x89PNG\r\n\x1a\n" + bytes(range(256))},
        ("insured_units.csv", "neither UTF-8 nor GB18030"),
    ),
    BadDrop("nothing but zeros", {"insured_units.csv": b"\0" * 4096}, ("no header found",)),
    BadDrop(
        "UTF-32",
        {"insured_units.csv": UNITS.encode("utf-32")},
        ("insured_units.csv, line 1", "neither UTF-8 nor GB18030"),
    ),
    BadDrop(
        "a workbook with a password",
        {"insured_units.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512},
        ("insured_units.xlsx", "password"),
    ),
    BadDrop(
        "a workbook cut off",
        {"insured_units.xlsx": workbook(UNIT_LABELS, UNIT_CELLS)[:-100]},
        ("insured_units.xlsx", "damaged"),
    ),
    BadDrop(
        "a header too far down",
        {"insured_units.csv": "标题\n" * 70 + UNITS},
        ("insured_units.csv", "no header found"),
    ),
    BadDrop(
        "another kind under this name",
        {"insured_units.csv": CONTRIBUTIONS},
        ("insured_units.csv", "required column missing", "统一社会信用代码"),
    ),
    BadDrop(
        "another kind of Parquet under this name",
        {"insured_units.parquet": parquet([row("contributions")])},
        ("insured_units.parquet", "required column missing"),
    ),
    BadDrop(
        "a column missing in the second part",
        {
            "insured_units_001.csv": UNITS,
            "insured_units_002.csv": UNITS.replace("单位编号", "编号"),
        },
        ("insured_units_002.csv", "unit_no"),
    ),
    BadDrop(
        "one bad file beside a good one",
        {
            "insured_units.csv": UNITS,
            "contributions.csv": CONTRIBUTIONS.encode("gb18030") + b"\xff",
        },
        ("contributions.csv, line 3", "neither UTF-8 nor GB18030"),
    ),
    BadDrop(
        "a note whose amount is none",
        {"contributions.csv": CONTRIBUTIONS, "交接单.csv": NOTE + "contributions.csv,1,很多,\n"},
        ("交接单.csv, line 2", "amount in 元"),
    ),
    BadDrop(
        "a note of less than no rows",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "insured_units.csv,-1,,\n"},
        ("交接单.csv, line 2",),
    ),
    BadDrop(
        "a note that names no file",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "insured_units.csv,1,,\n,1,,\n"},
        ("交接单.csv, line 3",),
    ),
    BadDrop(
        "a note with a digest cut short",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE + "insured_units.csv,1,,abc\n"},
        ("交接单.csv, line 2", "SHA256 stated abc"),
    ),
    BadDrop(
        "a damaged note",
        {"insured_units.csv": UNITS, "交接单.csv": NOTE.encode("gb18030") + b"\xff\xff\n"},
        ("交接单.csv, line 2", "neither UTF-8 nor GB18030"),
    ),
)
