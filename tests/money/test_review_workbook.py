"""A review workbook that comes back: read as it was filled in, or refused whole."""

from collections.abc import Callable

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from flows.money.review import import_review
from flows.store import Home
from tests.money.money_town import (
    ANN,
    month,
    night,
)
from tests.money.test_review import LINES, ROWS, cell, filled, state_of
from transforms.errors import (
    DropRefusedError,
)


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


def alter(number: int, label: str, value: object) -> Callable[[openpyxl.Workbook], None]:
    def change(book: openpyxl.Workbook) -> None:
        cell(book, number, label).value = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (alter(2, "本次金额(元)", 0.03), "altered"),
        (alter(2, "账号", "6222000000000000000"), "altered"),
        (alter(2, "序号", 1), "the same line twice"),
        (alter(2, "序号", 99), "no line of this batch"),
        (alter(2, "意见", "也许"), "none of 同意, 暂缓, 剔除"),
        (alter(2, "意见", "暂缓"), "原因 is missing"),
        (alter(0, "意见", "别的"), "column missing: 意见"),
        (lambda book: book[LINES].delete_rows(cell(book, 2, "序号").row), "序号 2 missing"),
        (lambda book: book[LINES].append([77] * book[LINES].max_column), "no line of this batch"),
        (lambda book: book.remove(book[LINES]), "no sheet is called 明细"),
    ],
)
def test_a_workbook_that_was_tampered_with_is_refused_whole(
    home: Home, batch: str, change: Callable[[openpyxl.Workbook], None], said: str
) -> None:
    with pytest.raises(DropRefusedError, match=said):
        import_review(home, batch, filled(home, batch, {1: ("暂缓", "查")}, change))
    assert state_of(home, batch) == "draft"


def put(sheet: str, cell: str, text: str = "暂缓") -> Callable[[openpyxl.Workbook], None]:
    def change(book: openpyxl.Workbook) -> None:
        book[sheet][cell].value = text

    return change


def put_above(book: openpyxl.Workbook) -> None:
    book[LINES].insert_rows(1, 2)
    book[LINES]["A1"].value = "请暂缓第3笔"


def commented(book: openpyxl.Workbook) -> None:
    book[LINES]["L4"].comment = Comment("暂缓", "周审核")


def copied(book: openpyxl.Workbook) -> None:
    page = book.copy_worksheet(book[LINES])
    page.title = f"{LINES}_2"


def pictured(book: openpyxl.Workbook) -> None:
    chart = BarChart()
    chart.add_data(Reference(book[LINES], min_col=10, min_row=2, max_row=4))
    book["疑点"].add_chart(chart, "B9")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put(LINES, "N4"), "明细: .* into N4:"),
        (put(LINES, "N1", "处理意见"), "明细: .* into N1:"),
        (put_above, "明细: .* into A1:"),
        (put("付款指令", "L2"), "付款指令: .* into "),
        (put("较上期", "N7"), "较上期: .* into N7:"),
        (put("审批表", "B15", "不同意，第3笔须核实"), "审批表: .* into B15:"),
        (put("抽样", "N4"), "抽样: .* into N4:"),
        (put("抽样", "D1"), "抽样: .* into D1:"),
        (copied, "明细_2: .* into A1, B1"),
        (commented, "明细: nobody reads the comments on L4:"),
        (pictured, "疑点: nobody reads pictures"),
    ],
)
def test_what_a_reviewer_wrote_where_nobody_reads_it_is_refused(
    home: Home, batch: str, change: Callable[[openpyxl.Workbook], None], said: str
) -> None:
    """A hold beside the table is an objection, never consent."""
    path = filled(home, batch, {}, change)
    with pytest.raises(DropRefusedError, match=said):
        import_review(home, batch, path)
    assert state_of(home, batch) == "draft"


def test_a_workbook_filled_in_at_its_place_is_held_against_a_fresh_one(
    home: Home, batch: str
) -> None:
    place = home.batches / batch / "review.xlsx"
    filled(home, batch, {}, put("审批表", "B15")).replace(place)
    with pytest.raises(DropRefusedError, match=r"审批表: .* into B15:"):
        import_review(home, batch, place)


def test_what_says_nothing_may_be_on_a_workbook_that_comes_back(home: Home, batch: str) -> None:
    def change(book: openpyxl.Workbook) -> None:
        for page in book.worksheets[1:]:
            page.insert_cols(2)
            page.column_dimensions["C"].width = 40
        book[LINES]["T9"].value = " "
        book.create_sheet("Sheet1")
        del book["参数"]

    said = import_review(home, batch, filled(home, batch, {1: ("暂缓", "查")}, change))
    assert (said["agreed"], said["held"]) == (3, 1)


def test_a_workbook_of_another_batch_or_digest_is_refused(home: Home, batch: str) -> None:
    other = night(home, "R2", [*ROWS, month("benefit_to_retirement", ANN, 5, "2020-03")])[1]
    path = filled(home, batch, {1: ("暂缓", "查")})
    with pytest.raises(DropRefusedError, match=f"is of batch {batch}"):
        import_review(home, other.batches[0].batch_id, path)

    def stale(book: openpyxl.Workbook) -> None:
        for row in book["审批表"].iter_rows():
            for place, one in enumerate(row[:-1]):
                if one.value == "批次摘要":
                    row[place + 1].value = "0" * 64

    later = other.batches[0].batch_id
    with pytest.raises(DropRefusedError, match="another digest"):
        import_review(home, later, filled(home, later, {1: ("暂缓", "查")}, stale))
    with pytest.raises(DropRefusedError, match="is no file"):
        import_review(home, later, home.root / "nothing.xlsx")
