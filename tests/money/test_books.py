"""The books hold each posting to its rules."""

from dataclasses import replace
from pathlib import Path

from flows.money.ledger_store import open_ledger
from flows.money.signatures import holds
from tests.money.money_town import TWO, new_home, night, refund, sign_both
from transforms.money.batch_states import release_obstacle, state_digest
from transforms.money.books import read_books

ROWS = [refund(1000), refund(7, TWO)]


def test_the_books_hold_each_posting_to_its_rules(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    with open_ledger(home, only_look=True) as ledger:
        drafted = ledger.books()
    assert release_obstacle(drafted.batches[batch]).endswith("reviewer, approver")
    sign_both(home, batch)
    with open_ledger(home, only_look=True) as ledger:
        postings, signed = list(ledger.postings()), ledger.books()
    assert release_obstacle(signed.batches[batch]) == ""
    assert state_digest(drafted.batches) != state_digest(signed.batches)
    assert read_books(postings, holds).problems == []
    altered = replace(postings[-1], content=postings[-1].content.replace("1", "2"))
    assert read_books([*postings[:-1], altered], holds).problems
    assert read_books(postings[1:], holds).problems
