"""What a clerk is asked of ids in doubt: once a pair, with all the money that waits for it."""

from typing import Any

import polars as pl

from transforms.answers.clerical import KEY_NAMES, clerical_sheets
from transforms.answers.identity_questions import (
    held_in_doubt,
    identity_questions,
    with_doubts,
)
from transforms.answers.omitted import OMITTED_SCHEMA
from transforms.answers.open_questions import QUESTION_SCHEMA
from transforms.money.entitlements import ENTITLEMENT_SCHEMA
from transforms.money.identity import DOUBT_SCHEMA, with_causes

ANN, TWIN, BOB = "370302199001011234", "370302199001011250", "370302199002022345"
ONE = "91370302MA3C00001A"
NOBODY = pl.DataFrame(
    schema=dict.fromkeys(("subject_kind", "subject_id", "subject_name"), pl.String)
)
NONE_DIFFER = pl.DataFrame(schema=dict.fromkeys([*KEY_NAMES, "told"], pl.String()))
PAIR = "perhaps_one_person"


def line(subject: str, beneficiary: str, due: int, period: str = "2020-02", **other: Any) -> Any:
    kinds = {"subject_kind": "person", "beneficiary_kind": "person"}
    key = {"policy_id": "p", "period": period, "subject_id": subject, "beneficiary_id": beneficiary}
    money = {"determined_fen": due, "paid_before_fen": 0, "due_fen": due}
    return {**key, **kinds, **money, "status": "held", "reason": "identity_conflict"} | other


def lines(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=ENTITLEMENT_SCHEMA)


def doubts(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=DOUBT_SCHEMA, orient="row")


BOTH_WAYS = ((ANN, TWIN, PAIR, "same_household"), (TWIN, ANN, PAIR, "same_household"))


def test_a_pair_is_one_question_with_all_lines_that_wait_for_it() -> None:
    held = lines(
        line(ANN, ONE, 5), line(ANN, ONE, 7, "2020-03"), line(TWIN, TWIN, 11), line(BOB, BOB, 9)
    )
    (asked,) = identity_questions(doubts(*BOTH_WAYS), held).to_dicts()
    assert (asked["subject_id"], asked["beneficiary_id"]) == (ANN, TWIN)
    assert (asked["provision"], asked["amount_fen"]) == ("same_person", 23)
    assert asked["missing"].endswith("可能是同一个人：同一户；暂扣 3 行")


def test_a_line_about_both_ids_waits_once() -> None:
    (asked,) = identity_questions(doubts(*BOTH_WAYS), lines(line(ANN, TWIN, 5))).to_dicts()
    assert asked["amount_fen"] == 5 and "暂扣 1 行" in asked["missing"]


def test_one_id_is_asked_about_by_itself_and_what_is_decided_is_not_asked() -> None:
    told = doubts(
        (ANN, ANN, "names_differ", "names_differ"),
        (BOB, TWIN, "clerk_linked", ""),
        (TWIN, TWIN, "clerk_parted", ""),
    )
    held = lines(line(ANN, ANN, 5), line(BOB, BOB, 5), line(TWIN, TWIN, 5))
    asked = identity_questions(told, held)
    assert asked.select("subject_id", "beneficiary_id").rows() == [(ANN, ANN)]
    frame = clerical_sheets(asked, NONE_DIFFER, NOBODY, {"identity": "身份核对"}, "2020-03-31")[
        0
    ].frame
    assert frame["question"].to_list() == ["「此证件号下的各行属于同一个人」是否成立？"]
    assert frame["policies"].to_list() == ["身份核对"]
    nothing = identity_questions(told.clear(), held.clear())
    assert nothing.height == 0 and nothing.schema == pl.Schema(QUESTION_SCHEMA)


def test_two_clerks_who_differ_are_told_and_asked_again() -> None:
    asked = identity_questions(doubts(*BOTH_WAYS), lines(line(ANN, ANN, 5)))
    differing = asked.select(*KEY_NAMES, pl.lit("王 是、李 否").alias("told"))
    frame = clerical_sheets(asked, differing, NOBODY, {}, "2020-03-31")[0].frame
    assert "意见不一（王 是、李 否）" in frame["missing"][0] and "同一户" in frame["missing"][0]


def test_only_what_identity_holds_is_asked_about() -> None:
    rows = lines(
        line(ANN, ANN, 5),
        line(BOB, BOB, 5, reason="account_missing"),
        line(TWIN, TWIN, 5, status="conflict"),
    )
    assert held_in_doubt(rows)["subject_id"].to_list() == [ANN]


def test_the_omitted_are_told_what_the_doubt_is() -> None:
    row = line(ANN, ONE, 5) | {
        "reason": "held",
        "detail": "身份信息有冲突，须核对",
        "missed_fen": 5,
    }
    other = row | {"subject_id": BOB, "detail": "没有收款账户"}
    omitted = pl.DataFrame([row, other], schema=OMITTED_SCHEMA, orient="row")
    told = doubts(*BOTH_WAYS, (BOB, BOB, "names_differ", "names_differ"))
    first, second = with_doubts(omitted, told)["detail"]
    assert (
        first == f"身份信息有冲突，须核对：与 {TWIN} 同名、同生日、同性别，可能是同一个人：同一户"
    )
    assert second == "没有收款账户"


def test_a_doubt_is_worded_for_findings_with_all_that_speaks_for_it() -> None:
    row = (ANN, TWIN, PAIR, "employer_in_turn,one_slip,same_account,same_employer,same_household")
    (cause,) = with_causes(doubts(row))["cause"]
    assert cause.count(",") == 6 and TWIN in cause and "_" not in cause
