"""The clerk's workbook: goes out with what is open, comes back as the extract, whole or not."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.clerical import (
    answer_lines,
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
from tests.answers.clerical_lines import (
    CONTRACT,
    EMPLOYER,
    NAMES_KNOWN,
    NONE_DIFFER,
    PERSON,
    SAID,
    TITLES,
    decided,
    fill,
    question,
    workbook_in,
)
from tests.money.money_town import new_home, night, refund, run_name
from transforms.answers.clerical import (
    KEY_NAMES,
    LABELS,
    clerical_sheets,
    conflict_questions,
)
from transforms.answers.open_questions import KEY, QUESTION_SCHEMA, unfitting_findings
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError
from transforms.extracts.registers import DECISIONS
from transforms.money.entitlements import ENTITLEMENT_SCHEMA


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    return workbook_in(tmp_path)


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
    assert run_command(app, ["clerical", "import", str(workbook), *given, *words[:2]]) == 0
    told = capsys.readouterr().out
    assert "2 of 2 answers are new" in told and PERSON not in told
    assert [line.split()[5] for line in told.splitlines() if line.startswith("A")] == ["是", "否"]
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


def test_of_one_clerks_answers_the_list_says_which_counts_and_about_whom(
    workbook: Path, tmp_path: Path
) -> None:
    home = home_with(tmp_path / "home", workbook)
    fill(workbook, {4: decided(裁定="否"), 5: decided(裁定="否")})
    register_answers(home, workbook, {})
    listed = list_answers(home)
    states = sorted((one["state"], one["decision"]) for one in listed)
    assert states == [("replaced", "是"), ("stands", "否"), ("stands", "否")]
    (told,) = (line for line in answer_lines(listed) if "replaced by a later answer" in line)
    assert f"{PERSON[:6]}********{PERSON[-4:]}" in told and PERSON not in told


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
    with pytest.raises(UsageError, match="withdrawn already or never registered"):
        withdraw_answer(home, name, dict.fromkeys(SAID, "因"))
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
    path.write_text("\n".join([head, good.replace(PERSON, PERSON[:-1])]))
    with pytest.raises(DropRefusedError, match="line 2: person_id is no valid"):
        register_answers(home, path, {})
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
