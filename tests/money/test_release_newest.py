"""Release against the newest run: what is not due any more so is not paid."""

from datetime import date
from typing import Any

import pytest

from flows.money.batch import record_drafts
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.sign import withdraw_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import (
    ANN,
    ONE,
    TWO,
    Town,
    account,
    determined_of,
    draw_up,
    leave_run,
    month,
    night,
    pay,
    run_name,
    sign_both,
)
from tests.money.test_release import ROWS, posted
from transforms.errors import (
    DigestDiffersError,
    LedgerForbidsError,
)


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account_no": "62220000"}, "now has another account"),
        ({"bank_code": "102453000012"}, "now has another account, bank or holder"),
        ({"bank_name": "另一家银行"}, "now has another account, bank or holder"),
        ({"account_state": "冻结"}, r"now held \(account_not_normal\)"),
        ({"holder": "别人"}, r"now held \(account_name_mismatch\)"),
        ({"holder": "新名"}, "now has another account, bank or holder"),
    ],
)
def test_a_payee_that_the_newest_run_would_not_pay_so_is_not_paid(
    home: Home, batch: str, change: dict[str, str], said: str
) -> None:
    sign_both(home, batch)
    town = Town()
    assert town.accounts is not None
    town.accounts[1] = account(TWO, **{"holder": "淄川二厂", **change})
    if change == {"holder": "新名"}:
        # Registered by a new name: a bank sends a payment to the old one back.
        town.registrations[1]["employer_name"] = "新名"
    night(home, "R2+", ROWS, town)
    with pytest.raises(LedgerForbidsError, match=f"line 2 .*{said}"):
        release_batch(home, batch)
    assert posted(home) == []


def test_two_signed_batches_may_each_pay_a_part_of_one_line(home: Home, batch: str) -> None:
    sign_both(home, batch)
    more = [{**ROWS[0], "amount_fen": ROWS[0]["amount_fen"] + 5}, ROWS[1]]
    later = night(home, "R2", more)[1].batches[0].batch_id
    sign_both(home, later)
    assert not night(home, "R3", more)[1].batches
    for name in (batch, later):
        release_batch(home, name)
    verify_home(home)


def test_an_account_of_the_newest_run_with_other_words_of_itself_is_paid(
    home: Home, batch: str
) -> None:
    """Another source or row of the same account, and others that are not in use, change nothing."""
    sign_both(home, batch)
    town = Town()
    assert town.accounts is not None
    town.accounts[1] |= {"confirmed_by": "李某", "document_no": "核〔2020〕1号"}
    town.accounts += [account(TWO, "淄川二厂", account_no="1", account_state="销户")]
    night(home, "R2+", ROWS, town)
    release_batch(home, batch)


def test_a_line_that_the_newest_run_asks_back_is_not_paid(home: Home, batch: str) -> None:
    sign_both(home, batch)
    night(home, "R2", ROWS[1:])
    with pytest.raises(LedgerForbidsError, match=r"line 1 .* is now recovery"):
        release_batch(home, batch)
    night(home, "R3", ROWS)
    release_batch(home, batch)


MOVED = [account(ONE, "淄川一厂"), account(TWO, "淄川二厂", account_no="62220000")]
OTHER_BANK = [MOVED[0], account(TWO, "淄川二厂", bank_code="102453000012")]


PARTLY = [{**ROWS[0], "amount_fen": ROWS[0]["amount_fen"] - 1}, ROWS[1]]


@pytest.mark.parametrize(
    ("rows", "accounts", "said"),
    [
        (ROWS[1:], None, "line 1 .* is no longer due"),
        ([], None, "line 1 .* is no longer due.*line 2 .* is no longer due"),
        (PARTLY, None, "line 1 .* is now due with 1000.00 元 only"),
        (ROWS, MOVED, "line 2 .* now has another account"),
        (ROWS, OTHER_BANK, "line 2 .* now has another account, bank or holder"),
        (ROWS, None, ""),
    ],
)
def test_what_the_newest_run_did_not_know_as_signed_its_own_batches_must_pay_too(
    home: Home, batch: str, rows: Any, accounts: Any, said: str
) -> None:
    """As a draft that an older night once made a draft again, and two persons signed."""
    town = Town(accounts=accounts) if accounts else Town()
    determined = determined_of(home.root / "extracts", rows, town)
    entitled, drafted = draw_up(home, run_name("R2+"), determined)
    sign_both(home, batch)
    leave_run(home, "R2+", entitled=entitled)
    with open_ledger(home) as ledger:
        record_drafts(home, drafted, ledger)
    if not said:
        release_batch(home, batch)
        return
    with pytest.raises(LedgerForbidsError, match=said):
        release_batch(home, batch)
    assert posted(home) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_signed_batches_that_block_each_other_are_named(
    home: Home, batch: str, is_first: bool
) -> None:
    """Each alone is within the budget, which was lowered after both were signed."""
    sign_both(home, batch)
    more = [{**ROWS[0], "amount_fen": ROWS[0]["amount_fen"] + 100}, ROWS[1]]
    later = night(home, "R2", more)[1].batches[0].batch_id
    sign_both(home, later)
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 1000000", "2020 = 1000.5")
    home.funds_path.write_text(text, encoding="utf-8")
    mine, other, yuan = (batch, later, "1.00") if is_first else (later, batch, "1000.03")
    with pytest.raises(LedgerForbidsError, match=f"{yuan} 元 are reserved by .*: {other};"):
        release_batch(home, mine)
    withdraw_batch(home, other, "腾出预算", "甲")
    release_batch(home, mine)


def test_the_payer_is_the_one_that_was_signed_not_the_one_configured_later(
    home: Home, batch: str
) -> None:
    sign_both(home, batch)
    text = home.funds_path.read_text(encoding="utf-8").replace("9000000000000001", "999")
    home.funds_path.write_text(text, encoding="utf-8")
    release_batch(home, batch)
    assert b"|9000000000000001|" in (home.batches / batch / "bank.txt").read_bytes()


@pytest.mark.parametrize("name", ["bank-2.txt", "payments-2.xml", "rehearsal-bank.txt"])
@pytest.mark.parametrize("is_released", [True, False])
def test_a_payment_file_that_no_release_names_stops_all_that_spends(
    home: Home, name: str, is_released: bool
) -> None:
    """Beside those of a released batch too: what lies there is taken to the bank."""
    (paid,) = pay(home, "R1", ROWS)
    more = [*ROWS, month("benefit_to_retirement", ANN, 5)]
    batch = night(home, "R2", more)[1].batches[0].batch_id
    (home.batches / (paid if is_released else batch) / name).write_bytes(b"x")
    with pytest.raises(DigestDiffersError, match=name):
        sign_both(home, batch)
    with pytest.raises(DigestDiffersError, match=name):
        release_batch(home, batch)


def test_a_night_of_an_earlier_day_pays_nothing_past_a_later_one(home: Home) -> None:
    """Of a day that has come: what is known since would be passed over."""
    rows = [month("benefit_to_retirement", ANN, 70)]
    night(home, "R7", [], as_of=date(2020, 7, 31))
    _, drafted = night(home, "R8", rows)
    (batch,) = drafted.batches
    sign_both(home, batch.batch_id)
    with pytest.raises(LedgerForbidsError, match="and one of 2020-07-31 is there"):
        release_batch(home, batch.batch_id)
    night(home, "R9", rows, as_of=date(2020, 7, 31))
    release_batch(home, batch.batch_id)
