"""What is due: netting, exclusions, holds; each case at its edge."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import flows.money.entitle as entitle_module
from flows.answers.run_money import money_of_rows
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.sign import sign_batch, withdraw_batch
from flows.store import Home
from sql.texts import policy_cards
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    BOB,
    NOTHING_SIGNED,
    ONE,
    Town,
    account,
    answer,
    entitle,
    month,
    night,
    pay,
    refund,
    sign_both,
    statuses,
)
from transforms.answers.clerical import recovery_questions
from transforms.errors import ContractError, LedgerForbidsError
from transforms.money.books import Books
from transforms.money.claims import CAUSE_SCHEMA, claimed_rows, settle_claims
from transforms.money.entitlements import (
    ENTITLEMENT_SCHEMA,
    FINDING_COLUMNS,
    KEY,
    decide_statuses,
    money_findings,
    net_against_ledger,
    settle_exclusions,
)
from transforms.money.payees import IDENTITY_CONFLICT

GRADUATE, FLEXIBLE = "graduate_hire_insurance", "graduate_flexible_insurance"
DIFFICULT, SPANNED = "stability_refund_difficult", "benefit_to_retirement"


def test_what_is_determined_and_not_paid_is_payable(home: Home) -> None:
    assert statuses(entitle(home, [refund(1)])) == [("stability_refund", "payable", 1, "")]


def test_an_eligible_row_of_nothing_is_nothing_due(home: Home) -> None:
    assert statuses(entitle(home, [refund(0)])) == [("stability_refund", "nothing_due", 0, "")]


def test_rows_that_are_not_eligible_or_not_paid_policies_are_no_entitlement(home: Home) -> None:
    ineligible = {**refund(0), "outcome": "ineligible"}
    relief = {**refund(900), "policy_id": "disability_levy_relief"}
    assert entitle(home, [ineligible, relief]).entitlements.height == 0


@pytest.mark.parametrize(
    ("now_fen", "status", "due_fen", "reason"),
    [
        (1001, "payable", 1, ""),
        (1000, "nothing_due", 0, ""),
        (999, "recovery", -1, "less_determined"),
    ],
)
def test_one_fen_more_or_less_than_was_paid(
    home: Home, now_fen: int, status: str, due_fen: int, reason: str
) -> None:
    pay(home, "R1", [refund(1000)])
    entitled = entitle(home, [refund(now_fen)])
    assert statuses(entitled) == [("stability_refund", status, due_fen, reason)]
    assert entitled.entitlements["paid_before_fen"].to_list() == [1000]


def test_money_paid_and_no_longer_eligible_is_recovered(home: Home) -> None:
    pay(home, "R1", [refund(1000)])
    assert statuses(entitle(home, [])) == [("stability_refund", "recovery", -1000, "not_eligible")]


def test_no_recovery_for_a_policy_that_did_not_run(home: Home) -> None:
    pay(home, "R1", [refund(1000)])
    assert statuses(entitle(home, [], not_run=["stability_refund"])) == []


def test_no_recovery_outside_the_reach(home: Home) -> None:
    pay(home, "R1", [month("benefit_to_retirement", ANN, 5, "2020-03")])
    assert statuses(entitle(home, [], reach_to=202002)) == []
    assert len(statuses(entitle(home, [], reach_to=202003))) == 1


@pytest.mark.parametrize("not_run", [(), (SPANNED,)])
@pytest.mark.parametrize(("last_day", "found"), [("2020-02-29", 1), ("2020-03-01", 0)])
def test_what_was_paid_outside_a_shortened_span_stays_seen_and_is_no_claim(
    home: Home, monkeypatch: pytest.MonkeyPatch, not_run: tuple[str], last_day: str, found: int
) -> None:
    pay(home, "R1", [month(SPANNED, ANN, 5, "2020-03")])
    cards = policy_cards()
    shorter = replace(cards[SPANNED], force_to=date.fromisoformat(last_day))
    monkeypatch.setattr(entitle_module, "policy_cards", lambda: {**cards, SPANNED: shorter})
    entitled = entitle(home, [], not_run=not_run, reach_to=202002)
    assert statuses(entitled) == [(SPANNED, "unsupported", 0, "outside_span")] * found
    assert entitled.findings["finding"].to_list() == ["paid_outside_span"] * found
    told = [answer(SPANNED, ANN, True, provision="recovery") | {"period": "2020-03"}]
    again = entitle(home, [], Town(answers=told), not_run=not_run, reach_to=202002)
    assert again.entitlements.equals(entitled.entitlements)
    assert recovery_questions(entitled.entitlements).height == 0


def test_a_line_signed_under_a_card_that_was_withdrawn_since_stops_no_night_and_is_not_paid(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, drafted = night(home, "R1", [month(SPANNED, ANN, 5, "2020-03")])
    sign_both(home, drafted.batches[0].batch_id)
    cards = {name: card for name, card in policy_cards().items() if name != SPANNED}
    monkeypatch.setattr(entitle_module, "policy_cards", lambda: cards)
    entitled, _ = night(home, "R2", [refund(1000)], not_run=[SPANNED])
    assert statuses(entitled) == [("stability_refund", "payable", 1000, "")]
    with pytest.raises(LedgerForbidsError, match="no longer due"):
        release_batch(home, drafted.batches[0].batch_id)


def test_one_signature_reserves_a_draft_does_not(home: Home) -> None:
    _, drafted = night(home, "R1", [refund(1000)])
    assert statuses(entitle(home, [refund(1000)]))[0][1] == "payable"
    batch = drafted.batches[0].batch_id
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    assert statuses(entitle(home, [refund(1000)]))[0][1] == "nothing_due"


def test_a_top_up_is_paid_by_the_next_run_as_a_second_payment(home: Home) -> None:
    pay(home, "R1", [refund(1000)])
    (batch,) = pay(home, "R2", [refund(1500)])
    assert statuses(entitle(home, [refund(1500)])) == [("stability_refund", "nothing_due", 0, "")]
    with open_ledger(home) as ledger:
        assert ledger.paid_lines()["amount_fen"].sum() == 1500
        assert ledger.installments(NOTHING_SIGNED)["times"].to_list() == [2]
        assert batch in ledger.batch_states()


@pytest.mark.parametrize("is_paid_first", [True, False])
def test_a_signed_payment_that_is_given_up_leaves_its_number_to_nobody_else(
    home: Home, is_paid_first: bool
) -> None:
    signed = []
    for run, fen in (("R1", 1000), ("R2", 1300)):
        signed.append(night(home, run, [refund(fen)])[1].batches[0].batch_id)
        sign_both(home, signed[-1])
    first, second = signed
    withdraw_batch(home, first, "因", "甲")
    if is_paid_first:
        release_batch(home, second)
    third = night(home, "R3", [refund(1300)])[1].batches[0]
    assert third.lines.select("amount_fen", "installment").rows() == [(1000, 3)]
    sign_both(home, third.batch_id)
    for batch in [third.batch_id] if is_paid_first else [third.batch_id, second]:
        release_batch(home, batch)
    assert statuses(entitle(home, [refund(1300)])) == [("stability_refund", "nothing_due", 0, "")]


# --- exclusions ------------------------------------------------------------------------------


def held(home: Home, town: Town) -> tuple[str, str]:
    ((_, status, due_fen, reason),) = statuses(entitle(home, [month(FLEXIBLE, ANN, 70)], town))
    assert due_fen == 70, "what is held stays due"
    return status, reason


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        (None, "accounts_not_delivered"),
        ([], "account_missing"),
        ([account(ANN, "安娜", subject_kind="单位")], "account_missing"),
        ([account(ANN, "安娜", account_state="挂失")], "account_not_normal"),
        ([account(ANN, "安娜"), account(ANN, "安娜", account_no="2")], "account_ambiguous"),
        ([account(ANN, "安 妮")], "account_name_mismatch"),
        ([account(ANN, "安娜", bank_name="淄川|支行")], "account_not_encodable"),
        ([account(ANN, "安娜", bank_name="淄川\n支行")], "account_not_encodable"),
        ([account(ANN, "安娜", account_no="6" * 34)], ""),
        ([account(ANN, "安娜", account_no="6" * 35)], "account_not_encodable"),
    ],
)
def test_each_account_reason(home: Home, accounts: list[dict[str, object]], reason: str) -> None:
    assert held(home, Town(accounts=accounts)) == ("held" if reason else "payable", reason)


def test_one_normal_account_beside_a_closed_one_is_paid(home: Home) -> None:
    closed = account(ANN, "别人", account_state="销户", account_no="9")
    assert held(home, Town(accounts=[account(ANN, "安娜"), closed])) == ("payable", "")


def test_holder_and_name_are_compared_as_names(home: Home) -> None:
    persons = [{"person_id": ANN, "name": "阿·卜·都"}]
    town = Town(insured_persons=persons, accounts=[account(ANN, "阿・ 卜．都 ")])
    assert held(home, town) == ("payable", "")


@pytest.mark.parametrize("bank_name", ["工商银行", "淄川|支行"])
@pytest.mark.parametrize("name", ["安|娜", "安" * 141])
def test_a_holder_that_the_file_cannot_hold_is_held_back_before_its_bank(
    home: Home, name: str, bank_name: str
) -> None:
    persons = [{"person_id": ANN, "name": name}]
    town = Town(insured_persons=persons, accounts=[account(ANN, name, bank_name=bank_name)])
    assert held(home, town) == ("held", "holder_not_encodable")


def test_a_name_outside_the_banks_encoding_is_held_back(home: Home) -> None:
    persons = [{"person_id": ANN, "name": "𠮷娜"}]
    town = Town(insured_persons=persons, accounts=[account(ANN, "𠮷娜")])
    assert held(home, town) == ("payable", ""), "GB18030 holds four-byte characters"
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8").replace('"gb18030"', '"gbk"')
    profile.write_text(text, encoding="utf-8")
    assert held(home, town) == ("held", "holder_not_encodable")


def test_residents_give_the_name_where_insurance_has_none(home: Home) -> None:
    town = Town(insured_persons=[], residents=[{"person_id": ANN, "name": "安娜"}])
    assert held(home, town) == ("payable", "")
    assert held(home, Town(insured_persons=[])) == ("held", "no_reference_name")


def test_two_names_for_the_payee_hold_the_row_before_its_account(home: Home) -> None:
    town = Town(residents=[{"person_id": ANN, "name": "安妮"}], accounts=[])
    assert held(home, town) == ("held", "identity_conflict")


def test_two_names_for_the_subject_hold_the_employers_row(home: Home) -> None:
    town = Town(residents=[{"person_id": ANN, "name": "安妮"}])
    rows = [month(GRADUATE, ANN, 5, payee=ONE), month(GRADUATE, BOB, 5, payee=ONE)]
    assert [row[1:] for row in statuses(entitle(home, rows, town))] == [
        ("held", 5, "identity_conflict"),
        ("payable", 5, ""),
    ]


def test_a_clerk_who_says_two_ids_are_one_person_holds_both(home: Home) -> None:
    town = Town(answers=[answer("any", ANN, True, BOB, "same_person")])
    rows = [month(FLEXIBLE, ANN, 5), month(FLEXIBLE, BOB, 5)]
    entitled = entitle(home, rows, town)
    assert {row[3] for row in statuses(entitled)} == {"identity_conflict"}
    assert entitled.findings.height == 2
    denied = Town(answers=[answer("any", ANN, False, BOB, "same_person")])
    assert {row[1] for row in statuses(entitle(home, rows, denied))} == {"payable"}


def test_what_was_paid_under_both_ids_of_one_person_is_told(home: Home) -> None:
    rows = [month(FLEXIBLE, ANN, 5), month(GRADUATE, BOB, 7, payee=ONE)]
    pay(home, "R1+", rows)
    told = {}
    for said in (True, False):
        town = Town(answers=[answer("any", ANN, said, BOB, "same_person")])
        findings = entitle(home, rows, town).findings
        told[said] = findings.filter(finding="paid_under_two_ids").rows(named=True)
    assert not told[False]
    (found,) = told[True]
    assert (found["subject_id"], found["policy_id"]) in {(ANN, FLEXIBLE), (BOB, GRADUATE)}
    assert ANN in found["subject_id"] + found["detail"]
    assert BOB in found["subject_id"] + found["detail"]


def test_what_was_held_is_paid_by_a_later_run_once_mended(home: Home) -> None:
    rows = [month(FLEXIBLE, ANN, 70)]
    _, drafted = night(home, "R1", rows, Town(accounts=[]))
    assert not drafted.batches
    pay(home, "R2+", rows)
    assert statuses(entitle(home, rows))[0][1] == "nothing_due"


def test_the_same_key_twice_is_a_broken_promise(home: Home) -> None:
    with pytest.raises(ContractError, match="twice"):
        entitle(home, [refund(1), refund(2)])


@pytest.mark.parametrize(("superseded_by", "is_claim"), [("another_policy", True), (None, False)])
def test_what_a_clerk_superseded_is_asked_back_though_no_row_speaks_against_it(
    superseded_by: str | None, is_claim: bool
) -> None:
    claims = pl.DataFrame(
        {
            **{key: ["x"] for key in ("policy_id", "period", "subject_id", "beneficiary_id")},
            "row_number": pl.Series([0], dtype=pl.UInt32),
            "superseded_by": pl.Series([superseded_by], dtype=pl.String),
        }
    )
    causes = pl.DataFrame([(0, False, "nothing_found", "", 0)], schema=CAUSE_SCHEMA, orient="row")
    keys = ("policy_id", "period", "subject_id", "beneficiary_id")
    nobody = pl.DataFrame(schema={**dict.fromkeys(keys, pl.String()), "is_yes": pl.Boolean()})
    settled = settle_claims(claims, causes, nobody)
    assert settled["is_claim"].to_list() == [is_claim]
    assert settled["cause"].to_list() == ["clerk_decided" if is_claim else "nothing_found"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, ("recovery", "paid_in_part", -60)),
        (True, ("recovery", "clerk_decided", -100)),
        (False, ("recovery", "rest_kept", -60)),
    ],
)
def test_what_was_paid_beyond_all_that_was_determined_is_asked_back_the_rest_by_a_clerk(
    said: bool | None, told: tuple[str, str, int]
) -> None:
    key = ("graduate_flexible_insurance", "2020-03", "person", "A", "person", "A")
    rows = net_against_ledger(
        pl.DataFrame([(*key, 20)], [*KEY, "amount_fen"], orient="row"),
        pl.DataFrame([(*key, 120)], [*KEY, "amount_fen"], orient="row"),
        {(key[0], key[1]): False},
    )
    of_clerk = {name: key[KEY.index(name)] for name in ("policy_id", "period", "subject_id")}
    schema = {**dict.fromkeys([*of_clerk, "beneficiary_id"], pl.String()), "is_yes": pl.Boolean()}
    answer = [{**of_clerk, "beneficiary_id": "A", "is_yes": said}] if said is not None else []
    answers = pl.DataFrame(answer, schema=schema)
    settled = settle_exclusions(rows, [], answers.clear())
    causes = [(0, False, "paid_in_part", "a.csv:2", 60)]
    decided = settle_claims(
        claimed_rows(settled), pl.DataFrame(causes, CAUSE_SCHEMA, orient="row"), answers
    )
    holds = pl.DataFrame(schema={"row_number": pl.UInt32(), "hold_reason": pl.String()})
    (line,) = decide_statuses(settled, holds, decided).iter_rows(named=True)
    assert (line["status"], line["cause"], line["due_fen"]) == told
    asked = recovery_questions(pl.DataFrame([line], ENTITLEMENT_SCHEMA))
    assert asked["amount_fen"].to_list() == ([40] if said is None else [])
    findings = money_findings(
        settled,
        pl.DataFrame([line], ENTITLEMENT_SCHEMA),
        answers.clear(),
        pl.DataFrame(schema={"person_id": pl.String(), "cause": pl.String()}),
    )
    assert ("paid_without_support" in findings["finding"]) == (said is None)


def test_why_a_row_is_in_doubt_is_read_where_its_run_is_being_written(
    home: Home, tmp_path: Path
) -> None:
    """A letter that answers an objection explains a line before its run has its place."""
    told = dict.fromkeys(FINDING_COLUMNS, "") | {"finding": IDENTITY_CONFLICT, "subject_id": ANN}
    pl.DataFrame([told | {"detail": "two ids"}]).write_parquet(tmp_path / "findings.parquet")
    rows = entitle(home, [month(FLEXIBLE, ANN, 46666)]).entitlements
    rows = rows.with_columns(status=pl.lit("held"), reason=pl.lit(IDENTITY_CONFLICT))
    manifest = {"run_id": "R9", "batches": []}
    (money,) = money_of_rows(home, tmp_path, manifest, rows, Books()).values()
    assert money["doubts"] == ["two ids"]
