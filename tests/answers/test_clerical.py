"""The clerk's workbook: goes out with what is open, comes back as the extract, whole or not."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.clerical import import_decisions
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import ingest_drop
from transforms.answers.clerical import (
    CHECK,
    KEY_NAMES,
    LABELS,
    NAMES,
    clerical_sheet,
    conflict_questions,
)
from transforms.answers.open_questions import KEY, QUESTION_SCHEMA
from transforms.errors import DropRefusedError
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.sheets.workbook import workbook_bytes

PERSON = "370302200101010013"
EMPLOYER = "91370302MA0000001J"
FIRST_ROW = 4  # two lines above, then the header


def question(provision: str, policy: str = "new_hire_subsidy") -> dict[str, Any]:
    return {
        "policy_id": policy,
        "period": "2020",
        "subject_kind": "person",
        "subject_id": PERSON,
        "beneficiary_kind": "employer",
        "beneficiary_id": EMPLOYER,
        "provision": provision,
        "title": "签订1年以上劳动合同",
        "clause": "签订1年以上劳动合同",
        "missing": "未填或未知：合同结束日期",
        "amount_fen": 100000,
    }


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    asked = pl.DataFrame(
        [question("s1_contract_one_year"), question("g_good_standing")], schema=QUESTION_SCHEMA
    )
    path = tmp_path / "clerical_decisions.xlsx"
    sheet = clerical_sheet(asked, {"new_hire_subsidy": "一次性吸纳就业补贴"}, "2020-06-30")
    path.write_bytes(workbook_bytes([sheet]))
    return path


def fill(path: Path, cells: dict[int, dict[str, Any]]) -> None:
    """Fill in cells as a clerk does, by row and heading; None deletes the row."""
    book = openpyxl.load_workbook(path)
    page = book.active
    places = {cell.value: cell.column for cell in page[FIRST_ROW - 1]}
    for row in sorted(cells, reverse=True):
        if cells[row] is None:
            page.delete_rows(row)
            continue
        for label, value in cells[row].items():
            page.cell(row, places[label]).value = value
    book.save(path)


def decided(**changes: Any) -> dict[str, Any]:
    return {"裁定": "是", "裁定人": "王核", "裁定日期": "2020-06-30", "文号": "裁1号"} | changes


def test_the_workbook_asks_in_words_and_keeps_the_extracts_columns(workbook: Path) -> None:
    page = openpyxl.load_workbook(workbook).active
    header = [cell.value for cell in page[FIRST_ROW - 1]]
    assert header[: len(NAMES)] == [LABELS[name] for name in NAMES]
    row = dict(zip(header, [cell.value for cell in page[FIRST_ROW]], strict=True))
    assert row["主体代码"] == PERSON and isinstance(row["主体代码"], str)
    assert row["问题"] and row["依据"] and row["缺什么"] and row["金额(元)"] == 1000
    assert row["裁定"] is None


def test_decided_lines_become_the_extract_that_ingest_accepts(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: decided(裁定="否", 裁定日期=datetime(2020, 7, 1), 文号=None)})
    drop = workbook.parent / "drop"
    target, count = import_decisions(workbook, drop / "人工裁定.csv")
    assert (target.name, count) == ("人工裁定.csv", 2)
    snapshot = ingest_drop(drop, workbook.parent / "snapshots")
    table = pl.read_parquet(snapshot.folder / "tables" / "clerical_decisions.parquet")
    assert sorted(table["decision"]) == ["否", "是"]
    assert set(table["subject_id"]) == {PERSON} and set(table["beneficiary_id"]) == {EMPLOYER}
    assert set(table["decided_on"]) == {date(2020, 6, 30), date(2020, 7, 1)}


def test_an_unchanged_line_is_refused_by_its_row_and_nothing_is_written(workbook: Path) -> None:
    fill(workbook, {4: decided()})
    with pytest.raises(DropRefusedError, match="row 5: unchanged") as refused:
        import_decisions(workbook, None)
    assert PERSON not in str(refused.value)
    assert list(workbook.parent.glob("*.csv")) == []


def test_a_deleted_line_is_simply_not_decided(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: None})
    assert import_decisions(workbook, None)[1] == 1


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({4: decided(主体代码="370302200101010021")}, "row 4: key cells or check code altered"),
        ({4: decided(条款="g_alive")}, "row 4: key cells or check code altered"),
        ({4: decided(期间="2021")}, "row 4: key cells or check code altered"),
        ({4: decided(校验码="0")}, "row 4: key cells or check code altered"),
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
        import_decisions(workbook, None)


def test_every_bad_row_is_named_at_once(workbook: Path) -> None:
    with pytest.raises(DropRefusedError, match="row 4, 5: unchanged"):
        import_decisions(workbook, None)


def test_a_line_copied_twice_is_refused(workbook: Path) -> None:
    page = openpyxl.load_workbook(workbook).active
    header = [cell.value for cell in page[FIRST_ROW - 1]]
    copied = dict(zip(header, [cell.value for cell in page[4]], strict=True))
    fill(workbook, {4: decided(), 5: decided(), 6: copied | decided()})
    with pytest.raises(DropRefusedError, match="row 4, 6: the same line twice"):
        import_decisions(workbook, None)


def test_nothing_is_overwritten(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: decided()})
    target, _ = import_decisions(workbook, None)
    before = target.read_bytes()
    with pytest.raises(DropRefusedError, match="is there already"):
        import_decisions(workbook, None)
    assert target.read_bytes() == before


def test_a_removed_column_or_another_file_is_refused(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    places = {cell.value: cell.column for cell in book.active[FIRST_ROW - 1]}
    book.active.delete_cols(places[CHECK])
    book.save(workbook)
    with pytest.raises(DropRefusedError, match=f"column missing: {CHECK}"):
        import_decisions(workbook, None)
    other = workbook.parent / "other.xlsx"
    other.write_text("no workbook")
    with pytest.raises(DropRefusedError, match="can't be opened"):
        import_decisions(other, None)
    empty = workbook.parent / "empty.xlsx"
    openpyxl.Workbook().save(empty)
    with pytest.raises(DropRefusedError, match="no heading"):
        import_decisions(empty, None)


def test_all_lines_deleted_is_refused(workbook: Path) -> None:
    fill(workbook, {4: None, 5: None})  # type: ignore[dict-item]
    with pytest.raises(DropRefusedError, match="no line is left"):
        import_decisions(workbook, None)


def test_the_command_ends_with_exit_code_10_and_a_message(
    workbook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(app, ["clerical", "import", str(workbook)]) == 10
    assert "row 4, 5: unchanged" in capsys.readouterr().err
    fill(workbook, {4: decided(), 5: decided()})
    assert run_command(app, ["clerical", "import", str(workbook), "--json"]) == 0
    assert '"decisions": 2' in capsys.readouterr().out


def entitlement(policy: str, subject: str, status: str, reason: str) -> dict[str, Any]:
    return {
        "policy_id": policy,
        "period": "2020-03",
        "subject_kind": "person",
        "subject_id": subject,
        "beneficiary_kind": "person",
        "beneficiary_id": subject,
        "determined_fen": 5000,
        "paid_before_fen": 0,
        "due_fen": 0,
        "status": status,
        "reason": reason,
    }


def test_conflicting_lines_of_a_person_and_month_stand_together() -> None:
    entitlements = pl.DataFrame(
        [
            entitlement("a", PERSON, "conflict", "c"),
            entitlement("b", EMPLOYER, "conflict", "d"),
            entitlement("c", PERSON, "conflict", "a"),
            entitlement("d", EMPLOYER, "conflict", "b"),
            entitlement("e", PERSON, "payable", ""),
        ],
        schema=ENTITLEMENT_SCHEMA,
    )
    titles = {"a": "甲补贴", "c": "丙补贴"}
    asked = conflict_questions(entitlements, titles)
    assert asked.height == 4 and set(asked["provision"]) == {"conflict"}
    rows = clerical_sheet(asked, titles, "2020-03-31").frame
    assert rows["政策"].to_list() == ["a", "c", "b", "d"]
    assert rows["missing"][0] == "与下列政策的同月享受相排斥：丙补贴"
    assert set(rows["question"]) == {"此行是否成立？"}


def test_the_key_of_a_line_is_the_extracts() -> None:
    assert set(KEY_NAMES) < set(NAMES) and set(KEY_NAMES) < {*KEY, "provision"}
