"""Lists of relief and referral: for the bureau named, with the clause, masked where they leave."""

import csv
import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from flows.answers.lists import write_lists
from flows.night.determine import Determined
from sql.texts import policy_cards
from tests.answers.answers_home import home_of_cases
from tests.rules.golden_run import cases_of
from transforms.answers.lists import IDENTIFIER, NAME, list_of, list_sheet, masked_list
from transforms.sheets.csv_file import csv_bytes, safe_cell

LISTED = sorted(name for name, card in policy_cards().items() if card.kind != "payment")


def usual_day(policy: str) -> date:
    """Return the as-of date of most of a policy's cases."""
    days = [case.as_of for case in cases_of(policy)]
    return max(set(days), key=lambda day: (days.count(day), day))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))


def text_of(path: Path) -> str:
    if path.suffix == ".csv":
        return path.read_text("utf-8-sig")
    return str(CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python())


def write_of(folder: Path, determined: Determined, as_of: date) -> list[Path]:
    ran = [card for name, card in policy_cards().items() if determined.policies.get(name)]
    return write_lists(folder, determined.connection, ran, determined.determinations, as_of)


@pytest.mark.parametrize("policy", LISTED)
def test_a_list_holds_exactly_the_eligible_rows_with_the_clause(
    policy: str, tmp_path: Path
) -> None:
    card = policy_cards()[policy]
    as_of = usual_day(policy)
    _, determined = home_of_cases(tmp_path, policy, as_of)
    folder = tmp_path / "answers"
    folder.mkdir()
    write_of(folder, determined, as_of)
    eligible = determined.determinations.filter(pl.col("outcome") == "eligible")
    assert eligible.height
    listed = rows_of(folder / "lists" / f"{policy}.csv")
    assert len(listed) == eligible.height
    assert {row["条款"] for row in listed} == {card.clause}
    assert {row["责任单位"] for row in listed} == {card.bureau}
    if card.kind == "relief":
        yuan = sum(int(row["减免金额(元)"].replace(".", "")) for row in listed)
        assert yuan == eligible["amount_fen"].sum()
    sheet = CalamineWorkbook.from_path(folder / "lists" / f"{policy}.xlsx").get_sheet_by_index(0)
    lines = sheet.to_python()
    assert len(lines) == len(listed) + 5
    assert card.bureau in lines[1][0] and card.clause in lines[2][0]


def test_what_leaves_the_bureau_names_no_person(tmp_path: Path) -> None:
    as_of = usual_day("youth_training")
    _, determined = home_of_cases(tmp_path, "youth_training", as_of)
    folder = tmp_path / "answers"
    folder.mkdir()
    written = write_of(folder, determined, as_of)
    eligible = determined.determinations.filter(pl.col("outcome") == "eligible")
    outside = [path for path in written if ".internal." not in path.name]
    for person in eligible["subject_id"]:
        for path in outside:
            assert person not in text_of(path)
    inside = rows_of(folder / "lists" / "youth_training.internal.csv")
    masked = rows_of(folder / "lists" / "youth_training.csv")
    assert [row["代码"].strip("'") for row in inside] == eligible["subject_id"].to_list()
    for known, shown in zip(inside, masked, strict=True):
        identifier = known["代码"].strip("'")
        assert known["序号"] == shown["序号"]
        assert shown["代码"] == f"{identifier[:6]}********{identifier[-4:]}"


def test_a_household_is_named_by_its_members_inside_and_by_nobody_outside(tmp_path: Path) -> None:
    as_of = usual_day("zero_employment_household")
    _, determined = home_of_cases(tmp_path, "zero_employment_household", as_of)
    folder = tmp_path / "answers"
    folder.mkdir()
    write_of(folder, determined, as_of)
    inside = rows_of(folder / "lists" / "zero_employment_household.internal.csv")
    outside = rows_of(folder / "lists" / "zero_employment_household.csv")
    assert inside and all(row["名称"] for row in inside)
    assert not any(row["名称"] for row in outside)
    assert all(re.fullmatch(r"\*{4}..", row["代码"]) for row in outside)


def test_names_of_persons_keep_their_first_character() -> None:
    card = policy_cards()["youth_training"]
    rows = pl.DataFrame({IDENTIFIER: ["370302200101010013"] * 2, NAME: ["欧阳明", ""]})
    assert masked_list(card, rows)[NAME].to_list() == ["欧**", ""]
    employers = replace(card, subject="employer")
    assert masked_list(employers, rows).equals(rows)


def test_a_policy_that_found_nobody_has_an_empty_list_with_its_header() -> None:
    card = policy_cards()["disability_levy_relief"]
    listed = pl.DataFrame(
        schema={
            "period": pl.String,
            "subject_kind": pl.String,
            "subject_id": pl.String,
            "amount_fen": pl.Int64,
        }
    )
    names = pl.DataFrame(
        schema=dict.fromkeys(("subject_kind", "subject_id", "subject_name"), pl.String)
    )
    rows = list_of(card, listed, names)
    assert rows.height == 0 and "relief_fen" in rows.columns
    assert csv_bytes(rows).decode("utf-8-sig").startswith("序号,")
    assert "共 0 条" in list_sheet(card, rows, "2020-06-30", is_masked=True).above[0].cells[0]


@pytest.mark.parametrize("cell", ["=1+1", "+86", "-3", "@a", "\tx", "\rx"])
def test_no_cell_of_a_csv_is_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


def test_long_numbers_of_a_csv_stay_text_and_amounts_are_yuan() -> None:
    rows = pl.DataFrame({IDENTIFIER: ["370302198503150014"], "relief_fen": [-114650]})
    text = csv_bytes(rows).decode("utf-8-sig")
    assert text == "代码,减免金额(元)\r\n'370302198503150014,-1146.50\r\n"
