"""Omitted beneficiaries: who is eligible by the facts and gets nothing is named, with a reason."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from flows.answers.after_run import write_answers
from sql.texts import policy_cards
from tests.answers.answers_home import RUN_ID, home_of_cases
from transforms.answers.omitted import (
    NO_LOSS_RULES,
    OMITTED_SCHEMA,
    omitted_rows,
    omitted_sheets,
    parties_with_rows_set_aside,
)
from transforms.answers.open_questions import QUESTION_SCHEMA
from transforms.extracts.rules import QUARANTINE_SCHEMA
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.words import word

PERSON, OTHER = "370302198001010014", "370302198001010030"
EMPLOYER = "91370302MA0000001J"
NOBODY = pl.DataFrame(schema=OMITTED_SCHEMA)
NO_QUESTIONS = pl.DataFrame(schema=QUESTION_SCHEMA)
TITLES = {name: card.title for name, card in policy_cards().items()}


def entitled(status: str, reason: str, **changes: Any) -> pl.DataFrame:
    row = {
        "policy_id": "graduate_flexible_insurance",
        "period": "2020-03",
        "subject_kind": "person",
        "subject_id": PERSON,
        "beneficiary_kind": "person",
        "beneficiary_id": PERSON,
        "determined_fen": 50000,
        "paid_before_fen": 0,
        "due_fen": 50000,
        "status": status,
        "reason": reason,
    }
    return pl.DataFrame([row | changes], schema=ENTITLEMENT_SCHEMA)


@pytest.mark.parametrize("hold", ["account_missing", "identity_conflict", "account_not_encodable"])
def test_every_hold_is_said_in_words(hold: str) -> None:
    (row,) = omitted_rows(entitled("held", hold), NO_QUESTIONS, NOBODY, TITLES).to_dicts()
    assert (row["reason"], row["detail"], row["missed_fen"]) == ("held", word(hold), 50000)


def test_a_conflict_names_the_other_policies() -> None:
    conflict = entitled("conflict", "internship_subsidy,public_post_extension", due_fen=0)
    (row,) = omitted_rows(conflict, NO_QUESTIONS, NOBODY, TITLES).to_dicts()
    assert row["detail"] == "同一人同一月重复：就业见习补贴、公益性岗位延长一年"
    assert row["missed_fen"] == 50000


@pytest.mark.parametrize(
    "status", ["payable", "nothing_due", "superseded", "recovery", "unsupported"]
)
def test_who_is_paid_or_owed_nothing_is_not_omitted(status: str) -> None:
    assert omitted_rows(entitled(status, ""), NO_QUESTIONS, NOBODY, TITLES).height == 0


def set_aside(kind: str, subject: str | None, rule: str, line: int = 2) -> dict[str, Any]:
    return {
        "kind": kind,
        "source_file": f"{kind}.csv",
        "source_line": line,
        "rule": rule,
        "column": "",
        "message": "",
        "subject_id": subject,
    }


def parties(rows: list[dict[str, Any]], eligible: list[tuple[str, str]] = []) -> pl.DataFrame:  # noqa: B006
    determinations = pl.DataFrame(
        [
            {"policy_id": policy, "subject_id": who, "beneficiary_id": who, "outcome": "eligible"}
            for policy, who in eligible
        ],
        schema=dict.fromkeys(("policy_id", "subject_id", "beneficiary_id", "outcome"), pl.String),
    )
    quarantine = pl.DataFrame(rows, schema=QUARANTINE_SCHEMA)
    cards = {
        name: policy_cards()[name] for name in ("new_hire_subsidy", "graduate_flexible_insurance")
    }
    return parties_with_rows_set_aside(quarantine, cards, determinations.lazy())


def test_a_party_of_quarantined_rows_is_named_once_with_file_and_line() -> None:
    found = parties(
        [
            set_aside("graduates", PERSON, "unreadable_value", 7),
            set_aside("support", PERSON, "conflicting_key", 9),
            set_aside("registrations", EMPLOYER, "unknown_code", 3),
        ]
    ).sort("subject_kind")
    assert found["subject_kind"].to_list() == ["employer", "person"]
    detail = found["detail"][1]
    assert detail.startswith("2 行被隔离：")
    assert "高校毕业生名册 graduates.csv:7" in detail and "政策享受台账 support.csv:9" in detail
    assert "毕业生灵活就业社保补贴" in detail and "一次性吸纳就业补贴" in detail


def test_rows_that_lose_nothing_name_nobody() -> None:
    rows = [set_aside("support", PERSON, rule) for rule in NO_LOSS_RULES]
    rows.append(set_aside("graduates", None, "invalid_person_id"))
    assert parties(rows).height == 0


def test_a_policy_under_which_the_party_is_eligible_all_the_same_is_not_named() -> None:
    rows = [set_aside("graduates", PERSON, "unreadable_value")]
    assert parties(rows, [("graduate_flexible_insurance", PERSON)]).height == 0
    rows = [set_aside("support", PERSON, "unreadable_value")]
    (row,) = parties(rows, [("graduate_flexible_insurance", PERSON)]).to_dicts()
    assert "一次性吸纳就业补贴" in row["detail"] and "灵活就业" not in row["detail"]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answers of a real run whose employers lack registrations or unit rows in some cases."""
    root = tmp_path_factory.mktemp("omitted")
    home, determined = home_of_cases(root, "stability_refund", date(2020, 6, 30))
    folder, snapshot = home.runs / RUN_ID, root / "snapshot"
    snapshot.mkdir()
    QUARANTINE_SCHEMA.to_frame().write_parquet(snapshot / "quarantine.parquet")
    frames = {"entitlements": pl.read_parquet(folder / "entitlements.parquet")}
    write_answers(folder, determined.connection, frames, snapshot, date(2020, 6, 30))
    return folder


def test_every_undetermined_row_is_there_with_the_fact_that_is_missing(answered: Path) -> None:
    determinations = pl.read_parquet(answered / "determinations.parquet")
    undetermined = determinations.filter(pl.col("outcome") == "undetermined")
    omitted = pl.read_parquet(answered / "omitted.parquet")
    assert undetermined.height and omitted.height == undetermined.height
    assert omitted["subject_id"].sort().equals(undetermined["subject_id"].sort())
    details = omitted["detail"].to_list()
    assert any("「参保企业」市场主体登记中无此主体" in detail for detail in details)
    assert all(fen > 0 for fen in omitted["missed_fen"])


def test_every_unknown_provision_is_a_line_for_the_clerk(answered: Path) -> None:
    determinations = pl.read_parquet(answered / "determinations.parquet")
    undetermined = determinations.filter(pl.col("outcome") == "undetermined")
    book = CalamineWorkbook.from_path(answered / "clerical_decisions.xlsx")
    rows = book.get_sheet_by_index(1).to_python()[2:]
    assert len(rows) == undetermined["reason_codes"].list.len().sum()
    lines = book.get_sheet_by_index(0).to_python()[3:]
    # Behind the question's number stands what ties it to its line, other on each sheet.
    numbers = [{line[at].split("-")[0] for line in of} for at, of in ((-1, lines), (4, rows))]
    assert numbers[0] == numbers[1]
    assert sum(line[9] for line in lines) == len(rows)


def test_the_workbook_has_totals_and_every_line(answered: Path) -> None:
    book = CalamineWorkbook.from_path(answered / "omitted.xlsx")
    assert book.sheet_names == ["汇总", "明细"]
    omitted = pl.read_parquet(answered / "omitted.parquet")
    assert len(book.get_sheet_by_name("明细").to_python()) == omitted.height + 1
    (totals,) = book.get_sheet_by_name("汇总").to_python()[4:]
    assert "未定" in totals and omitted.height in totals
    assert sum(cell for cell in totals if isinstance(cell, float)) * 100 == (
        omitted["missed_fen"].sum() + omitted.height * 100
    )


def test_money_comes_first_and_rows_set_aside_last() -> None:
    rows = [("", "quarantined", 0), ("a", "undetermined", 5), ("b", "held", 900)]
    filled = {name: "" for name in NOBODY.columns}
    omitted = pl.DataFrame(
        [filled | {"policy_id": p, "reason": r, "missed_fen": fen} for p, r, fen in rows],
        schema=NOBODY.schema,
    )
    for sheet in omitted_sheets(omitted, TITLES, "2020-03-31"):
        assert sheet.frame["missed_fen"].to_list() == [900, 5, 0]


def test_an_empty_report_says_so() -> None:
    sheets = omitted_sheets(NOBODY, TITLES, "2020-03-31")
    assert "共 0 行" in sheets[0].above[0].cells[0]
    assert sheets[1].frame.height == 0
