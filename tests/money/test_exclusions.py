"""Which rows exclude each other: the larger stands, or a clerk decides; also by what was paid."""

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from flows.answers.run_money import money_of_rows
from flows.money import acts
from flows.money.entitle import build_entitlements
from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.money.paid_elsewhere import settle_beside_paid
from flows.money.recover import record_recovered, recovered_act
from flows.money.settle import settle_batch
from flows.money.standing import read_standing
from flows.store import Home
from sql import connect
from sql.texts import exclusions as policy_exclusions
from sql.texts import policy_cards
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    BOB,
    ONE,
    TWO,
    Town,
    answer,
    claim_none,
    determined_of,
    draw_up,
    entitle,
    ids_of,
    month,
    night,
    pay,
    refund,
    statuses,
)
from transforms.answers.clerical import recovery_questions
from transforms.errors import ContractError
from transforms.money.books import Books
from transforms.money.claims import Paid, asked_of_claims
from transforms.money.entitlements import KEY, settle_exclusions
from transforms.money.exclusion_file import check_exclusions, parse_exclusions
from transforms.money.paid_elsewhere import turns_with_paid

GRADUATE, FLEXIBLE = "graduate_hire_insurance", "graduate_flexible_insurance"
DIFFICULT, SPANNED = "stability_refund_difficult", "benefit_to_retirement"


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


def kept(policy: str, is_asked_back: bool = False) -> Town:
    """A clerk decided whether what was paid to the first employer is asked back."""
    said = answer(policy, ONE, is_asked_back, provision="recovery")
    return Town(answers=[said | {"period": "2020"}])


def drawn(home: Home, label: str, rows: list[dict[str, Any]], town: Town) -> list[tuple[Any, ...]]:
    return statuses(night(home, label, rows, town, causes=claim_none)[0])


def test_what_stays_with_the_employer_is_the_larger_amount_and_nothing_more_is_due(
    home: Home,
) -> None:
    """It was held for ever, and the letter promised that it would be paid."""
    pay(home, "R1", [refund(5000, policy=DIFFICULT)])
    for label in ("R2", "R3"):
        assert drawn(home, label, [refund(1000)], kept(DIFFICULT)) == [
            ("stability_refund", "superseded", 0, DIFFICULT),
            (DIFFICULT, "unsupported", 0, "not_eligible"),
        ]
    asked = drawn(home, "R4", [refund(1000)], kept(DIFFICULT, is_asked_back=True))
    assert [row[1:3] for row in asked] == [("payable", 1000), ("recovery", -5000)]


def test_what_stays_with_the_employer_counts_as_paid_where_more_is_due(home: Home) -> None:
    pay(home, "R1", [refund(1000)])
    later, town = [refund(5000, policy=DIFFICULT)], kept("stability_refund")
    assert drawn(home, "R2", later, town) == [
        ("stability_refund", "superseded", 0, DIFFICULT),
        (DIFFICULT, "payable", 4000, ""),
    ]
    pay(home, "R3", later, town=town, causes=claim_none)
    assert [row[1] for row in drawn(home, "R4", later, town)] == ["superseded", "nothing_due"]
    # He changes his mind: the first is asked back, and all of the other is due.
    asked = drawn(home, "R5", later, kept("stability_refund", is_asked_back=True))
    assert [row[1:3] for row in asked] == [("recovery", -1000), ("payable", 1000)]


def test_a_month_that_stays_with_the_person_is_not_paid_once_more(home: Home) -> None:
    pay(home, "R1", [month(INTERN, ANN, 114600, payee=ONE)])
    town = Town(answers=[answer(INTERN, ANN, False, payee=ONE, provision="recovery")])
    assert drawn(home, "R2", [month(FLEXIBLE, ANN, 46666)], town) == [
        (FLEXIBLE, "superseded", 0, INTERN),
        (INTERN, "unsupported", 0, "not_eligible"),
    ]


def test_who_is_counted_once_stays_counted_where_it_was_paid_and_is_not_asked_back(
    home: Home,
) -> None:
    hire = "new_hire_subsidy"
    pay(home, "R1", [month(hire, ANN, 1000, "2020", ONE)])
    said = answer(hire, ANN, False, ONE, provision="recovery") | {"period": "2020"}
    later = [month(hire, ANN, 1000, "2020", TWO)]
    assert [row[1:] for row in drawn(home, "R2", later, Town(answers=[said]))] == [
        ("unsupported", 0, "not_eligible"),
        ("superseded", 0, hire),
    ]


@pytest.mark.parametrize(("cause", "turns"), [("clerk_kept", [3, 4]), ("rows_gone", [4, 4])])
def test_once_a_month_stays_with_the_person_the_first_that_still_fit_are_paid(
    cause: str, turns: list[int]
) -> None:
    """Of four months one stands no more, one is paid, and two are due."""
    months = [month(FLEXIBLE, ANN, 100, f"2020-0{of}") for of in (1, 2, 3, 4)]
    rows = pl.DataFrame(months).drop("outcome", "reason_codes").with_row_index("row_number")
    paid = rows.filter(pl.col("period") < "2020-03")
    settled = rows.with_columns(
        is_eligible=pl.col("period") > "2020-01",
        is_outside=False,
        paid_before_fen=pl.when(pl.col("period") < "2020-03").then(100).otherwise(0),
    )
    causes = rows.head(1).select("row_number", is_claim=False, cause=pl.lit(cause))
    counted = turns_with_paid(settled.tail(2), paid, settled, causes, [FLEXIBLE])
    assert counted["turns"].to_list() == turns


def test_where_nothing_was_paid_beside_nothing_is_settled_and_nothing_waits() -> None:
    months = [month(FLEXIBLE, ANN, 100, f"2020-0{of}") for of in (1, 2)]
    rows = pl.DataFrame(months).drop("outcome", "reason_codes").with_row_index("row_number")
    settled = rows.with_columns(
        is_eligible=True,
        is_outside=False,
        determined_fen=100,
        paid_before_fen=0,
        open_fen=100,
        superseded_by=pl.lit(None, pl.String),
        conflict_with=pl.lit(None, pl.String),
    )
    causes = rows.clear().select("row_number", is_claim=False, cause=pl.lit(""))
    with connect() as connection:
        kept, waits = settle_beside_paid(connection, rows.clear(), settled, causes)
    assert kept.equals(settled) and waits.is_empty()


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


@pytest.mark.parametrize(
    ("day", "is_paid", "comes_back", "status"),
    [
        ("2021-06-30", False, False, "superseded"),
        ("2021-07-01", False, False, "payable"),
        ("2021-07-01", True, False, "superseded"),
        ("2021-07-01", True, True, "payable"),
    ],
)
def test_what_a_clerk_let_stand_of_a_policy_that_is_over_counts_only_where_it_was_paid(
    home: Home, day: str, is_paid: bool, comes_back: bool, status: str
) -> None:
    """The other row was superseded for ever by a policy that ended before it paid anything."""
    extended = [month("flexible_insurance_extension", ANN, 46666)]
    town = Town(answers=[answer(FLEXIBLE, ANN, True), answer(extended[0]["policy_id"], ANN, False)])
    if is_paid:
        (batch,) = pay(home, "R1", [month(FLEXIBLE, ANN, 46666)], town=town)
        if comes_back:
            (payment,) = ids_of(home, batch)
            path = home.root / "answer.txt"
            path.write_text(f"{payment}|失败|账户已销户|20200401\r\n", encoding="gb18030")
            settle_batch(home, batch, path)
    determined = determined_of(home.root / "extracts", extended, town, not_run=[FLEXIBLE])
    entitled, _ = draw_up(home, "R0", determined, day=day)
    assert [row[1] for row in statuses(entitled)] == [status]


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
    folder = home.runs / "R0"
    folder.mkdir()
    entitled.findings.write_parquet(folder / "findings.parquet")
    told = money_of_rows(
        home, folder, {"run_id": "R0", "batches": []}, entitled.entitlements, Books()
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


def test_a_decision_about_nobody_is_told_where_its_policy_ran(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A valid code of somebody else settled nothing, and no word was said."""
    nobody, resident = "370302199402280020", "370302199502280027"
    town = Town(
        residents=[{"person_id": resident, "name": "丁", "household_no": "H1"}],
        answers=[
            answer(FLEXIBLE, nobody, True),
            *(answer(FLEXIBLE, one, True) for one in (ANN, BOB, resident, "H1")),
            answer(INTERN, nobody, True, payee=ONE),
            answer(FLEXIBLE, nobody, True, provision="recovery"),
            answer(FLEXIBLE, ANN, True, payee="91370302MA00000017"),
        ],
    )
    found = entitle(home, [month(FLEXIBLE, ANN, 46666)], town, not_run=[INTERN]).findings
    told = found.filter(finding="decision_fits_nothing")
    assert told["subject_id"].to_list() == [ANN, nobody]
    assert all(
        "conflict (2020-02): no extract of tonight names whom" in said for said in told["detail"]
    )
    monkeypatch.setattr("flows.money.entitle.ABOUT_NOBODY", "money/of_later.sql")
    found = entitle(home, [month(FLEXIBLE, ANN, 46666)], town, not_run=[INTERN]).findings
    assert found.filter(finding="decision_fits_nothing").is_empty(), "rules of before have it not"


OVER = date(2021, 7, 1)
EXTENDED = "flexible_insurance_extension"


def drawn_when_over(
    home: Home, rows: list[dict[str, Any]], over: str, *said: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """Entitle on a day on which a policy has ended."""
    town = Town(answers=[*said])
    determined = determined_of(home.root / "extracts", rows, town, not_run=[over])
    return statuses(draw_up(home, "R0", determined, causes=claim_none, day=str(OVER))[0])


def test_what_was_paid_under_a_policy_that_is_over_stays_unless_a_clerk_asks_it_back(
    home: Home,
) -> None:
    """The month was held for ever beside it: nobody was asked, and no answer counted."""
    pay(home, "R1", [month(FLEXIBLE, ANN, 46666)])
    rows = [month(EXTENDED, ANN, 40000), month(EXTENDED, ANN, 40000, "2020-03")]
    stays = [(EXTENDED, "superseded", 0, FLEXIBLE), (EXTENDED, "payable", 40000, "")]
    assert drawn_when_over(home, rows, FLEXIBLE) == stays
    kept = answer(FLEXIBLE, ANN, False, provision="recovery")
    assert drawn_when_over(home, rows, FLEXIBLE, kept) == stays
    # What a clerk asks back is a claim; until it is back nothing is paid for the month.
    back = answer(FLEXIBLE, ANN, True, provision="recovery")
    assert drawn_when_over(home, rows, FLEXIBLE, back) == [
        (EXTENDED, "held", 40000, "paid_under_other"),
        (EXTENDED, "payable", 40000, ""),
        (FLEXIBLE, "recovery", -46666, "not_eligible"),
    ]
    with open_ledger(home) as ledger:
        (payment,) = ledger.paid_lines()["payment_id"]
    for number, fen in enumerate((6666, 40000)):
        act = recovered_act(home, payment, fen, f"缴款书{number}", {})
        keys = [key_of(home, role) for role in ("reviewer", "approver")]
        record_recovered(home, acts.countersign(act, keys))
        (row, *_) = drawn_when_over(home, rows, FLEXIBLE, back)
        assert row[1] == ("held" if fen == 6666 else "payable")


LET_STAND, REFUSED = answer(EXTENDED, ANN, True), answer(EXTENDED, ANN, False)
PAID_STANDS, PAID_REFUSED = answer(FLEXIBLE, ANN, True), answer(FLEXIBLE, ANN, False)
KEPT = answer(FLEXIBLE, ANN, False, provision="recovery")


@pytest.mark.parametrize(
    ("said", "newer"),
    [
        ([LET_STAND], "held"),
        ([PAID_REFUSED], "held"),
        ([LET_STAND, PAID_REFUSED], "held"),
        ([], "superseded"),
        ([PAID_STANDS], "superseded"),
        ([REFUSED], "superseded"),
        ([REFUSED, PAID_REFUSED], "superseded"),
        ([LET_STAND, PAID_STANDS], "conflict"),
        # What a clerk said of the money itself comes before what he said of the month.
        ([LET_STAND, KEPT], "superseded"),
        ([PAID_REFUSED, KEPT], "superseded"),
    ],
)
def test_a_decision_that_supersedes_what_a_policy_paid_asks_it_back_though_it_is_over(
    home: Home, said: list[dict[str, Any]], newer: str
) -> None:
    """It had no effect, and no word was said (rulebook §4.4)."""
    pay(home, "R1", [month(FLEXIBLE, ANN, 46666)])
    (first, *back) = drawn_when_over(home, [month(EXTENDED, ANN, 40000)], FLEXIBLE, *said)
    assert first[1] == newer
    assert back == [(FLEXIBLE, "recovery", -46666, "not_eligible")] * (newer == "held")


def test_a_decision_on_a_row_that_is_gone_or_was_never_paid_asks_nothing_back(home: Home) -> None:
    said = [LET_STAND, PAID_REFUSED]
    beside = [month(EXTENDED, BOB, 40000)]
    payable = [(EXTENDED, "payable", 40000, "")]
    assert drawn_when_over(home, beside, FLEXIBLE, *said) == payable
    pay(home, "R1", [month(FLEXIBLE, ANN, 46666)])
    assert drawn_when_over(home, beside, FLEXIBLE, *said) == payable
    assert drawn_when_over(home, [month(EXTENDED, ANN, 0)], FLEXIBLE, *said)[1:] == []


@pytest.mark.parametrize(
    ("paid_fen", "status", "due_fen"), [(400, "payable", 600), (5000, "superseded", 0)]
)
def test_of_a_pair_one_of_which_is_over_only_the_difference_is_due(
    home: Home, paid_fen: int, status: str, due_fen: int
) -> None:
    pay(home, "R1", [refund(paid_fen, policy=DIFFICULT)])
    ((policy, *said, _),) = drawn_when_over(home, [refund(1000)], DIFFICULT)
    assert (policy, *said) == ("stability_refund", status, due_fen)


@pytest.mark.parametrize(
    ("is_yes", "status"), [(None, "unsupported"), (True, "recovery"), (False, "unsupported")]
)
def test_while_a_claim_of_before_is_open_a_clerk_is_asked_though_its_policy_is_over(
    home: Home, is_yes: bool | None, status: str
) -> None:
    pay(home, "R1", [month(FLEXIBLE, ANN, 46666)])
    said = [] if is_yes is None else [answer(FLEXIBLE, ANN, is_yes, provision="recovery")]
    determined = determined_of(
        *(home.root / "extracts", [month(EXTENDED, ANN, 40000)], Town(answers=said)),
        not_run=[FLEXIBLE],
    )
    standing = read_standing(home, 2021)
    (key,) = standing.paid.select(KEY).rows()
    told = build_entitlements(
        *(determined.connection, determined.policies, replace(standing, claimed=[key])),
        *(read_funds(home), claim_none, (None, str(OVER))),
    )
    kept = is_yes is False
    assert [row[1] for row in statuses(told)] == ["superseded" if kept else "held", status]
    assert recovery_questions(told.entitlements).height == (is_yes is None)
    if said:
        paid = Paid({key: [["P", 46666]]}, {})
        asked = asked_of_claims(told.entitlements, {EXTENDED}, [key], paid)
        assert asked == {key: (0 if kept else 46666, "clerk_kept" if kept else "clerk_decided")}


@pytest.mark.parametrize(
    ("dated", "gone", "last"),
    [
        ({"2020-01-01": 12, "2020-07-01": 6}, 3, 7),
        ({"2020-01-01": 3, "2020-07-01": 12}, 2, 4),
    ],
)
def test_a_dated_limit_is_that_of_each_month_where_money_stays_beside(
    home: Home, monkeypatch: pytest.MonkeyPatch, dated: dict[str, int], gone: int, last: int
) -> None:
    """A month was paid beyond a limit that was lowered, or is raised only later on."""
    months = [month(INTERN, ANN, 100, f"2020-0{of}", payee=ONE) for of in range(1, last + 1)]
    pay(home, "R1", months[:-1], reach_to=202007)
    left = [row for row in months if row["period"] != f"2020-0{gone}"]
    card = policy_cards()[INTERN]
    limit = card.parameters["internship_months"]
    values = [
        replace(limit.values[0], since=date.fromisoformat(day), value=most)
        for day, most in dated.items()
    ]
    changed = {**card.parameters, limit.name: replace(limit, values=tuple(values))}
    cards = {**policy_cards(), INTERN: replace(card, parameters=changed)}
    monkeypatch.setattr("flows.money.paid_elsewhere.policy_cards", lambda: cards)
    determined = determined_of(home.root / "extracts", left, Town(), reach_to=202007)
    (*_, newest) = statuses(draw_up(home, "R0", determined, causes=claim_none)[0])
    assert newest == (INTERN, "held", 100, "paid_under_other")


def test_what_is_asked_back_needs_no_hand(home: Home) -> None:
    """A finding said "recover it by hand" of a row that was asked back already."""
    both = [month(INTERN, ANN, 114600, payee=ONE), month(FLEXIBLE, ANN, 46666)]
    pay(home, "R1", both[1:])
    entitled = entitle(home, both, Town(answers=[answer(INTERN, ANN, True, payee=ONE)]))
    assert [row[1] for row in statuses(entitled)] == ["recovery", "payable"]
    assert "paid_then_superseded" not in entitled.findings["finding"]
