"""A lost ledger is written anew from what others kept; the books hold postings to their rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from flows.money.ledger_store import open_ledger
from flows.money.rebuild import rebuild_ledger
from flows.money.signatures import holds
from flows.store import Home
from tests.money.money_town import TWO, new_home, night, pay, refund, sign_both
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.batch_states import release_obstacle, state_digest
from transforms.money.books import read_books

ROWS = [refund(1000), refund(7, TWO)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


def postings_of(home: Home) -> list[str]:
    with open_ledger(home, only_look=True) as ledger:
        return list(ledger.books().hashes)


def test_a_lost_ledger_comes_back_posting_by_posting(home: Home) -> None:
    pay(home, "R1", ROWS)
    before = postings_of(home)
    home.ledger_path.unlink()
    made = rebuild_ledger(home, [])
    assert made["postings"] == len(before) and made["entries"] > 0
    assert made["not_released_by_it"] == []
    assert postings_of(home) == before


def test_a_whole_ledger_is_not_rebuilt(home: Home) -> None:
    pay(home, "R1", ROWS)
    with pytest.raises(LedgerForbidsError, match="nothing to rebuild"):
        rebuild_ledger(home, [])


def test_a_batch_that_is_not_as_it_was_rebuilds_nothing(home: Home) -> None:
    pay(home, "R1", ROWS)
    home.ledger_path.unlink()
    (lines,) = home.batches.glob("*/lines.parquet")
    lines.write_bytes(lines.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestDiffersError):
        rebuild_ledger(home, [])
    assert not home.ledger_path.exists()


def test_the_books_hold_each_posting_to_its_rules(home: Home) -> None:
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
