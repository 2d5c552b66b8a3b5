"""Lists of relief and referral: for the bureau named, with the clause, masked where they leave."""

import csv
import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from flows.answers.lists import write_lists
from flows.data_package import PACKAGE
from flows.night.determine import Determined
from sql import run_sql, show_frame
from sql.texts import policy_cards
from tests.answers.answers_home import home_of_cases
from tests.rules.golden_run import cases_of
from transforms.answers.lists import (
    IDENTIFIER,
    NAME,
    NUMBER,
    ON_LIST,
    for_machines,
    list_of,
    list_parts,
    list_sheets,
    masked_list,
)
from transforms.answers.open_questions import KEY, QUESTION_SCHEMA, all_questions, parties_asked
from transforms.columns import Personal
from transforms.extracts.kinds import heading
from transforms.sheets.csv_file import csv_bytes
from transforms.sheets.workbook import workbook_bytes
from transforms.words import word

CLASSES = get_args(Personal)
LISTED = sorted(name for name, card in policy_cards().items() if card.kind != "payment")


def usual_day(policy: str) -> date:
    """Return the as-of date of most of a policy's cases."""
    days = [case.as_of for case in cases_of(policy)]
    return max(set(days), key=lambda day: (days.count(day), day))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))


def text_of(path: Path) -> str:
    if path.suffix != ".xlsx":
        return path.read_text("utf-8-sig")
    book = CalamineWorkbook.from_path(path)
    return str([book.get_sheet_by_name(name).to_python() for name in book.sheet_names])


def write_of(folder: Path, determined: Determined, as_of: date) -> list[Path]:
    ran = {name: card for name, card in policy_cards().items() if determined.policies.get(name)}
    rows = {name: determined.policy_rows(name).lazy() for name in ran}
    connection, decided = determined.connection, determined.determinations.lazy()
    show_frame(connection, "asked_parties", parties_asked(decided))
    gaps = run_sql(connection, "review/register_gaps.sql", {})
    questions = all_questions(ran, rows, decided, gaps)
    cards = list(ran.values())
    return write_lists(folder, connection, cards, rows, decided, questions, as_of)


@pytest.fixture
def lists_of(tmp_path: Path) -> Callable[[str], tuple[Path, pl.DataFrame]]:
    """Write the lists of a policy's golden cases; returns their folder and the determinations."""

    def write(policy: str) -> tuple[Path, pl.DataFrame]:
        as_of = usual_day(policy)
        _, determined = home_of_cases(tmp_path, policy, as_of)
        folder = tmp_path / "answers"
        folder.mkdir()
        write_of(folder, determined, as_of)
        return folder / "lists", determined.determinations

    return write


Lists = Callable[[str], tuple[Path, pl.DataFrame]]


@pytest.mark.parametrize("policy", LISTED)
def test_a_list_holds_exactly_the_eligible_rows_for_the_bureau_with_the_clause(
    policy: str, lists_of: Lists
) -> None:
    card = policy_cards()[policy]
    folder, determinations = lists_of(policy)
    eligible = determinations.filter(pl.col("outcome") == "eligible")
    assert eligible.height
    for edition in (policy, f"{policy}.internal"):
        listed = rows_of(folder / f"{edition}.csv")
        assert [row["序号"] for row in listed] == [str(n + 1) for n in range(eligible.height)]
        for told, said in {
            "条款": card.clause,
            "责任单位": card.bureau,
            "目的": card.listing["purpose"],
            "法律依据": card.listing["basis"],
        }.items():
            assert {row[told] for row in listed} == {said}
        book = CalamineWorkbook.from_path(folder / f"{edition}.xlsx")
        lines = book.get_sheet_by_index(0).to_python()
        top = [line[0] for line in lines].index("序号")
        above = str(lines[:top])
        assert len(lines) == len(listed) + top + 1
        for said in (card.bureau, card.clause, card.listing["purpose"], card.listing["basis"]):
            assert said in above
    inside = rows_of(folder / f"{policy}.internal.csv")
    assert {row["代码"].strip("'") for row in inside} == set(eligible["subject_id"])
    if card.kind == "relief":
        yuan = sum(int(row["减免金额(元)"].replace(".", "")) for row in inside)
        assert yuan == eligible["amount_fen"].sum()


@pytest.mark.parametrize("policy", LISTED)
def test_a_list_has_the_facts_of_its_card_under_chinese_headings_with_their_class(
    policy: str, lists_of: Lists
) -> None:
    card = policy_cards()[policy]
    folder, _ = lists_of(policy)
    lines = CalamineWorkbook.from_path(folder / f"{policy}.internal.xlsx").get_sheet_by_index(0)
    found = lines.to_python()
    top = [line[0] for line in found].index("序号")
    classes, headings = found[top - 1 : top + 1]
    facts = [heading(name) for name in card.listing["facts"]]
    assert headings[len(headings) - len(facts) :] == facts
    assert not [text for text in headings if re.search("[a-z]", str(text))]
    assert all(classes) and set(classes[1:]) <= {word(f"class_{name}") for name in CLASSES}


@pytest.mark.parametrize("policy", LISTED)
def test_rows_that_are_undetermined_stand_apart_with_what_would_settle_them(
    policy: str, lists_of: Lists
) -> None:
    folder, determinations = lists_of(policy)
    unknown = determinations.filter(pl.col("outcome") == "undetermined")
    path = folder / f"{policy}.internal.undetermined.csv"
    assert path.is_file() == bool(unknown.height)
    if unknown.height:
        rows = rows_of(path)
        assert sorted(row["代码"].strip("'") for row in rows) == sorted(unknown["subject_id"])
        assert all(row["未知的条件"] and row["缺什么"] for row in rows)
        listed = rows_of(folder / f"{policy}.csv")
        assert [int(row["序号"]) for row in rows] == [
            len(listed) + n + 1 for n in range(len(rows))
        ], "one running number through both parts"


def test_what_leaves_the_bureau_names_no_person(lists_of: Lists) -> None:
    folder, determinations = lists_of("youth_training")
    for person in set(determinations["subject_id"]):
        for path in folder.iterdir():
            if ".internal" not in path.name:
                text = text_of(path)
                assert person not in text
                assert f"{person[6:10]}-{person[10:12]}-{person[12:14]}" not in text
    inside = rows_of(folder / "youth_training.internal.csv")
    masked = rows_of(folder / "youth_training.csv")
    for known, shown in zip(inside, masked, strict=True):
        identifier = known["代码"].strip("'")
        assert known["序号"] == shown["序号"]
        assert shown["代码"] == f"{identifier[:6]}********{identifier[-4:]}"
        assert known["出生日期"] and "出生日期" not in shown, "a birthday would complete the id"


def test_two_masked_lines_that_look_alike_are_told_apart_by_their_number() -> None:
    card = policy_cards()["youth_training"]
    ids = ["370302200101010013", "370302200202020013"]
    rows = pl.DataFrame({NUMBER: [1, 2], IDENTIFIER: ids, NAME: ["张三", "张四"]})
    masked = masked_list(card, rows)
    assert masked.drop(NUMBER).n_unique() == 1 and masked[NUMBER].to_list() == [1, 2]


def test_a_household_is_named_by_its_members_inside_and_by_nobody_outside(lists_of: Lists) -> None:
    folder, _ = lists_of("zero_employment_household")
    inside = rows_of(folder / "zero_employment_household.internal.csv")
    outside = rows_of(folder / "zero_employment_household.csv")
    assert inside and all(row["名称"] for row in inside)
    assert not any(row["名称"] for row in outside)
    assert all(re.fullmatch(r"\*{4}..", row["代码"]) for row in outside)
    members = rows_of(folder / "zero_employment_household.internal.members.csv")
    assert {row["序号"] for row in members} == {row["序号"] for row in inside}
    for row in inside:
        own = [m for m in members if m["序号"] == row["序号"]]
        assert {m["户号"].strip("'") for m in own} == {row["代码"].strip("'")}
        assert {m["姓名"] for m in own} <= set(row["名称"].split("、"))
        assert any(m["失业登记日期"] for m in own)
    assert not (folder / "zero_employment_household.members.csv").exists()


def test_the_package_of_the_lists_names_both_editions_and_every_columns_class(
    lists_of: Lists,
) -> None:
    folder, _ = lists_of("youth_training")
    package = json.loads((folder / PACKAGE).read_text(encoding="utf-8"))
    resources = {one["path"]: one for one in package["resources"]}
    assert {path.name for path in folder.glob("*.csv")} == set(resources)
    assert {"youth_training.csv", "youth_training.internal.csv"} <= set(resources)
    for path, one in resources.items():
        assert one["edition"] == ("internal" if ".internal" in path else "masked")
        assert one["bureau"] and one["purpose"] and one["basis"]
        classes = {field["name"]: field["personal"] for field in one["schema"]["fields"]}
        if one["edition"] == "masked":
            assert set(classes.values()) <= {"none", "masked"}
        else:
            assert (classes[IDENTIFIER], classes[NAME]) == ("person_id", "name")


def test_names_of_persons_keep_their_first_character() -> None:
    card = policy_cards()["youth_training"]
    rows = pl.DataFrame({IDENTIFIER: ["370302200101010013"] * 2, NAME: ["欧阳明", ""]})
    assert masked_list(card, rows)[NAME].to_list() == ["欧**", ""]
    employers = replace(card, subject="employer")
    assert masked_list(employers, rows).equals(rows)


def test_a_list_is_sorted_by_what_concerns_most_persons(lists_of: Lists) -> None:
    folder, _ = lists_of("startup_loan_prequalification")
    hires = [int(r["新招人数"]) for r in rows_of(folder / "startup_loan_prequalification.csv")]
    assert len(set(hires)) > 1 and hires == sorted(hires, reverse=True)


def test_a_policy_that_found_nobody_has_an_empty_list_with_its_header() -> None:
    card = policy_cards()["disability_levy_relief"]
    keys = dict.fromkeys(KEY, pl.String)
    facts = {"entity_type": pl.String, "is_wage_capped": pl.Boolean}
    numbers = [name for name in card.listing["facts"] if name not in facts]
    policy_rows = pl.DataFrame(
        schema={**keys, "amount_fen": pl.Int64, **facts, **dict.fromkeys(numbers, pl.Int64)}
    )
    determinations = pl.DataFrame(schema={**keys, "outcome": pl.String})
    questions = pl.DataFrame(schema=QUESTION_SCHEMA)
    told = [
        pl.DataFrame(schema=dict.fromkeys(("subject_kind", "subject_id", name), pl.String))
        for name in (NAME, "division_code")
    ]
    policy_rows = policy_rows.drop("policy_id")
    rows = list_of(card, policy_rows.lazy(), determinations.lazy(), questions, told)
    parts = list_parts(rows)
    assert set(parts) == {ON_LIST} and "relief_fen" in parts[ON_LIST].columns
    assert csv_bytes(parts[ON_LIST]).decode("utf-8-sig").startswith("序号,")
    (sheet,) = list_sheets(card, parts, "2020-06-30", is_masked=True)
    assert "共 0 条" in str(sheet.above[0].cells[0])


def test_a_list_of_a_hundred_thousand_lines_is_written_at_once() -> None:
    card = policy_cards()["youth_training"]
    count = 100_000
    rows = pl.select(
        pl.int_range(1, count + 1).alias(NUMBER),
        pl.concat_str(pl.lit("37030220010101"), pl.int_range(1000, count + 1000)).alias(IDENTIFIER),
        pl.lit("张三").alias(NAME),
        pl.lit("2020-06").alias("period"),
    )
    start = time.monotonic()
    masked = masked_list(card, rows)
    csv_bytes(for_machines(card, masked))
    workbook_bytes(list_sheets(card, {ON_LIST: masked}, "2020-06-30", is_masked=True))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "cell",
    [
        *("=1+1", "+86", "-3", "@a", "\tx", "\rx"),
        *("91370303100002E120", "1e5", "01234567890", "00", "123456789012"),
    ],
)
def test_no_cell_of_a_csv_is_a_formula_or_a_number_written_otherwise(cell: str) -> None:
    written = csv_bytes(pl.DataFrame({"holder": [cell]})).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == [f"'{cell}"]


def test_a_csv_is_what_other_programs_write() -> None:
    cells = [
        "a,b",
        'a"b',
        "a\nb",
        "a\rb",
        " a ",
        "",
        None,
        "中",
        "1" * 11,
        "#",
        "0",
        "E1",
        "1E",
        "0.5",
        "2020-06",
    ]
    rows = pl.DataFrame({"holder": cells, "row_count": range(len(cells))})
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["户名", "行数"])
    writer.writerows(rows.rows())
    assert csv_bytes(rows).decode("utf-8-sig") == stream.getvalue()


def test_long_numbers_of_a_csv_stay_text_and_amounts_are_yuan() -> None:
    rows = pl.DataFrame({IDENTIFIER: ["370302198503150014"], "relief_fen": [-114650]})
    text = csv_bytes(rows).decode("utf-8-sig")
    assert text == "代码,减免金额(元)\r\n'370302198503150014,-1146.50\r\n"
