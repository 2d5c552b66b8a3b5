"""Workbooks as extracts: types, titles, totals, sheets beside, cells that mislead."""

import io
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pytest
import xlsxwriter

from tests.ingest.ingest_drops import (
    JIA,
    LI,
    csv_text,
    ingest,
    listed,
    row,
    table,
    verdicts,
)
from transforms.errors import DropRefusedError


def workbook(rows: list[list[object]], sheet: str = "Sheet1", first: str | None = None) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"}) as book:
        if first:
            book.add_worksheet(first).write_row(0, 0, ["说明"])
        page = book.add_worksheet(sheet)
        for number, cells in enumerate(rows):
            page.write_row(number, 0, cells)
    return content.getvalue()


def test_a_workbook_with_titles_dates_numbers_and_totals(tmp_path: Path) -> None:
    model = row("payroll")
    cells: list[object] = list(model.values())
    cells[4:8] = [5000.1, 4500.5, 20, datetime(2020, 2, 20)]
    damaged = [JIA, "张三", 370302198503150000, *cells[3:8], 6.2e18, "P2"]
    spoilt = [*cells[:8], 6222000011112222.0, "P3"]
    totals: list[object] = ["合计", None, None, None, 15000.3, 13501.5]
    rows = [
        ["工资表"],
        [],
        [f"*{label}(元)" for label in model],
        cells,
        [],
        damaged,
        spoilt,
        totals,
    ]
    snapshot = ingest(tmp_path, {"payroll.xlsx": workbook(rows, "工资发放明细", "说明")})
    assert table(snapshot, "payroll").select(
        "source_line", "gross_fen", "days", "paid_on"
    ).rows() == [
        (4, 500010, 20, date(2020, 2, 20)),
        (7, 500010, 20, date(2020, 2, 20)),
    ]
    assert verdicts(snapshot) == [(6, "invalid_person_id", "person_id"), (8, "totals_row", "")]
    assert listed(snapshot, "findings")["finding"].to_list() == ["cell_emptied"]


def test_account_numbers_of_accounts_that_are_numbers_are_unreadable(tmp_path: Path) -> None:
    model = row("accounts")
    cells = [*list(model.values())[:3], 6222000011112222.0, *list(model.values())[4:]]
    snapshot = ingest(tmp_path, {"accounts.xlsx": workbook([list(model), cells])})
    assert verdicts(snapshot) == [(2, "unreadable_value", "account_no")]


def test_a_long_number_is_no_serial_number(tmp_path: Path) -> None:
    model = row("contributions")
    long = [123456789012345678.0, *list(model.values())[1:]]
    short = [12345678.0, *list(model.values())[1:]]
    snapshot = ingest(tmp_path, {"contributions.xlsx": workbook([list(model), long, short])})
    assert verdicts(snapshot) == [(2, "unreadable_value", "serial_no")]
    assert table(snapshot, "contributions")["serial_no"].to_list() == ["12345678"]


def employed(fill: Callable[[xlsxwriter.Workbook, list[str]], None]) -> dict[str, str | bytes]:
    """A workbook of 就业登记, filled by hand."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        fill(book, list(row("employment")))
    return {"employment.xlsx": content.getvalue()}


def test_cells_that_only_look_empty_leave_no_contract_open(tmp_path: Path) -> None:
    """Errors, formulas without a result and merged cells all come as empty from the library."""
    model = list(row("employment").values())

    def fill(book: xlsxwriter.Workbook, header: list[str]) -> None:
        page = book.add_worksheet()
        page.merge_range(0, 0, 0, 7, "就业登记表")
        page.write_row(1, 0, header)
        for number in range(2, 11):
            page.write_row(number, 0, model)
        page.write_formula(2, 6, "=VLOOKUP(A1,Z:Z,1)", None, "#N/A")
        page.write_formula(3, 6, "=DATE(2020,3,5)", None, "")
        page.write_formula(4, 5, "=DATE(2020,3,5)", None, "2020-03-05")
        page.write_formula(5, 6, '=IF(A1="x",1,"")', None, " ")
        page.merge_range(6, 6, 8, 6, "2020-03-05")
        page.merge_range(11, 0, 12, 7, "合计")

    snapshot = ingest(tmp_path, employed(fill))
    bad = [(n, "unreadable_value", "ended_on") for n in (3, 4, 8, 9)]
    assert [one for one in verdicts(snapshot) if one[1] == "unreadable_value"] == bad
    assert {5, 7} <= set(table(snapshot, "employment")["source_line"].to_list())


@pytest.mark.parametrize("between", ["", "\n乙公司\n"])
def test_a_second_header_with_other_places_refuses_the_file(tmp_path: Path, between: str) -> None:
    first = row("payroll")
    second = row("payroll", 姓名="李四", 身份证号=LI, 流水号="P2")
    swapped = {
        "实发工资" if label == "应发工资" else "应发工资" if label == "实发工资" else label: cell
        for label, cell in second.items()
    }
    above = csv_text([first]) + between
    with pytest.raises(DropRefusedError, match=r"[.]csv:[3-5]: a second header stands here"):
        ingest(tmp_path / "swapped", {"payroll.csv": above + csv_text([swapped])})
    one_more = [{"序号": "1"} | second]
    with pytest.raises(DropRefusedError, match="a second header"):
        ingest(tmp_path / "shifted", {"payroll.csv": above + csv_text(one_more)})
    again = ingest(tmp_path / "again", {"payroll.csv": above + csv_text([second])})
    assert table(again, "payroll")["gross_fen"].to_list() == [500000, 500000]


def test_a_sheet_like_the_one_read_refuses_the_file_others_are_named(tmp_path: Path) -> None:
    model = list(row("employment").values())

    def fill(second: list[str], book: xlsxwriter.Workbook, header: list[str]) -> None:
        hidden = book.add_worksheet("旧表")
        page, other = book.add_worksheet("表"), book.add_worksheet("说明")
        book.add_worksheet("空")
        page.activate()
        page.set_first_sheet()
        hidden.hide()
        hidden.write_row(0, 0, second or header)
        other.write_row(0, 0, ["本表每月报送"])
        page.write_row(0, 0, header)
        page.write_row(1, 0, model)

    snapshot = ingest(tmp_path, employed(partial(fill, ["代码表"])))
    assert table(snapshot, "employment").height == 1
    assert snapshot.manifest["notes"] == [
        "employment.xlsx: sheets that were not read: 说明",
        "employment.xlsx: hidden sheets that were not read: 旧表",
    ]
    with pytest.raises(DropRefusedError, match="sheet 旧表 has the header of 就业登记 too"):
        ingest(tmp_path, employed(partial(fill, [])))


def test_serials_of_a_calendar_from_1904_are_unreadable(tmp_path: Path) -> None:
    model = [*list(row("employment").values())[:4], 42414]
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"date_1904": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, list(row("employment")))
        page.write_row(1, 0, model)
        page.write_row(2, 0, model[:4])
        page.write_datetime(2, 4, date(2020, 2, 15), book.add_format({"num_format": "yyyy-mm-dd"}))
    snapshot = ingest(tmp_path, {"employment.xlsx": content.getvalue()})
    assert verdicts(snapshot) == [(2, "unreadable_value", "starts_on")]
    assert table(snapshot, "employment")["starts_on"].to_list() == [date(2020, 2, 15)]


@pytest.mark.parametrize("form", ['0.00"万"', '#,##0.00"亿元";-0', "0.00"])
def test_an_amount_that_is_shown_in_ten_thousands_is_refused(tmp_path: Path, form: str) -> None:
    """12.34 that reads 12.34万 on the screen was taken for 12.34 yuan."""
    model = list(row("payroll").items())
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, [label for label, _ in model])
        page.write_row(1, 0, [text for _, text in model])
        place = [label for label, _ in model].index("应发工资")
        page.write_number(1, place, 12.34, book.add_format({"num_format": form}))
    if form == "0.00":
        assert table(ingest(tmp_path, {"payroll.xlsx": content.getvalue()}), "payroll").height == 1
        return
    with pytest.raises(DropRefusedError, match="万 or 亿"):
        ingest(tmp_path, {"payroll.xlsx": content.getvalue()})


def test_a_totals_row_merged_over_amounts_states_only_what_it_fills(tmp_path: Path) -> None:
    """合计 over A:G covers the base; a merged cell fills none but its first."""
    rows = [list(row("contributions", 缴费明细流水号=f"S{n}").values()) for n in (1, 2)]
    for stated, count in ((960, 0), (970, 1)):
        content = io.BytesIO()
        with xlsxwriter.Workbook(content) as book:
            page = book.add_worksheet()
            for number, cells in enumerate([list(row("contributions")), *rows]):
                page.write_row(number, 0, cells)
            page.merge_range(3, 0, 3, 6, "合计")
            page.write_row(3, 7, [stated, 480])
        units = csv_text([row("insured_units")])
        files: dict[str, str | bytes] = {
            "contributions.xlsx": content.getvalue(),
            "insured_units.csv": units,
        }
        snapshot = ingest(tmp_path / str(stated), files)
        assert verdicts(snapshot) == [(4, "totals_row", "")]
        assert listed(snapshot, "findings").height == count


def test_a_company_whose_name_begins_like_a_totals_row_is_data(tmp_path: Path) -> None:
    names = ("合计（山东）科技有限公司", "审核人力资源有限公司", "合计")
    rows = [
        {"单位名称": name} | row("insured_units", 单位编号=f"U{n}", 单位名称=name)
        for n, name in enumerate(names)
    ]
    snapshot = ingest(tmp_path, {"insured_units.csv": csv_text(rows)})
    assert verdicts(snapshot) == [(4, "totals_row", "")]
