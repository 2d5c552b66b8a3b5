"""Questions to clerks, and workbooks as they fill them in."""

from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

from transforms.answers.clerical import (
    KEY_NAMES,
    clerical_sheets,
)
from transforms.answers.open_questions import QUESTION_SCHEMA
from transforms.sheets.workbook import Sheet, workbook_bytes

PERSON = "370302200101010013"


EMPLOYER = "91370302MA00000017"


SAID = ("decided_by", "why", "document_no")


FIRST_ROW = 4  # two lines above, then the header


def question(provision: str, period: str = "2020", **changes: Any) -> dict[str, Any]:
    return {
        "policy_id": "new_hire_subsidy",
        "period": period,
        "subject_kind": "person",
        "subject_id": PERSON,
        "beneficiary_kind": "employer",
        "beneficiary_id": EMPLOYER,
        "provision": provision,
        "title": "签订1年以上劳动合同",
        "clause": "签订1年以上劳动合同",
        "missing": "未填或未知：合同结束日期",
        "amount_fen": 100000,
        "fact": provision,
        "about": "both",
    } | changes


NAMES_KNOWN = pl.DataFrame(
    [("person", PERSON, "安娜"), ("employer", EMPLOYER, "某厂")],
    schema=["subject_kind", "subject_id", "subject_name"],
    orient="row",
)


NONE_DIFFER = pl.DataFrame(schema=dict.fromkeys([*KEY_NAMES, "told"], pl.String()))


TITLES = {"new_hire_subsidy": "一次性吸纳就业补贴", "other": "甲补贴"}


CONTRACT = "s1_contract_one_year"


def sheets_of(asked: list[dict[str, Any]], differing: pl.DataFrame = NONE_DIFFER) -> list[Sheet]:
    questions = pl.DataFrame(asked, schema=QUESTION_SCHEMA)
    return clerical_sheets(questions, differing, NAMES_KNOWN, TITLES, "2020-06-30")


def workbook_in(folder: Path) -> Path:
    """Two questions: of a contract over two months, the more money, and of good standing."""
    asked = [
        question(CONTRACT, "2020-02"),
        question(CONTRACT, "2020-03"),
        question("g_good_standing", "2020-03", about="beneficiary"),
    ]
    path = folder / "clerical_decisions.xlsx"
    path.write_bytes(workbook_bytes(sheets_of(asked)))
    return path


def fill(path: Path, cells: dict[int, Any], sheet: int = 0, heading: int = FIRST_ROW - 1) -> None:
    """Fill in cells as a clerk does, by row and heading; None deletes the row."""
    book = openpyxl.load_workbook(path)
    page = book.worksheets[sheet]
    places = {cell.value: cell.column for cell in page[heading]}
    for row in sorted(cells, reverse=True):
        if cells[row] is None:
            page.delete_rows(row)
            continue
        for label, value in cells[row].items():
            page.cell(row, places[label]).value = value
    book.save(path)


def decided(**changes: Any) -> dict[str, Any]:
    return {"裁定": "是", "裁定人": "王核", "裁定日期": "2020-06-30", "文号": "裁1号"} | changes


def rows_of(path: Path, sheet: int = 0, first: int = FIRST_ROW) -> list[dict[str, Any]]:
    page = openpyxl.load_workbook(path).worksheets[sheet]
    header, *rows = page.iter_rows(min_row=first - 1, values_only=True)
    return [dict(zip(header, cells, strict=True)) for cells in rows]
