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
from sql.texts import exclusions as policy_exclusions
from sql.texts import policy_cards
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    BOB,
    NOTHING_SIGNED,
    ONE,
    TWO,
    Town,
    account,
    answer,
    claim_none,
    determined_of,
    draw_up,
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
from transforms.money.exclusion_file import check_exclusions, parse_exclusions
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


@pytest.mark.parametrize(
    ("plain_fen", "difficult_fen", "stands"),
    [(100, 99, "stability_refund"), (100, 100, DIFFICULT), (100, 101, DIFFICULT)],
)
def test_the_larger_refund_stands_equal_the_difficult_one(
    home: Home, plain_fen: int, difficult_fen: int, stands: str
) -> None:
    entitled = entitle(home, [refund(plain_fen), refund(difficult_fen, policy=DIFFICULT)])
    rows = {row[0]: row for row in statuses(entitled)}
    other = "stability_refund" if stands == DIFFICULT else DIFFICULT
    assert rows[stands][1:] == ("payable", max(plain_fen, difficult_fen), "")
    assert rows[other][1:] == ("superseded", 0, stands)


def test_what_was_paid_under_the_other_refund_counts_as_paid(home: Home) -> None:
    pay(home, "R1", [refund(1000)])
    both = [refund(1000), refund(5000, policy=DIFFICULT)]
    entitled = entitle(home, both)
    assert statuses(entitled) == [
        ("stability_refund", "superseded", 0, DIFFICULT),
        (DIFFICULT, "payable", 4000, ""),
    ]
    assert entitled.entitlements["paid_before_fen"].to_list() == [0, 1000]
    pay(home, "R2", both)
    assert [row[1] for row in statuses(entitle(home, both))] == ["superseded", "nothing_due"]


def test_who_was_paid_under_the_other_refund_waits_while_that_is_not_asked_back(
    home: Home,
) -> None:
    pay(home, "R1", [refund(5000, policy=DIFFICULT)])
    plain, held = [refund(1000)], ("stability_refund", "held", 1000, "paid_under_other")
    kept = determined_of(home.root / "extracts", plain, Town())
    (row, other) = statuses(draw_up(home, "R0", kept, causes=claim_none)[0])
    assert (row, other[:3]) == (held, (DIFFICULT, "unsupported", 0))
    assert statuses(entitle(home, plain, not_run=[DIFFICULT])) == [held]
    assert [row[1:3] for row in statuses(entitle(home, plain))] == [
        ("payable", 1000),
        ("recovery", -5000),
    ]
    others = statuses(entitle(home, [refund(1000, TWO)]))
    assert ("stability_refund", "payable", 1000, "") in others


def test_who_is_counted_once_waits_while_what_another_employer_had_is_not_asked_back(
    home: Home,
) -> None:
    hire = "new_hire_subsidy"
    pay(home, "R1", [month(hire, ANN, 1000, "2020", ONE), month(hire, BOB, 1000, "2020", TWO)])
    later = [month(hire, ANN, 1000, "2020", TWO), month(hire, BOB, 1000, "2020", TWO)]
    kept = determined_of(home.root / "extracts", later, Town())
    assert [row[1:] for row in statuses(draw_up(home, "R0", kept, causes=claim_none)[0])] == [
        ("unsupported", 0, "not_eligible"),
        ("held", 1000, "paid_under_other"),
        ("nothing_due", 0, ""),
    ]
    assert [row[1:3] for row in statuses(entitle(home, later))] == [
        ("recovery", -1000),
        ("payable", 1000),
        ("nothing_due", 0),
    ]


def test_refunds_of_two_employers_do_not_exclude_each_other(home: Home) -> None:
    entitled = entitle(home, [refund(10), refund(20, TWO, DIFFICULT)])
    assert [row[1] for row in statuses(entitled)] == ["payable", "payable"]


def test_two_policies_for_one_person_month_are_both_in_conflict(home: Home) -> None:
    entitled = entitle(home, [month(GRADUATE, ANN, 100, payee=ONE), month(FLEXIBLE, ANN, 70)])
    assert statuses(entitled) == [
        (FLEXIBLE, "conflict", 0, GRADUATE),
        (GRADUATE, "conflict", 0, FLEXIBLE),
    ]


def test_three_rows_two_of_one_policy_name_each_other(home: Home) -> None:
    rows = [month(GRADUATE, ANN, 1, payee=ONE), month(GRADUATE, ANN, 1, payee=TWO)]
    entitled = entitle(home, [*rows, month(FLEXIBLE, ANN, 1)])
    assert [row[3] for row in statuses(entitled)] == [
        GRADUATE,
        f"{FLEXIBLE},{GRADUATE}",
        f"{FLEXIBLE},{GRADUATE}",
    ]


def test_no_conflict_in_another_month_or_without_an_amount(home: Home) -> None:
    entitled = entitle(
        home,
        [
            month(GRADUATE, ANN, 100, "2020-01", ONE),
            month(FLEXIBLE, ANN, 70, "2020-02"),
            month(GRADUATE, BOB, 0, "2020-02", ONE),
            month(FLEXIBLE, BOB, 70, "2020-02"),
        ],
    )
    assert sorted(row[1] for row in statuses(entitled)) == ["nothing_due"] + ["payable"] * 3


def test_a_conflict_that_was_paid_once_is_not_paid_again_and_is_found(home: Home) -> None:
    pay(home, "R1", [month(FLEXIBLE, ANN, 70)])
    entitled = entitle(home, [month(FLEXIBLE, ANN, 70), month(GRADUATE, ANN, 100, payee=ONE)])
    assert [row[1] for row in statuses(entitled)] == ["conflict", "conflict"]
    assert entitled.findings["finding"].to_list() == ["paid_then_in_conflict"]


@pytest.mark.parametrize("said", [answer(FLEXIBLE, ANN, False), answer(GRADUATE, ANN, True, ONE)])
def test_a_conflict_settled_by_a_clerk_after_payment_gives_a_recovery(
    home: Home, said: dict[str, object]
) -> None:
    pay(home, "R1", [month(FLEXIBLE, ANN, 70)])
    rows = [month(FLEXIBLE, ANN, 70), month(GRADUATE, ANN, 100, payee=ONE)]
    entitled = entitle(home, rows, Town(answers=[said]))
    assert statuses(entitled) == [
        (FLEXIBLE, "recovery", -70, "less_determined"),
        (GRADUATE, "payable", 100, ""),
    ]


def judged(home: Home, *answers: dict[str, object]) -> list[tuple[str, str, int, str]]:
    town = Town(answers=list(answers))
    rows = [month(FLEXIBLE, ANN, 70), month(GRADUATE, ANN, 100, payee=ONE)]
    return statuses(entitle(home, rows, town))


def test_a_clerks_yes_lets_that_row_stand(home: Home) -> None:
    assert judged(home, answer(FLEXIBLE, ANN, True)) == [
        (FLEXIBLE, "payable", 70, ""),
        (GRADUATE, "superseded", 0, FLEXIBLE),
    ]


def test_a_clerks_no_leaves_the_one_other_row_standing(home: Home) -> None:
    assert judged(home, answer(FLEXIBLE, ANN, False)) == [
        (FLEXIBLE, "superseded", 0, GRADUATE),
        (GRADUATE, "payable", 100, ""),
    ]


def test_two_clerks_two_yeses_settle_nothing(home: Home) -> None:
    town = Town(answers=[answer(FLEXIBLE, ANN, True), answer(GRADUATE, ANN, True, ONE)])
    rows = [month(FLEXIBLE, ANN, 70), month(GRADUATE, ANN, 100, payee=ONE)]
    entitled = entitle(home, rows, town)
    assert [row[1] for row in statuses(entitled)] == ["conflict", "conflict"]
    assert set(entitled.findings["finding"]) == {"conflict_decisions_contradict"}


def test_no_to_both_leaves_none_standing(home: Home) -> None:
    found = judged(home, answer(FLEXIBLE, ANN, False), answer(GRADUATE, ANN, False, ONE))
    assert [row[1:] for row in found] == [("superseded", 0, "none_stands")] * 2


def test_no_to_one_of_three_leaves_two_in_conflict(home: Home) -> None:
    rows = [month(GRADUATE, ANN, 1, payee=ONE), month(GRADUATE, ANN, 1, payee=TWO)]
    town = Town(answers=[answer(FLEXIBLE, ANN, False)])
    entitled = entitle(home, [*rows, month(FLEXIBLE, ANN, 1)], town)
    assert statuses(entitled) == [
        (FLEXIBLE, "superseded", 0, "none_stands"),
        (GRADUATE, "conflict", 0, GRADUATE),
        (GRADUATE, "conflict", 0, GRADUATE),
    ]


def test_a_row_that_stands_can_still_be_held(home: Home) -> None:
    town = Town(answers=[answer(FLEXIBLE, ANN, True)], accounts=[])
    rows = [month(FLEXIBLE, ANN, 70), month(GRADUATE, ANN, 100, payee=ONE)]
    assert statuses(entitle(home, rows, town))[0] == (FLEXIBLE, "held", 70, "account_missing")


# --- accounts and identity -------------------------------------------------------------------


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
        ([account(ANN, "安娜", bank_name="淄川|支行")], "holder_not_encodable"),
        ([account(ANN, "安娜", bank_name="淄川\n支行")], "holder_not_encodable"),
    ],
)
def test_each_account_reason(home: Home, accounts: list[dict[str, object]], reason: str) -> None:
    assert held(home, Town(accounts=accounts)) == ("held", reason)


def test_one_normal_account_beside_a_closed_one_is_paid(home: Home) -> None:
    closed = account(ANN, "别人", account_state="销户", account_no="9")
    assert held(home, Town(accounts=[account(ANN, "安娜"), closed])) == ("payable", "")


def test_holder_and_name_are_compared_as_names(home: Home) -> None:
    persons = [{"person_id": ANN, "name": "阿·卜·都"}]
    town = Town(insured_persons=persons, accounts=[account(ANN, "阿・ 卜．都 ")])
    assert held(home, town) == ("payable", "")


def test_a_separator_in_the_holder_is_held_back(home: Home) -> None:
    persons = [{"person_id": ANN, "name": "安|娜"}]
    town = Town(insured_persons=persons, accounts=[account(ANN, "安|娜")])
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


def test_what_was_held_is_paid_by_a_later_run_once_mended(home: Home) -> None:
    rows = [month(FLEXIBLE, ANN, 70)]
    _, drafted = night(home, "R1", rows, Town(accounts=[]))
    assert not drafted.batches
    pay(home, "R2+", rows)
    assert statuses(entitle(home, rows))[0][1] == "nothing_due"


def test_the_same_key_twice_is_a_broken_promise(home: Home) -> None:
    with pytest.raises(ContractError, match="twice"):
        entitle(home, [refund(1), refund(2)])


def test_exclusions_without_authority_are_refused() -> None:
    with pytest.raises(ContractError, match="authority"):
        parse_exclusions("exclusions: [{exclusion: x, form: clerk_decides, policies: [a, b]}]")
    with pytest.raises(ContractError, match="form"):
        parse_exclusions(
            "exclusions: [{exclusion: x, form: first, policies: [a, b], authority: law}]"
        )


@pytest.mark.parametrize(
    ("form", "policies", "said"),
    [
        ("larger_stands", "stability_refund", "policies is a list"),
        ("larger_stands", "[stability_refund, stability_refund]", "each once"),
        ("larger_stands", "[stability_refund, stability_refnd]", "stability_refnd is not known"),
        ("clerk_decides", "[new_hire_subsidy, internship_subsidy]", "not of one subject"),
        ("clerk_decides", "[stability_refund, stability_refund_difficult]", "not of one subject"),
    ],
)
def test_exclusions_that_would_exclude_nothing_are_refused(
    form: str, policies: str, said: str
) -> None:
    text = f"exclusions: [{{exclusion: x, form: {form}, policies: {policies}, authority: law}}]"
    with pytest.raises(ContractError, match=said):
        check_exclusions(parse_exclusions(text), policy_cards())


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


INTERN = "internship_subsidy"


@pytest.mark.parametrize("stood", [INTERN, FLEXIBLE])
def test_what_a_clerk_let_stand_holds_on_a_night_on_which_its_policy_does_not_run(
    home: Home, stood: str
) -> None:
    """Payroll was missing for a night: the other one was paid too, against the ruling."""
    rows = {INTERN: month(INTERN, ANN, 114600, payee=ONE), FLEXIBLE: month(FLEXIBLE, ANN, 46666)}
    (other,) = rows.keys() - {stood}
    answers = [answer(stood, ANN, True, payee=rows[stood]["beneficiary_id"])]
    pay(home, "R1", [*rows.values()], town=Town(answers=answers))
    for number, ran in enumerate((stood, other)):
        (absent,) = rows.keys() - {ran}
        entitled, drafted = night(
            home, f"N{number}", [rows[ran]], Town(answers=answers), not_run=[absent]
        )
        wanted = (ran, "nothing_due", 0, "") if ran == stood else (ran, "superseded", 0, stood)
        assert statuses(entitled) == [wanted] and drafted.batches == []


@pytest.mark.parametrize("is_absent", [True, False])
def test_what_a_clerk_refused_stays_refused_while_a_rival_does_not_run(
    home: Home, is_absent: bool
) -> None:
    town = Town(answers=[answer(FLEXIBLE, ANN, False)])
    not_run = [INTERN] if is_absent else []
    entitled = entitle(home, [month(FLEXIBLE, ANN, 46666)], town, not_run=not_run)
    status = "superseded" if is_absent else "payable"
    assert [row[1] for row in statuses(entitled)] == [status]


def test_what_was_paid_under_a_policy_that_does_not_run_is_not_paid_under_another(
    home: Home,
) -> None:
    pay(home, "R1", [month(INTERN, ANN, 114600, payee=ONE)])
    later = [month(FLEXIBLE, ANN, 46666), month(FLEXIBLE, ANN, 46666, "2020-03")]
    entitled = entitle(home, later, not_run=[INTERN])
    assert statuses(entitled) == [
        (FLEXIBLE, "held", 46666, "paid_under_other"),
        (FLEXIBLE, "held", 46666, "rival_not_run"),
    ]
    # `explain` says by what payment the one is held, and of the other nothing.
    told = money_of_rows(
        home, home.runs / "R0", {"run_id": "R0", "batches": []}, entitled.entitlements, Books()
    )
    by_month = {key[1]: money["paid_as"] for key, money in told.items()}
    (paid,) = by_month["2020-02"]
    assert (paid["policy_id"], paid["beneficiary_id"], paid["amount_fen"]) == (INTERN, ONE, 114600)
    assert by_month["2020-03"] == []
    # Its rows are gone: what was paid stands until a clerk decides, and the other waits.
    kept = determined_of(home.root / "extracts", later, Town())
    assert statuses(draw_up(home, "R0", kept, causes=claim_none)[0]) == [
        (FLEXIBLE, "held", 46666, "paid_under_other"),
        (FLEXIBLE, "payable", 46666, ""),
        (INTERN, "unsupported", 0, "not_eligible"),
    ]


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


def test_one_month_is_paid_once_though_its_employer_was_merged(home: Home) -> None:
    pay(home, "R1", [month(GRADUATE, ANN, 61750, payee=ONE)])
    moved = [month(GRADUATE, ANN, 61750, payee=TWO)]
    kept = determined_of(home.root / "extracts", moved, Town())
    assert statuses(draw_up(home, "R0", kept, causes=claim_none)[0]) == [
        (GRADUATE, "unsupported", 0, "not_eligible"),
        (GRADUATE, "held", 61750, "paid_under_other"),
    ]
    assert [row[1] for row in statuses(entitle(home, moved))] == ["recovery", "payable"]


def test_a_policy_that_this_home_never_paid_holds_nothing(home: Home) -> None:
    """A district without payroll pays the others all the same."""
    entitled = entitle(home, [month(FLEXIBLE, ANN, 46666)], not_run=[INTERN])
    assert statuses(entitled) == [(FLEXIBLE, "payable", 46666, "")]


def test_what_is_asked_back_needs_no_hand(home: Home) -> None:
    """A finding said "recover it by hand" of a row that was asked back already."""
    both = [month(INTERN, ANN, 114600, payee=ONE), month(FLEXIBLE, ANN, 46666)]
    pay(home, "R1", both[1:])
    entitled = entitle(home, both, Town(answers=[answer(INTERN, ANN, True, payee=ONE)]))
    assert [row[1] for row in statuses(entitled)] == ["recovery", "payable"]
    assert "paid_then_superseded" not in entitled.findings["finding"]


@pytest.mark.parametrize(("should_have_run", "by"), [(True, "none_stands"), (False, None)])
def test_who_was_refused_meets_no_policy_that_has_ended(should_have_run: bool, by: str) -> None:
    """What was paid to him would be asked back for ever once any policy of the six has ended."""
    row = month(FLEXIBLE, ANN, 46666) | {"row_number": 0, "is_eligible": True}
    row |= {"determined_fen": 46666, "paid_before_fen": 46666}
    answers = pl.DataFrame([answer(FLEXIBLE, ANN, False)]).drop("provision")
    absent = {INTERN: should_have_run}
    settled = settle_exclusions(
        pl.DataFrame([row]).drop("amount_fen", "outcome", "reason_codes"),
        policy_exclusions(),
        answers,
        absent,
    )
    assert settled["superseded_by"].to_list() == [by]
