"""The clerks' workbook: a question a fact, tied to the line that was read, or refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.comments import Comment

from flows.answers.clerical import (
    import_decisions,
)
from flows.ingest.drop import ingest_drop
from tests.answers.clerical_lines import (
    CONTRACT,
    EMPLOYER,
    FIRST_ROW,
    PERSON,
    decided,
    fill,
    question,
    rows_of,
    sheets_of,
    workbook_in,
)
from transforms.answers.clerical import (
    KEY_NAMES,
)
from transforms.answers.clerical_answers import ALTERED
from transforms.errors import DropRefusedError


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    return workbook_in(tmp_path)


def test_a_question_is_asked_once_whatever_many_rows_need_it(workbook: Path) -> None:
    contract, standing = rows_of(workbook)
    assert list(contract)[:2] == ["问题", "姓名或单位"] and list(contract)[-1] == "题号"
    assert contract["姓名或单位"] == "安娜 / 某厂" and standing["姓名或单位"] == "某厂"
    assert (contract["行数"], contract["涉及期间"]) == (2, "2020-02—2020-03")
    assert (contract["涉及金额(元)"], standing["涉及金额(元)"]) == (2000, 1000)
    assert contract["主体代码"] == PERSON and standing["主体代码"] is None
    assert contract["裁定"] is None and contract["缺什么"] and contract["依据"]
    page = openpyxl.load_workbook(workbook).active
    (allowed,) = page.data_validations.dataValidation
    assert allowed.formula1 == '"是,否"' and str(allowed.sqref) == "D4:D5"
    places = {cell.value: cell.column for cell in page[FIRST_ROW - 1]}
    grey = page.cell(FIRST_ROW, places["主体代码"])
    assert grey.font.color.rgb == "FF8A94A3" and isinstance(grey.value, str)
    assert len(rows_of(workbook, 1, 3)) == 3


def test_an_answer_holds_for_every_row_but_those_answered_otherwise(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: None})
    fill(workbook, {4: {"另行裁定": "否"}}, sheet=1, heading=2)
    drop = workbook.parent / "drop"
    target, count = import_decisions(workbook, drop / "人工裁定.csv", {})
    assert (target.name, count) == ("人工裁定.csv", 2)
    snapshot = ingest_drop(drop, workbook.parent / "snapshots")
    table = pl.read_parquet(snapshot.folder / "tables" / "clerical_decisions.parquet")
    said = dict(table.select("period", "decision").rows())
    assert said == {"2020-02": "是", "2020-03": "否"}
    assert set(table["subject_id"]) == {PERSON} and set(table["beneficiary_id"]) == {EMPLOYER}
    assert snapshot.manifest["notes"] == []


def test_a_question_on_which_clerks_differ_says_so_and_is_asked_again() -> None:
    asked = [question(CONTRACT, "2020-02"), question(CONTRACT, "2020-03")]
    differing = pl.DataFrame(
        [{name: asked[0][name] for name in KEY_NAMES} | {"told": "王 是、李 否"}]
    )
    frame = sheets_of(asked, differing)[0].frame
    told = frame["missing"].str.contains("意见不一（王 是、李 否）")
    assert frame.height == 2 and told.sum() == 1


def test_what_most_money_waits_for_comes_first_and_its_facts_are_one_across_policies() -> None:
    asked = [
        question("a", amount_fen=1),
        question("b", amount_fen=7),
        question("b2", policy_id="other", amount_fen=2, fact="b"),
    ]
    frame = sheets_of(asked)[0].frame
    assert frame["stake_fen"].to_list() == [9, 1]
    assert frame["policies"].to_list() == ["一次性吸纳就业补贴、甲补贴", "一次性吸纳就业补贴"]


def test_an_unchanged_line_is_refused_by_its_row_and_nothing_is_written(workbook: Path) -> None:
    fill(workbook, {4: decided()})
    with pytest.raises(DropRefusedError, match="row 5: unchanged") as refused:
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    assert PERSON not in str(refused.value)
    assert list(workbook.parent.glob("*.csv")) == []


def test_a_deleted_line_is_simply_not_decided(workbook: Path) -> None:
    fill(workbook, {4: None, 5: decided()})
    assert import_decisions(workbook, workbook.parent / "人工裁定.csv", {})[1] == 1


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({4: decided(题号="0")}, "row 4: its number was altered, or is of a"),
        ({4: decided(裁定="可以")}, "row 4: 裁定 is neither"),
        ({4: decided(裁定="")}, "row 4: 裁定 is neither"),
        ({4: decided(裁定人=" ")}, "row 4: 裁定人 is empty"),
        ({4: decided(裁定日期="2020-02-30")}, "row 4: 裁定日期 is no date"),
        ({4: decided(裁定日期="")}, "row 4: 裁定日期 is no date"),
    ],
)
def test_altered_or_incomplete_lines_are_refused_by_row(
    workbook: Path, cells: dict[int, dict[str, Any]], told: str
) -> None:
    fill(workbook, cells | {5: decided()})
    with pytest.raises(DropRefusedError, match=told):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


@pytest.mark.parametrize("column", [1, 2, 3, 8, 9, 12, 13, 14, 15])
def test_an_answer_stays_with_the_question_that_was_read(workbook: Path, column: int) -> None:
    """Some columns sorted and others not: the clerk read one question and answered another."""
    book = openpyxl.load_workbook(workbook)
    page = book.worksheets[0]
    cells = [page.cell(row, column) for row in (FIRST_ROW, FIRST_ROW + 1)]
    one, other = (cell.value for cell in cells)
    cells[0].value, cells[1].value = (other, one) if one != other else ("别的", "别的")
    book.save(workbook)
    fill(workbook, {4: decided(), 5: decided(裁定="否")})
    with pytest.raises(DropRefusedError, match="row 4, 5: altered"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_a_row_answered_otherwise_is_not_lost_with_its_question(workbook: Path) -> None:
    fill(workbook, {4: None, 5: decided()})
    fill(workbook, {3: {"另行裁定": "否"}}, 1, 2)
    with pytest.raises(DropRefusedError, match=r"row 3: 另行裁定 .* of a question that sheet"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


@pytest.mark.parametrize("label", ["政策名称", "问题", "期间"])
def test_a_row_answered_otherwise_is_the_one_that_was_read(workbook: Path, label: str) -> None:
    fill(workbook, {4: decided(), 5: decided()})
    fill(workbook, {3: {"另行裁定": "否", label: "别的"}}, 1, 2)
    told = "row 4: its number, or" if label == "期间" else "row 3: in sheet 涉及各行, altered"
    with pytest.raises(DropRefusedError, match=told):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_a_workbook_of_before_is_refused_in_plain_words(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    for page, place in ((book.worksheets[0], 15), (book.worksheets[1], 5)):
        for (cell,) in page.iter_rows(min_row=3, min_col=place, max_col=place):
            cell.value = cell.value.partition("-")[0]
    book.save(workbook)
    fill(workbook, {4: decided(), 5: decided()})
    with pytest.raises(DropRefusedError, match=f"row 4, 5: {next(iter(ALTERED))}"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def commented(book: openpyxl.Workbook) -> None:
    book.worksheets[0]["D4"].comment = Comment("此题改为否", "王核")


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda book: book.worksheets[0].cell(4, 17, "此题改为否"), "人工裁定: .* into Q4:"),
        (lambda book: book.worksheets[0].cell(1, 3, "否"), "人工裁定: .* into C1:"),
        (lambda book: book.worksheets[1].cell(3, 30, "否"), "涉及各行: .* into AD3:"),
        (lambda book: book.copy_worksheet(book.worksheets[0]), "人工裁定 Copy: .* into A1, A2"),
        (lambda book: book.create_sheet("说明").cell(5, 2, "第1题未定"), "说明: .* into B5:"),
        (commented, "人工裁定: nobody reads the comments on D4:"),
    ],
)
def test_what_stands_where_nobody_reads_it_is_refused(
    workbook: Path, write: Callable[[openpyxl.Workbook], Any], told: str
) -> None:
    fill(workbook, {4: decided(), 5: decided()})
    book = openpyxl.load_workbook(workbook)
    write(book)
    book.save(workbook)
    with pytest.raises(DropRefusedError, match=told):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_what_is_empty_may_stand_anywhere(workbook: Path) -> None:
    """Columns and rows put in between, sheets that a program adds, widths and colours."""
    fill(workbook, {4: decided(), 5: decided()})
    book = openpyxl.load_workbook(workbook)
    for page in book.worksheets:
        page.insert_cols(4)
        page.insert_rows(1, 2)
        page.cell(4, 40, " ")
    book.create_sheet("Sheet2")
    book.save(workbook)
    assert import_decisions(workbook, workbook.parent / "人工裁定.csv", {})[1] == 3


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({3: {"主体代码": "370302200101010021"}}, "row 4: its number, or one of its rows"),
        ({4: {"条款": "g_alive"}}, "row 4: its number, or one of its rows"),
        ({4: {"期间": "2021"}}, "row 4: its number, or one of its rows"),
        ({4: None}, "row 4: its number, or one of its rows"),
        ({3: {"另行裁定": "也许"}}, "row 3: 另行裁定 in sheet 涉及各行 is neither"),
    ],
)
def test_an_altered_row_refuses_its_question(
    workbook: Path, cells: dict[int, Any], told: str
) -> None:
    fill(workbook, {4: decided(), 5: decided()})
    fill(workbook, cells, sheet=1, heading=2)
    with pytest.raises(DropRefusedError, match=told):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_every_bad_row_is_named_at_once(workbook: Path) -> None:
    with pytest.raises(DropRefusedError, match="row 4, 5: unchanged"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_a_line_copied_twice_is_refused(workbook: Path) -> None:
    page = openpyxl.load_workbook(workbook).active
    header = [cell.value for cell in page[FIRST_ROW - 1]]
    copied = dict(zip(header, [cell.value for cell in page[4]], strict=True))
    fill(workbook, {4: decided(), 5: decided(), 6: copied | decided()})
    with pytest.raises(DropRefusedError, match="row 4, 6: the same line twice"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_nothing_is_overwritten(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: decided()})
    target, _ = import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    before = target.read_bytes()
    with pytest.raises(DropRefusedError, match="is there already"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    assert target.read_bytes() == before


def test_a_removed_column_or_another_file_is_refused(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    places = {cell.value: cell.column for cell in book.active[FIRST_ROW - 1]}
    book.active.delete_cols(places["题号"])
    book.save(workbook)
    with pytest.raises(DropRefusedError, match="column missing: 题号"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    other = workbook.parent / "other.xlsx"
    other.write_text("no workbook")
    with pytest.raises(DropRefusedError, match="is named like a workbook and is none"):
        import_decisions(other, other.with_name("a.csv"), {})
    empty = workbook.parent / "empty.xlsx"
    openpyxl.Workbook().save(empty)
    with pytest.raises(DropRefusedError, match="is neither"):
        import_decisions(empty, empty.with_name("b.csv"), {})


def test_all_lines_deleted_is_refused(workbook: Path) -> None:
    fill(workbook, {4: None, 5: None})  # type: ignore[dict-item]
    with pytest.raises(DropRefusedError, match="no line is left"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
