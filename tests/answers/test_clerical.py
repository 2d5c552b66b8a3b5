"""The clerk's workbook: goes out with what is open, comes back as the extract, whole or not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.comments import Comment

from flows.answers.clerical import (
    import_decisions,
    list_answers,
    register_answers,
    withdraw_answer,
)
from flows.cli import app
from flows.cli.console import run_command
from flows.ingest.drop import ingest_drop
from flows.money.ledger_store import open_ledger
from flows.money.objections import register_problems
from flows.money.verify import verify_home
from flows.money.whole import expect_whole
from flows.store import Home
from sql.texts import exclusions, policy_cards
from tests.money.money_town import new_home, night, refund, run_name
from transforms.answers.clerical import (
    KEY_NAMES,
    LABELS,
    clerical_sheets,
    conflict_questions,
)
from transforms.answers.clerical_answers import ALTERED
from transforms.answers.open_questions import KEY, QUESTION_SCHEMA, unfitting_findings
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.extracts.registers import DECISIONS
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
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


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Two questions: of a contract over two months, the more money, and of good standing."""
    asked = [
        question(CONTRACT, "2020-02"),
        question(CONTRACT, "2020-03"),
        question("g_good_standing", "2020-03", about="beneficiary"),
    ]
    path = tmp_path / "clerical_decisions.xlsx"
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
    with pytest.raises(DropRefusedError, match="can't be opened"):
        import_decisions(other, other.with_name("a.csv"), {})
    empty = workbook.parent / "empty.xlsx"
    openpyxl.Workbook().save(empty)
    with pytest.raises(DropRefusedError, match="is neither"):
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
    assert run_command(app, ["--lang", "zh", "clerical", "show", *words[:2]]) == 0
    told = capsys.readouterr().out
    assert "人工裁定 " in told and "王核 撤回：看错了" in told and "more lines" not in told
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

    assert decisions() == ["g_good_standing", CONTRACT, CONTRACT]
    before = (home.root / DECISIONS.file).read_bytes()
    withdraw_answer(home, list_answers(home)[0]["answer_id"], dict.fromkeys(SAID, "因"))
    assert decisions() == ["g_good_standing"]
    grown = (home.root / DECISIONS.file).read_bytes()
    assert grown.startswith(before) and list(register_problems(home)) == []
    (home.root / DECISIONS.file).write_bytes(grown.replace("王核".encode(), "李审".encode()))
    assert len(list(register_problems(home))) == 1
    with pytest.raises(DigestDiffersError, match="not as it was registered"):
        decisions()
    home_lines = grown.splitlines(keepends=True)
    (home.root / DECISIONS.file).write_bytes(b"".join([*home_lines[:3], *home_lines[4:]]))
    assert "does not go on" in "".join(register_problems(home))


def test_what_a_night_found_withdrawn_does_not_come_back_into_force(
    workbook: Path, tmp_path: Path
) -> None:
    """Who took the line 撤回 out of the register had the answer pay again, and nobody noticed."""
    home = new_home(tmp_path / "home")
    path = home_with(home.root, workbook).root / DECISIONS.file
    name = list_answers(home)[0]["answer_id"]
    withdraw_answer(home, name, dict.fromkeys(SAID, "因"))
    for label in ("R1", "R2"):
        night(home, label, [refund(1000)])
    with open_ledger(home) as ledger:
        assert ledger.books().withdrawn == {name: run_name("R1")}
        runs = [p.said for p in ledger.postings() if p.kind == "run_recorded"]
    assert ["withdrawn" in said for said in runs] == [True, False], "each is posted once"
    verify_home(home)
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in kept if "撤回".encode() not in line))
    again = f"{name} stands again, which run {run_name('R1')}"
    with pytest.raises(DigestDiffersError, match=again):
        verify_home(home)
    with open_ledger(home) as ledger, pytest.raises(DigestDiffersError, match=again):
        expect_whole(home, ledger)
    withdraw_answer(home, name, dict.fromkeys(SAID, "因"))
    verify_home(home)


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
    path.write_text("\n".join([head, good.replace("payroll,", "工资,")]))
    with pytest.raises(DropRefusedError, match="row 2: no kind of extract"):
        register_answers(home, path, {})
    other = tmp_path / "别的.csv"
    with pytest.raises(DropRefusedError, match="is no file"):
        register_answers(home, other, {})
    other.write_text("x")
    with pytest.raises(DropRefusedError, match="neither"):
        register_answers(home, other, {})
    path.write_text("\n".join([head, good.replace("王", "=1+1")]))
    with pytest.raises(DropRefusedError, match="not beginning with"):
        register_answers(home, path, {})


def test_a_decision_that_fits_nothing_is_refused_or_found(tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "人工裁定.csv"
    head = "policy_id,period,subject_id,beneficiary_id,provision,decision,decided_by,decided_on"
    line = "{0},{1},{2},{2},{3},是,王,2020-03-01"
    for policy, period, provision, told in (
        ("失业补助", "2020-03", "g_alive", "row 2: no policy"),
        ("benefit_to_retirement", "2020-03", "g_aliv", "row 2: no policy"),
        ("benefit_to_retirement", "2020", "g_alive", "row 2: its policy goes by month"),
        ("benefit_to_retirement", "2020.0", "g_alive", "line 2: period"),
    ):
        path.write_text("\n".join([head, line.format(policy, period, PERSON, provision)]))
        with pytest.raises(DropRefusedError, match=told):
            register_answers(home, path, {})
    title = policy_cards()["benefit_to_retirement"].title
    path.write_text("\n".join([head, line.format(title, "202003", PERSON, "g_alive")]))
    register_answers(home, path, {})
    (answer,) = list_answers(home)
    assert (answer["policy_id"], answer["period"]) == ("benefit_to_retirement", "2020-03")
    rows = [
        ("benefit_to_retirement", "g_alive"),
        ("benefit_to_retirement", "objection"),
        ("identity", "same_person"),
        ("benefit_to_retirement", "g_aliv"),
    ]
    given = {"period": "2020-03", "subject_id": PERSON, "source_file": "a.csv", "source_line": 2}
    decisions = [{"policy_id": one, "provision": two, **given} for one, two in rows]
    decisions.append(decisions[0] | {"period": "2020", "source_line": 3})
    said = pl.DataFrame(decisions)
    # What is about nobody, and of no provision either, is told once.
    nobody = pl.concat([said[:1].with_columns(source_line=pl.lit(9, pl.Int64)), said[3:4]])
    found = unfitting_findings(said, nobody, policy_cards())
    wrong, yearly, unknown = found["detail"]
    assert "a.csv:9: g_alive (2020-03): no extract of tonight names whom" in unknown
    assert "a.csv:2" in wrong and "g_aliv (2020-03): no policy" in wrong
    assert "a.csv:3" in yearly and "g_alive (2020): its policy goes by month" in yearly


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
    rows = clerical_sheets(asked, NONE_DIFFER, NAMES_KNOWN, titles, "2020-03-31")[0].frame
    together = rows["主体代码"].to_list()
    assert [together.count(one) for one in together] == [2, 2, 2, 2] and together[0] == together[1]
    assert "与下列政策的同月享受相排斥：丙补贴" in rows["missing"].to_list()
    assert "是否按「甲补贴」发放？同一人" in " ".join(rows["question"])
    nobody = clerical_sheets(asked, NONE_DIFFER, NAMES_KNOWN.clear(), titles, "2020-03-31")[0]
    assert set(nobody.frame["about_name"]) == {"（资料中没有名称）"}


def test_of_policies_that_exclude_each_other_a_question_counts_the_larger() -> None:
    pair = ("stability_refund", "stability_refund_difficult")
    asked = [
        question("s5_is_enterprise", "2020") | {"policy_id": policy, "amount_fen": fen}
        for policy, fen in zip(pair, (180_000, 1_833_600), strict=True)
    ]
    asked = [one | {"fact": "one", "missing": "x"} for one in asked]
    questions = pl.DataFrame(asked, schema=QUESTION_SCHEMA)
    told = (questions, NONE_DIFFER, NAMES_KNOWN, TITLES, "2020-06-30", exclusions())
    (row,) = clerical_sheets(*told)[0].frame.to_dicts()
    assert (row["row_count"], row["stake_fen"]) == (2, 1_833_600)


def test_the_key_of_a_row_is_the_extracts() -> None:
    assert set(KEY_NAMES) < set(LABELS) and set(KEY_NAMES) < {*KEY, "provision"}
