"""Money asked back: listed once by two persons, paid back by documents, never set off."""

import shutil
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.objections import register_objection
from flows.cli import app
from flows.cli.console import run_command
from flows.money.acts import act_digest, countersign, unsigned
from flows.money.ledger_store import open_ledger
from flows.money.lift import lift_act, record_lift
from flows.money.objections import objected_claims, registered
from flows.money.rebuild import rebuild_ledger
from flows.money.recover import (
    list_act,
    list_workbook,
    record_list,
    record_recovered,
    recovered_act,
    recovered_warnings,
    show_claims,
)
from flows.money.recovery_letters import letters_of
from flows.money.returned import over_soon
from flows.money.settle import about_batch, settle_batch
from flows.money.sign import sign_batch
from flows.money.verify import verify_home
from flows.money.whole import witnessed
from flows.store import Home
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    ONE,
    TWO,
    month,
    new_home,
    night,
    pay,
    refund,
    run_name,
    statuses,
)
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.claims import KEY, Paid, claims_to_list, list_statement
from transforms.money.objections import OBJECTION_SCHEMA, no_objections

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]
DAY = date(2020, 4, 30)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = new_home(tmp_path_factory.mktemp("once") / "home")
    pay(home, "R1", ROWS)
    return home.root


@pytest.fixture
def home(once: Path, tmp_path: Path) -> Home:
    return Home(shutil.copytree(once, tmp_path / "home"))


def signed(home: Home, act: dict[str, Any], *roles: str) -> dict[str, Any]:
    return countersign(act, [key_of(home, role) for role in roles or ("reviewer", "approver")])


def listed(home: Home, label: str) -> dict[str, Any]:
    return record_list(home, signed(home, list_act(home, run_name(label))))


def payment_of(home: Home, beneficiary: str) -> str:
    with open_ledger(home) as ledger:
        lines = ledger.paid_lines().filter(pl.col("beneficiary_id") == beneficiary)
    return str(lines["payment_id"][0])


def give_back(home: Home, beneficiary: str, fen: int, document: str) -> None:
    payment = payment_of(home, beneficiary)
    record_recovered(home, signed(home, recovered_act(home, payment, fen, document, {})))


def shown(home: Home) -> list[tuple[str, str, str, str, str]]:
    names = ("state", "listed_yuan", "repaid_yuan", "left_yuan", "asked_now_yuan")
    return [tuple(claim[n] for n in names) for claim in show_claims(home, DAY)]  # type: ignore[misc]


def test_a_claim_is_listed_once_and_paid_back_in_instalments(home: Home) -> None:
    night(home, "R2", [refund(600), refund(500, TWO)])
    made = listed(home, "R2")
    assert (made["claim_count"], made["amount_yuan"]) == (2, "4.07")
    assert [claim[1] for claim in shown(home)] == ["0.07", "4.00"]
    assert [claim["asked_now_yuan"] for claim in show_claims(home, DAY)] == [None, "4.00"]
    with pytest.raises(LedgerForbidsError, match="nothing back beyond signed lists"):
        list_act(home, run_name("R2"))
    give_back(home, ONE, 100, "缴款书1")
    give_back(home, ONE, 250, "缴款书2")
    assert shown(home)[1] == ("partly", "4.00", "3.50", "0.50", "0.50")
    with pytest.raises(LedgerForbidsError, match=r"0\.50 元 of the claim are open"):
        give_back(home, ONE, 51, "缴款书3")
    give_back(home, ONE, 50, "缴款书3")
    with pytest.raises(LedgerForbidsError, match=r"0\.00 元 of the claim are open"):
        give_back(home, ONE, 1, "缴款书4")
    night(home, "R3", [refund(600), refund(500, TWO)])
    assert shown(home)[1] == ("repaid", "4.00", "4.00", "0.00", "0.00")
    (claim,) = [claim for claim in show_claims(home, DAY) if claim["state"] == "repaid"]
    assert claim["documents"] == ["缴款书1", "缴款书2", "缴款书3"]
    with pytest.raises(LedgerForbidsError, match="nothing back beyond signed lists"):
        list_act(home, run_name("R3"))
    verify_home(home)


def test_before_a_policy_is_over_what_no_list_asks_for_is_said(home: Home) -> None:
    """The same run again says the same; to a later one what is listed is told no more."""
    night(home, "R2", [refund(400), *ROWS[1:]])
    rows = pl.read_parquet(home.runs / run_name("R2") / "entitlements.parquet")
    last = date(2021, 6, 30)
    before = [str(said) for said in over_soon(home, rows, last, run_name("R2"))]
    assert any("on no signed list are 1 rows (6.00 元)" in said for said in before)
    listed(home, "R2")
    assert [str(said) for said in over_soon(home, rows, last, run_name("R2"))] == before
    assert over_soon(home, rows.filter(status="recovery"), last, run_name("R3")) == []


def lifted(home: Home, subject: str = "") -> dict[str, Any]:
    return record_lift(home, signed(home, lift_act(home, "相反的记录已更正", subject)))


def test_a_claim_that_is_asked_no_more_is_lifted_and_the_next_one_is_listed(home: Home) -> None:
    night(home, "R2", [refund(600), refund(500, TWO)])
    listed(home, "R2")
    with pytest.raises(LedgerForbidsError, match="still asks for all"):
        lift_act(home, "x")
    # Of what no run looked at since, nobody can tell.
    night(home, "R3", [refund(1000), refund(500, TWO)], not_run=["benefit_to_retirement"])
    assert [claim["asked_now_yuan"] for claim in show_claims(home, DAY)] == [None, "0.00"]
    late = recovered_act(home, payment_of(home, ONE), 100, "缴款书1", {})
    assert late["statement"]["asked_now_fen"] == 0
    assert "asks for 0.00 元" in recovered_warnings(late)[0]
    with pytest.raises(LedgerForbidsError, match="for a reason"):
        lift_act(home, " ")
    with pytest.raises(LedgerForbidsError, match="still asks for all"):
        lift_act(home, "x", TWO)
    made = lifted(home)
    assert (made["claim_count"], made["amount_yuan"]) == (1, "4.00")
    assert shown(home)[1] == ("lifted", "4.00", "0.00", "0.00", "0.00")
    night(home, "R4", [refund(950), *ROWS[1:]])
    assert listed(home, "R4")["amount_yuan"] == "0.50"
    give_back(home, ONE, 20, "缴款书2")
    night(home, "R5", [refund(980), *ROWS[1:]])
    assert shown(home)[1] == ("partly", "4.50", "0.20", "0.30", "0.00")
    assert lifted(home, ONE)["amount_yuan"] == "0.30"
    assert verify_home(home).counts["recovery lists"] == 4
    home.ledger_path.unlink()
    rebuild_ledger(home, [])
    assert shown(home)[1] == ("lifted", "4.50", "0.20", "0.00", "0.00")


def test_what_is_lifted_is_what_the_newest_run_let_be_lifted(home: Home) -> None:
    night(home, "R2", [refund(600), *ROWS[1:]])
    listed(home, "R2")
    night(home, "R3", [refund(900), *ROWS[1:]])
    act = lift_act(home, "更正")
    with pytest.raises(LedgerForbidsError, match="not signed as"):
        record_lift(home, signed(home, act, "reviewer"))
    run_id, (claim,) = act["statement"]["run_id"], act["statement"]["claims"]
    assert claim[len(KEY) :] == [100, 300, "row_found", ""]
    with open_ledger(home) as ledger:
        manifest = ledger.books().runs[run_id]["run_manifest"]
        said = list_statement(run_id, manifest, [[*claim[:-4], 0, 400, "x", ""]], "更正")
        more = signed(home, unsigned({**said, **about_batch(ledger, "")}))
    with pytest.raises(LedgerForbidsError, match="asks back no more"):
        record_lift(home, more)
    record_lift(home, signed(home, act))
    with pytest.raises(LedgerForbidsError, match="asks back no more"):
        record_lift(home, signed(home, act))
    night(home, "R4", [refund(1000), *ROWS[1:]])
    old = signed(home, act)
    # Past the program's own look, the rule of the books forbids an older run's word, too.
    said_so = pytest.raises(LedgerForbidsError, match="not the newest one")
    with open_ledger(home) as ledger, said_so, ledger.transaction():
        ledger.post("recovery_lifted", {"act": old}, subject=act["statement"]["list_id"])
    with open_ledger(home) as ledger, witnessed(home, ledger):
        said = list_statement(
            run_name("R4"),
            ledger.books().runs[run_name("R4")]["run_manifest"],
            [[*claim[:-4], 50, 50, "x", ""]],
            "更正",
        )
        forged = signed(home, unsigned({**said, **about_batch(ledger, "")}))
        ledger.post("recovery_lifted", {"act": forged}, subject=said["list_id"])
    with pytest.raises(DigestDiffersError, match="did not let be lifted"):
        verify_home(home)


def test_a_list_says_which_claims_somebody_objects_to(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    night(home, "R2", [refund(600)])
    said = {"policy_id": "stability_refund", "period": "", "subject_id": ONE, "raised_by": "甲"}
    said |= {"raised_on": "2020-03-05", "reason": "没有多领", "document_no": ""}
    register_objection(home, said)
    act = list_act(home, run_name("R2"))["statement"]
    told = ["claim 2 (stability_refund, 2020): somebody objects, and nothing is decided yet"]
    assert objected_claims(home, act["run_id"], act["claims"]) == told
    out = ["--out", str(home.root / "l.json"), "--home", str(home.root)]
    assert run_command(app, ["recovery", "list", run_name("R2"), *out]) == 0
    assert f"warning: {told[0]}" in capsys.readouterr().out
    # Once a run has weighed it and a clerk upheld it, the list says what is to be answered.
    (new,) = registered(home).rows(named=True)
    key = dict(zip(KEY, act["claims"][1], strict=False))
    upheld = {**new, **key, "decision": "是", "is_holding": True, "objection_state": "upheld"}
    weighed = pl.DataFrame([upheld], schema_overrides=OBJECTION_SCHEMA)
    rows = pl.concat([no_objections(), weighed], how="diagonal_relaxed")
    rows.write_parquet(home.runs / act["run_id"] / "objections.parquet")
    (told,) = objected_claims(home, act["run_id"], act["claims"])
    assert told.startswith("claim 2 (stability_refund, 2020): a clerk upheld an objection")


def test_a_document_is_booked_once_however_it_is_typed(home: Home) -> None:
    give_back(home, ONE, 100, "DOC-1")
    with pytest.raises(LedgerForbidsError, match="document DOC-1 is booked already"):
        give_back(home, ONE, 100, "ＤＯＣ-1 ")


def test_what_a_later_run_asks_back_beyond_is_a_claim_of_its_own(home: Home) -> None:
    night(home, "R2", [refund(500), *ROWS[1:]])
    assert listed(home, "R2")["amount_yuan"] == "5.00"
    night(home, "R3", ROWS[1:])
    made = listed(home, "R3")
    assert (made["claim_count"], made["amount_yuan"]) == (1, "5.00")
    assert shown(home) == [("open", "10.00", "0.00", "10.00", "10.00")]
    verify_home(home)


def test_a_claim_partly_paid_back_before_it_grew(home: Home) -> None:
    night(home, "R2", [refund(500), *ROWS[1:]])
    listed(home, "R2")
    give_back(home, ONE, 200, "缴款书1")
    night(home, "R3", [refund(400), *ROWS[1:]])
    assert listed(home, "R3")["amount_yuan"] == "1.00"
    assert shown(home) == [("partly", "6.00", "2.00", "4.00", "4.00")]
    verify_home(home)


@pytest.mark.parametrize("roles", [("reviewer",), ("approver",), ("hr_head", "finance_head")])
def test_a_list_is_signed_by_two_persons(home: Home, roles: tuple[str, ...]) -> None:
    night(home, "R2", ROWS[1:])
    act = list_act(home, run_name("R2"))
    with pytest.raises(LedgerForbidsError, match="not signed as"):
        record_list(home, signed(home, act, *roles))
    with pytest.raises(LedgerForbidsError, match="not signed as"):
        record_list(home, act)
    assert shown(home) == []


def test_a_list_that_was_altered_or_comes_again_is_refused(home: Home) -> None:
    night(home, "R2", ROWS[1:])
    act = signed(home, list_act(home, run_name("R2")))
    more = {**act["statement"], "claims": [[*act["statement"]["claims"][0][:-3], 999, "x", ""]]}
    for altered in (more, {**act["statement"], "amount_fen": 1}):
        with pytest.raises(LedgerForbidsError):
            record_list(home, {**act, "statement": altered})
    record_list(home, act)
    with pytest.raises(LedgerForbidsError, match="may be posted already"):
        record_list(home, act)
    verify_home(home)


def test_two_lists_made_side_by_side_are_posted_once(home: Home) -> None:
    night(home, "R2", ROWS[1:])
    first, second = (signed(home, list_act(home, run_name("R2"))) for _ in range(2))
    record_list(home, first)
    with pytest.raises(LedgerForbidsError):
        record_list(home, second)
    # Past the program's own look, the rule of the books forbids it, too.
    said = pytest.raises(LedgerForbidsError, match="listed already")
    with open_ledger(home) as ledger, said, ledger.transaction():
        ledger.post("recovery_listed", {"act": second}, subject=second["statement"]["list_id"])


def test_a_booking_beyond_the_claim_is_forbidden_by_the_books(home: Home) -> None:
    night(home, "R2", [refund(600), *ROWS[1:]])
    payment = payment_of(home, ONE)
    early = signed(home, recovered_act(home, payment, 401, "缴款书1", {}))
    listed(home, "R2")
    with pytest.raises(LedgerForbidsError, match=r"4\.00 元"):
        record_recovered(home, early)


@pytest.mark.parametrize("what", ["booking", "list", "lift"])
def test_what_two_confirm_is_not_older_than_what_it_covers(home: Home, what: str) -> None:
    """An act's day stands in a file: with another one a key that ended long ago confirmed it."""
    night(home, "R2", [refund(600), *ROWS[1:]])
    if what == "booking":
        act, record = (
            recovered_act(home, payment_of(home, ONE), 400, "缴款书1", {}),
            record_recovered,
        )
    elif what == "list":
        act, record = list_act(home, run_name("R2")), record_list
    else:
        listed(home, "R2")
        night(home, "R3", ROWS)
        act, record = lift_act(home, "因"), record_lift
    before = {**act["statement"], "signed_on": "2020-04-01"}
    with pytest.raises(LedgerForbidsError, match="signed on 2020-04-01, and covers what"):
        record(home, signed(home, unsigned(before)))
    record(home, signed(home, act))


def test_the_list_for_those_who_sign_it_holds_no_formula(home: Home) -> None:
    night(home, "R2", ROWS[1:])
    act = list_act(home, run_name("R2"))
    act["statement"]["claims"][0][-1] = "=HYPERLINK(1)|<b>\x0b"
    book = openpyxl.load_workbook(BytesIO(list_workbook(act)))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert 10 in [cell.value for cell in cells], "an amount is a number"
    assert act_digest(act) in [cell.value for cell in cells]


def test_only_a_run_that_is_recorded_is_listed(home: Home) -> None:
    with pytest.raises(LedgerForbidsError, match="not recorded"):
        list_act(home, "R0")
    night(home, "R2", ROWS[1:])
    path = home.runs / run_name("R2") / "entitlements.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DigestDiffersError):
        list_act(home, run_name("R2"))


def test_what_a_run_of_an_earlier_day_asks_back_is_not_listed(home: Home) -> None:
    night(home, "R2", ROWS, as_of=date(2020, 4, 30))
    night(home, "R3", ROWS[1:])
    with pytest.raises(LedgerForbidsError, match="run the night of that day again"):
        list_act(home, run_name("R3"))


def test_what_only_an_older_run_asks_back_is_not_listed(home: Home) -> None:
    night(home, "R2", ROWS[1:])
    prepared = signed(home, list_act(home, run_name("R2")))
    night(home, "R3", ROWS)
    with pytest.raises(LedgerForbidsError, match="is not the newest"):
        list_act(home, run_name("R2"))
    with pytest.raises(LedgerForbidsError, match="is not the newest"):
        record_list(home, prepared)
    assert shown(home) == []


def test_verify_works_a_list_out_again(home: Home) -> None:
    night(home, "R2", ROWS[1:])
    listed(home, "R2")
    seen = verify_home(home)
    assert seen.counts["recovery lists"] == 1


def test_nothing_is_ever_set_off_against_a_payment(home: Home) -> None:
    """A claim against somebody leaves what is due to the same one under another key as it is."""
    rows = [refund(300), *ROWS[1:], month("benefit_to_retirement", ANN, 9, "2020-03")]
    rows += [refund(250, policy="stability_refund_difficult", employer=TWO)]
    before, drafted = night(home, "R2", rows)
    listed(home, "R2")
    after, again = night(home, "R3", rows)
    assert before.entitlements.equals(after.entitlements), "a list changes nothing that is due"
    paid = [batch.lines.drop("batch_id", "payment_id") for batch in drafted.batches]
    assert [b.lines.drop("batch_id", "payment_id").equals(paid[0]) for b in again.batches] == [True]
    own = pl.col("determined_fen") - pl.col("paid_before_fen")
    for entitled in (before, after):
        due = entitled.entitlements.filter(pl.col("status").is_in(["payable", "recovery"]))
        assert due.height > 1 and due.select((own == pl.col("due_fen")).all()).item()
        assert (due.filter(pl.col("status") == "payable")["due_fen"] > 0).all()
    with open_ledger(home) as ledger:
        key = tuple(before.entitlements.filter(pl.col("status") == "recovery").row(0)[: len(KEY)])
        assert ledger.books().claims[key].repaid == []


def test_a_claim_is_closed_by_the_payment_that_its_letter_names(home: Home) -> None:
    """The refund was topped up under the policy that excludes it, and that is asked back."""
    difficult = refund(1200, policy="stability_refund_difficult")
    pay(home, "R2", [*ROWS, difficult])
    lowered = [*ROWS, refund(900, policy="stability_refund_difficult")]
    listed_by = night(home, "R3", lowered)[0].entitlements.filter(status="recovery")
    assert listed_by["due_fen"].to_list() == [-200]
    listed(home, "R3")
    with open_ledger(home) as ledger:
        ((key, claim),) = ledger.books().claims.items()
        paid = ledger.paid_lines().filter(policy_id="stability_refund_difficult")
    (payment,) = paid["payment_id"].to_list()
    assert key[0] == "stability_refund" and payment in claim.payments
    act = recovered_act(home, payment, 200, "DOC-9", {})
    record_recovered(home, signed(home, act))
    with open_ledger(home) as ledger:
        assert ledger.books().claims[key].open_fen == 0
    with pytest.raises(LedgerForbidsError):
        recovered_act(home, payment_of(home, ONE), 200, "DOC-10", {})
    verify_home(home)


def test_money_signed_and_never_paid_is_not_asked_back(home: Home) -> None:
    drawn = night(home, "R2", [*ROWS, refund(900, policy="new_hire_subsidy")])[1].batches
    sign_batch(home, drawn[0].batch_id, "reviewer", key_of(home, "reviewer"))
    lowered = [*ROWS, refund(800, policy="new_hire_subsidy")]
    asked = statuses(night(home, "R3", lowered)[0])
    assert ("new_hire_subsidy", "recovery", -100, "less_determined") in asked
    with pytest.raises(LedgerForbidsError, match="nothing back beyond signed lists"):
        list_act(home, run_name("R3"))
    # A list of before lists named their payments may ask for it: it gets no letter.
    path = home.runs / run_name("R3") / "entitlements.parquet"
    with open_ledger(home) as ledger:
        claims, _ = claims_to_list(pl.read_parquet(path), {}, None)
        manifest = ledger.books().runs[run_name("R3")]["run_manifest"]
        act = {**list_statement(run_name("R3"), manifest, claims), **about_batch(ledger, "")}
        act = signed(home, unsigned(act))
        with witnessed(home, ledger):
            ledger.post("recovery_listed", {"act": act}, subject=act["statement"]["list_id"])
    assert letters_of(home, act["statement"]["list_id"])["letters"] == []
    verify_home(home)


def test_a_claim_is_closed_when_the_bank_brings_its_payment_back(home: Home) -> None:
    night(home, "R2", [refund(600), *ROWS[1:]])
    listed(home, "R2")
    payment = payment_of(home, ONE)
    with open_ledger(home) as ledger:
        batch = ledger.batches_of_payments()[payment]
    answer = home.root / "answer.txt"
    answer.write_bytes(f"{payment}|失败|销户|20200401\r\n".encode("gb18030"))
    settle_batch(home, batch, answer)
    with pytest.raises(LedgerForbidsError, match="nothing back beyond signed lists"):
        list_act(home, run_name("R2"))
    pay(home, "R3", [refund(600), *ROWS[1:]])
    closed = [("returned", "4.00", "0.00", "0.00", "0.00")]
    assert shown(home) == closed and show_claims(home, DAY)[0]["returned_yuan"] == "4.00"
    assert show_claims(home, DAY)[0]["payment_ids"] == [payment] != [payment_of(home, ONE)]
    with pytest.raises(LedgerForbidsError, match=r"0\.00 元 of the claim are open"):
        give_back(home, ONE, 1, "缴款书1")
    night(home, "R4", [refund(500), *ROWS[1:]])
    assert listed(home, "R4")["amount_yuan"] == "1.00"
    assert shown(home) == [("partly", "5.00", "0.00", "1.00", "1.00")]
    home.ledger_path.unlink()
    rebuild_ledger(home, [])
    verify_home(home)


def test_what_was_given_back_is_not_listed_again_by_the_same_run(home: Home) -> None:
    night(home, "R2", [refund(600), *ROWS[1:]])
    listed(home, "R2")
    give_back(home, ONE, 100, "缴款书1")
    with pytest.raises(LedgerForbidsError, match="nothing back beyond signed lists"):
        list_act(home, run_name("R2"))


def test_what_the_other_policy_of_a_pair_was_paid_is_behind_a_claim() -> None:
    one, other = (("a", "2020"), ("b", "2020"))
    paid = Paid({one: [["P1", 100]], other: [["P2", 50]]}, {"a": ["b"], "b": ["a"]})
    assert paid.behind(one, 15, 85) == [["P1", 100]]
    assert paid.behind(one, 65, 85) == [["P1", 100], ["P2", 50]]
    assert paid.behind(("b", "2021"), 5, 0) == []


def test_a_lost_ledger_comes_back_with_its_lists_and_bookings(home: Home) -> None:
    night(home, "R2", [refund(600), *ROWS[1:]])
    listed(home, "R2")
    give_back(home, ONE, 100, "缴款书1")
    before = shown(home)
    home.ledger_path.unlink()
    rebuild_ledger(home, [])
    assert shown(home) == before == [("partly", "4.00", "1.00", "3.00", "3.00")]
    verify_home(home)
