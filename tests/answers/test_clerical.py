"""The clerk's workbook: goes out with what is open, comes back as the extract, whole or not."""

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.clerical import (
    import_decisions,
    list_answers,
    register_answers,
    withdraw_answer,
)
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import ingest_drop
from flows.money.objections import register_problems
from flows.store import Home
from transforms.answers.clerical import (
    CHECK,
    KEY_NAMES,
    LABELS,
    NAMES,
    clerical_sheet,
    conflict_questions,
)
from transforms.answers.open_questions import KEY, QUESTION_SCHEMA
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.registers import DECISIONS
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.sheets.workbook import workbook_bytes

PERSON = "370302200101010013"
EMPLOYER = "91370302MA0000001J"
SAID = ("decided_by", "why", "document_no")
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
    target, count = import_decisions(workbook, drop / "人工裁定.csv", {})
    assert (target.name, count) == ("人工裁定.csv", 2)
    snapshot = ingest_drop(drop, workbook.parent / "snapshots")
    table = pl.read_parquet(snapshot.folder / "tables" / "clerical_decisions.parquet")
    assert sorted(table["decision"]) == ["否", "是"]
    assert set(table["subject_id"]) == {PERSON} and set(table["beneficiary_id"]) == {EMPLOYER}
    assert set(table["decided_on"]) == {date(2020, 6, 30), date(2020, 7, 1)}


def test_an_unchanged_line_is_refused_by_its_row_and_nothing_is_written(workbook: Path) -> None:
    fill(workbook, {4: decided()})
    with pytest.raises(DropRefusedError, match="row 5: unchanged") as refused:
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    assert PERSON not in str(refused.value)
    assert list(workbook.parent.glob("*.csv")) == []


def test_a_deleted_line_is_simply_not_decided(workbook: Path) -> None:
    fill(workbook, {4: decided(), 5: None})
    assert import_decisions(workbook, workbook.parent / "人工裁定.csv", {})[1] == 1


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
    book.active.delete_cols(places[CHECK])
    book.save(workbook)
    with pytest.raises(DropRefusedError, match=f"column missing: {CHECK}"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})
    other = workbook.parent / "other.xlsx"
    other.write_text("no workbook")
    with pytest.raises(DropRefusedError, match="can't be opened"):
        import_decisions(other, other.with_name("a.csv"), {})
    empty = workbook.parent / "empty.xlsx"
    openpyxl.Workbook().save(empty)
    with pytest.raises(DropRefusedError, match="no heading"):
        import_decisions(empty, empty.with_name("b.csv"), {})


def test_all_lines_deleted_is_refused(workbook: Path) -> None:
    fill(workbook, {4: None, 5: None})  # type: ignore[dict-item]
    with pytest.raises(DropRefusedError, match="no line is left"):
        import_decisions(workbook, workbook.parent / "人工裁定.csv", {})


def test_the_commands_register_show_and_withdraw(
    workbook: Path, empty_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--home", str(tmp_path / "home"), "--json"]
    assert run_command(app, ["clerical", "import", str(workbook), *words]) == 10
    assert "is no home" in capsys.readouterr().err and not (tmp_path / "home").exists()
    shutil.copytree(empty_home, tmp_path / "home")
    assert run_command(app, ["clerical", "import", str(workbook), *words]) == 10
    assert "row 4, 5: unchanged" in capsys.readouterr().err
    assert Home(tmp_path / "home").registers == []
    fill(workbook, {4: decided(), 5: decided(裁定人="", 文号="", 裁定="否")})
    given = ["--by", "李审", "--document", "裁2号"]
    assert run_command(app, ["clerical", "import", str(workbook), *given, *words]) == 0
    assert json.loads(capsys.readouterr().out)["new_answers"] == 2
    assert run_command(app, ["clerical", "import", str(workbook), *given, *words]) == 0
    assert json.loads(capsys.readouterr().out)["new_answers"] == 0
    assert run_command(app, ["clerical", "show", *words]) == 0
    first, second = json.loads(capsys.readouterr().out)["answers"]
    assert (first["decided_by"], second["decided_by"]) == ("王核", "李审")
    assert (second["document_no"], second["decision"], second["state"]) == ("裁2号", "否", "stands")
    said = ["--by", "王核", "--reason", "看错了", *words]
    for name, code in ((first["answer_id"][:6], 0), (first["answer_id"], 2), ("A", 0), ("A", 2)):
        assert run_command(app, ["clerical", "withdraw", name, *said]) == code
    capsys.readouterr()
    assert run_command(app, ["clerical", "show", *words[:2]]) == 0
    told = capsys.readouterr().out
    assert told.count("withdrawn by 王核: 看错了") == 2 and PERSON not in told
    # What was withdrawn does not come back by the same file.
    assert run_command(app, ["clerical", "import", str(workbook), *given, *words]) == 0
    assert json.loads(capsys.readouterr().out)["new_answers"] == 0


def home_with(place: Path, workbook: Path) -> Home:
    """Make a home whose register holds the two answers of the workbook."""
    fill(workbook, {4: decided(), 5: decided(裁定="否")})
    register_answers(Home(place), workbook, {})
    return Home(place)


def test_a_snapshot_takes_in_what_stands_and_the_register_only_grows(
    workbook: Path, tmp_path: Path
) -> None:
    home, drop = home_with(tmp_path / "home", workbook), tmp_path / "drop"
    drop.mkdir()
    (drop / "认定名单.csv").write_text(
        "名单类别,主体类型,主体代码,名称,生效日期\n", encoding="utf-8"
    )

    def decisions() -> list[str]:
        taken = ingest_drop(drop, home.snapshots, registers=home.registers)
        (table,) = taken.tables()["clerical_decisions"]
        return sorted(pl.read_parquet(table)["provision"])

    assert decisions() == ["g_good_standing", "s1_contract_one_year"]
    before = (home.root / DECISIONS.file).read_bytes()
    withdraw_answer(home, list_answers(home)[0]["answer_id"], dict.fromkeys(SAID, "因"))
    assert decisions() == ["s1_contract_one_year"]
    grown = (home.root / DECISIONS.file).read_bytes()
    assert grown.startswith(before) and list(register_problems(home)) == []
    (home.root / DECISIONS.file).write_bytes(grown.replace("王核".encode(), "李审".encode()))
    assert len(list(register_problems(home))) == 1
    with pytest.raises(DigestDiffersError, match="not as it was registered"):
        decisions()
    home_lines = grown.splitlines(keepends=True)
    (home.root / DECISIONS.file).write_bytes(b"".join([home_lines[0], *home_lines[2:]]))
    assert "does not go on" in "".join(register_problems(home))


def test_an_extract_of_decisions_or_links_is_registered_or_refused_whole(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    head, line = (
        "kind,file_digest,line,person_id,decided_by,decided_on",
        "payroll,{0},{1},{2},王,{3}",
    )
    path = tmp_path / "身份核对结论.csv"
    good = line.format("a" * 64, 7, PERSON, "2020-03-01")
    path.write_text("\n".join([head, good, line.format("a" * 64, 8, "", "someday")]))
    with pytest.raises(DropRefusedError, match="line 3: decided_on"):
        register_answers(home, path, {})
    assert home.registers == [] and list(home.temporary.iterdir()) == []
    path.write_text("\n".join([head, good, line.format("a" * 64, 8, "", "2020-03-01")]))
    made = register_answers(home, path, {"document_no": "核1号"})
    assert (made["kind"], made["new_answers"]) == ("clerical_links", 2)
    assert [one["document_no"] for one in list_answers(home)] == ["核1号", "核1号"]
    with pytest.raises(DropRefusedError, match="neither"):
        register_answers(home, tmp_path / "别的.csv", {})
    path.write_text("\n".join([head, good.replace("王", "=1+1")]))
    with pytest.raises(DropRefusedError, match="not beginning with"):
        register_answers(home, path, {})


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
