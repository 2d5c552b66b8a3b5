"""Two ids of one household over nights: held, asked, answered, paid; withdrawn, held again."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.clerical import list_answers, register_answers, withdraw_answer
from flows.audit.replay import replay
from flows.cli import app
from flows.cli.console import run_command
from flows.store import Home
from tests.audit.conftest import eligible, run, told_anew
from transforms.identifiers import with_check_character

POLICY = "graduate_flexible_insurance"
INSURED, RESIDENTS, NOTE = "个人参保信息.parquet", "户籍人口.parquet", "交接单.csv"
FIRST_ROW, HEADING = 4, 3


def with_a_second_id(town: Path, into: Path, person: str) -> tuple[Path, str]:
    """Give a person a second id: insured, employed once, in the household of the first."""
    other = with_check_character(str(int(person[:17]) + (400 if person[14] < "5" else -400)))

    def add_jobs(rows: list[dict[str, str]]) -> None:
        job = rows[0] | {"合同类别": "以完成一定工作任务为期限", "合同开始日期": "2018-01-01"}
        job |= {"合同结束日期": "2018-02-01", "合同解除日期": "", "解除原因": ""}
        (name,) = names
        rows += [job | {"社会保障号码": one, "姓名": name} for one in (person, other)]

    insured = pl.read_parquet(town / INSURED)
    label, name_label = "社会保障号码", "姓名"
    names = insured.filter(pl.col(label) == person)[name_label].to_list()
    told_anew(town, into, add_jobs)
    one = insured.filter(pl.col(label) == person)
    pl.concat([insured, one.with_columns(pl.lit(other).alias(label))]).write_parquet(into / INSURED)
    homes = pl.read_parquet(town / RESIDENTS)
    homes = homes.filter(pl.col("社会保障号码") != person)
    rows = [homes.head(1).with_columns(pl.lit(i).alias("社会保障号码")) for i in (person, other)]
    same = pl.concat(rows).with_columns(
        pl.lit("户同").alias("户号"), pl.lit(names[0]).alias("姓名")
    )
    pl.concat([homes, same]).write_parquet(into / RESIDENTS)
    lines = (into / NOTE).read_text("utf-8-sig").splitlines()
    kept = [line for line in lines if INSURED not in line and RESIDENTS not in line]
    (into / NOTE).write_text("\n".join([*kept, ""]), encoding="utf-8-sig")
    return into, other


def status_of(home: Home, run_id: str, person: str) -> set[tuple[str, str]]:
    rows = pl.read_parquet(home.runs / run_id / "entitlements.parquet")
    mine = rows.filter((pl.col("subject_id") == person) & (pl.col("policy_id") == POLICY))
    return set(mine.select("status", "reason").iter_rows())


def asked_about(home: Home, run_id: str) -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(home.runs / run_id / "clerical_decisions.xlsx")
    header, *rows = book.worksheets[0].iter_rows(min_row=HEADING, values_only=True)
    found = [dict(zip(header, cells, strict=True)) for cells in rows]
    return [one for one in found if "证件号属于同一个人" in str(one["问题"])]


def answered(home: Home, run_id: str, path: Path, decision: str) -> Path:
    """Fill in the question about the two ids and leave the others out, as a clerk may."""
    book = openpyxl.load_workbook(home.runs / run_id / "clerical_decisions.xlsx")
    page = book.worksheets[0]
    places = {cell.value: cell.column for cell in page[HEADING]}
    for row in range(page.max_row, FIRST_ROW - 1, -1):
        if "证件号属于同一个人" not in str(page.cell(row, places["问题"]).value):
            page.delete_rows(row)
    cells = {"裁定": decision, "裁定人": "王核", "裁定日期": "2020-03-31", "文号": "核1号"}
    for label, value in cells.items():
        page.cell(FIRST_ROW, places[label]).value = value
    book.save(path)
    return path


def test_two_ids_are_held_until_a_clerk_says_they_are_two_persons(
    town: Path, home_after_run: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_after_run
    first = next(home.runs.glob("R*")).name
    lines = pl.read_parquet(home.runs / first / "entitlements.parquet")
    lines = lines.filter((pl.col("policy_id") == POLICY) & (pl.col("status") == "payable"))
    person = lines["subject_id"][0]
    assert person in eligible(home, POLICY, first)["subject_id"]
    drop, other = with_a_second_id(town, tmp_path / "drop", person)

    held = run(home, drop, date(2020, 3, 31))["run_id"]
    assert status_of(home, held, person) == {("held", "identity_conflict")}
    (question,) = asked_about(home, held)
    assert question["问题"] == "「这两个证件号属于同一个人」是否成立？"
    assert {question["主体代码"], question["收款主体代码"]} == {person, other}
    assert "同一户" in question["缺什么"] and question["涉及金额(元)"] > 0
    omitted = pl.read_parquet(home.runs / held / "omitted.parquet")
    (told,) = set(omitted.filter(pl.col("subject_id") == person)["detail"])
    assert told.startswith("身份信息有冲突，须核对：与 ") and "同一户" in told
    words = ["explain", held, "--person", person, "--home", str(home.root)]
    assert run_command(app, words) == 0
    assert f"in doubt     has name, birth date and sex of {other}" in capsys.readouterr().out
    assert run_command(app, ["--lang", "zh", *words]) == 0
    assert "可能是同一个人：证件号一位不同或相邻两位对调、同一户" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run_command(app, [*words, "--json", "--html", str(page)]) == 0
    assert "in one household" in json.dumps(json.loads(capsys.readouterr().out))
    assert "<th>身份存疑</th>" in page.read_text("utf-8")
    assert "可能是同一个人：证件号一位不同或相邻两位对调、同一户" in page.read_text("utf-8")

    answer = answered(home, held, tmp_path / "answered.xlsx", "否")
    assert register_answers(home, answer, {})["new_answers"] == 1
    paid = run(home, drop, date(2020, 4, 1))["run_id"]
    assert status_of(home, paid, person) == {("payable", "")}
    assert asked_about(home, paid) == []
    assert replay(home, paid)["verdict"] == "identical"

    (one,) = list_answers(home)
    said = {"decided_by": "李审", "why": "看错了", "document_no": ""}
    withdraw_answer(home, one["answer_id"], said)
    again = run(home, drop, date(2020, 4, 2))["run_id"]
    assert status_of(home, again, person) == {("held", "identity_conflict")}
    assert len(asked_about(home, again)) == 1
