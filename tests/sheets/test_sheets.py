"""Workbooks: one look, amounts exact to the fen, texts as they are, the same bytes again."""

import io
from decimal import Decimal
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from transforms.amounts import yuan_text
from transforms.errors import ContractError
from transforms.sheets import workbook as writer
from transforms.sheets.rows import AMOUNT_LIMIT_FEN
from transforms.sheets.workbook import Line, Sheet, said_lines, workbook_bytes
from transforms.words import Said

LARGEST = AMOUNT_LIMIT_FEN - 1
PERSON = "370302198503150014"


def read(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).active


def cells_of(frame: pl.DataFrame, row: int = 2) -> list[Any]:
    return list(read(workbook_bytes([Sheet("a", frame)]))[row])


@given(st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=20))
@example([0, 1, -1, 5, 10, 99, 100, 114650, LARGEST, -LARGEST])
def test_an_amount_is_a_number_that_is_exact_to_the_fen(amounts: list[int]) -> None:
    content = workbook_bytes([Sheet("a", pl.DataFrame({"due_fen": amounts}))])
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    shown = [row[0] for row in sheet.to_python()[1:]]
    assert [f"{float(number):.2f}" for number in shown] == [yuan_text(fen) for fen in amounts]


def test_an_amount_that_no_spreadsheet_could_keep_is_refused() -> None:
    with pytest.raises(ContractError, match="due_fen is too large"):
        workbook_bytes([Sheet("a", pl.DataFrame({"due_fen": [0, -AMOUNT_LIMIT_FEN]}))])


def test_amounts_and_counts_are_numbers_ids_are_text() -> None:
    frame = pl.DataFrame(
        {"subject_id": [PERSON], "period": ["2020"], "amount_fen": [-114650], "line_count": [1200]}
    )
    cells = cells_of(frame)
    assert [cell.value for cell in cells] == [PERSON, "2020", -1146.5, 1200]
    assert [cell.number_format for cell in cells] == ["@", "@", "#,##0.00", "#,##0"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+86", "-3", "@a", "\tx", " x ", "a & <b> \"c\" 'd'", "𠮷㛃", "x\r\ny", "1e5"]
)
def test_a_text_stays_the_text_it_is(text: str) -> None:
    (cell,) = cells_of(pl.DataFrame({"holder": [text]}))
    assert cell.data_type == "s" and cell.value == text and cell.hyperlink is None


def test_what_a_workbook_cannot_hold_is_shown_as_such() -> None:
    assert cells_of(pl.DataFrame({"holder": ["a\x0bb\x00"]}))[0].value == "a\ufffdb\ufffd"


def test_what_is_empty_is_empty_and_has_its_look() -> None:
    frame = pl.DataFrame(
        {"remark": [None, ""], "due_fen": [None, 1]}, schema_overrides={"remark": pl.String}
    )
    sheet = read(workbook_bytes([Sheet("a", frame, open_columns=["remark"])]))
    assert [sheet.cell(row, 1).value for row in (2, 3)] == [None, None]
    assert sheet.cell(2, 2).value is None
    assert sheet.cell(2, 1).fill.start_color.rgb == "FFFFF2CC"


def test_a_table_has_its_heading_frozen_filtered_and_repeated_and_fits_the_page() -> None:
    frame = pl.DataFrame({"policy_title": ["稳岗返还"], "due_fen": [5]})
    above = said_lines([Said("clerical_then"), Said("omitted_are")])
    sheet = read(workbook_bytes([Sheet("a", frame, above)]))
    assert [cell.value for cell in sheet[3]] == ["政策", "应付金额(元)"]
    assert sheet.freeze_panes == "A4" and sheet.auto_filter.ref == "A3:B4"
    assert sheet.print_title_rows == "$3:$3"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.page_setup.fitToWidth is None, "one page wide is the format's default"
    assert sheet.page_setup.fitToHeight == 0, "as many pages high as it takes"
    assert sheet.column_dimensions["B"].width >= len("应付金额(元)")


def test_a_long_text_gets_the_lines_it_needs_and_a_short_one_one() -> None:
    frame = pl.DataFrame({"detail": ["长" * 100, "短", ""], "remark": ["", "", ""]})
    sheet = read(workbook_bytes([Sheet("a", frame)]))
    assert sheet.row_dimensions[2].height >= 6 * 13
    assert sheet.row_dimensions[3].height is None and sheet.row_dimensions[4].height is None


def test_lines_above_hold_amounts_and_counts_too() -> None:
    above = [Line("title", ["t"]), Line("fact", ["x", Decimal("1146.50")]), Line("fact", ["y", 12])]
    sheet = read(workbook_bytes([Sheet("a", pl.DataFrame({"detail": ["z"]}), above)]))
    assert (sheet["B2"].value, sheet["B2"].number_format) == (1146.5, "#,##0.00")
    assert (sheet["B3"].value, sheet["B3"].number_format) == (12, "#,##0")
    assert sheet["A5"].value == "z"


def test_a_column_to_fill_in_offers_its_words() -> None:
    frame = pl.DataFrame({"remark": ["", ""]})
    sheet = read(workbook_bytes([Sheet("a", frame, choices={"remark": ["是", "否"]})]))
    (offered,) = sheet.data_validations.dataValidation
    assert str(offered.sqref) == "A2:A3" and offered.formula1 == '"是,否"'


def test_a_table_too_long_for_a_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS_A_SHEET", 2)
    content = workbook_bytes([Sheet("a", pl.DataFrame({"number": [1, 2, 3]}))])
    book = openpyxl.load_workbook(io.BytesIO(content))
    rows = {sheet.title: [cell.value for cell in sheet["A"]] for sheet in book}
    assert rows == {"a": ["序号", 1, 2], "a2": ["序号", 3]}


def test_an_empty_table_is_its_heading() -> None:
    sheet = read(workbook_bytes([Sheet("a", pl.DataFrame(schema={"number": pl.Int64}))]))
    assert sheet.max_row == 1 and sheet["A1"].value == "序号"


def test_the_same_sheets_are_the_same_bytes() -> None:
    sheets = [
        Sheet(
            "a", pl.DataFrame({"holder": ["一", None], "number": [1, 2]}), [Line("note", ["头"])]
        ),
        Sheet("b", pl.DataFrame({"due_fen": [1]}), open_columns=["due_fen"]),
    ]
    assert workbook_bytes(sheets, "甲") == workbook_bytes(sheets, "甲")


def test_a_share_is_shown_as_a_percentage() -> None:
    sheet = read(workbook_bytes([Sheet("a", pl.DataFrame({"amount_share": [488, 10_000, 0]}))]))
    cells = [sheet.cell(row, 1) for row in (2, 3, 4)]
    assert [cell.value for cell in cells] == [0.0488, 1, 0]
    assert {cell.number_format for cell in cells} == {"0.00%"}


def test_a_form_is_one_page_with_its_lines_below_the_table() -> None:
    columns = {"policy_title": ["a", "b"], "clause": ["c", "d"]}
    frame = pl.DataFrame({**columns, "line_count": [1, 1], "amount_fen": [1, 2]})
    above = [
        Line("centred", ["表"]),
        Line("field", ["批次", "=B1"]),
        Line("field", ["金额", Decimal("1.50"), "笔数", 3]),
    ]
    sheet = Sheet("a", frame, above, below=[Line("box", ["甲", "乙"])], is_form=True)
    page = read(workbook_bytes([sheet]))
    assert [cell.value for cell in page[2]][:2] == ["批次", "=B1"]
    assert page["B2"].data_type == "s" and not page.protection.sheet
    assert page["B3"].value == 1.5 and 3 in [cell.value for cell in page[3]]
    assert [page.cell(row, 1).value for row in (5, 6, 7)] == ["a", "b", "甲"]
    assert page.freeze_panes is None and page.auto_filter.ref is None
    assert {"A1:D1", "B2:D2"} <= {str(merged) for merged in page.merged_cells.ranges}
