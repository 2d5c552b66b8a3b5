"""The books hold each posting to its rules."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flows.money.ledger_store import open_ledger
from flows.money.signatures import holds
from tests.money.money_town import AS_OF, TWO, new_home, night, refund, sign_both
from transforms.money.batch_states import release_obstacle, state_digest
from transforms.money.posting_rules import read_books
from transforms.money.postings import next_posting

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


@pytest.mark.parametrize("since", ["a later day", "another snapshot", "a signature"])
def test_an_older_run_is_not_made_the_newest_again(tmp_path: Path, since: str) -> None:
    """What release compares with is the newest run: nobody may put an older one in its place."""
    home = new_home(tmp_path / "home")
    _, drafted = night(home, "R1", ROWS)
    if since == "a signature":
        sign_both(home, drafted.batches[0].batch_id)
    label, as_of = "R2+" if since == "another snapshot" else "R2", AS_OF
    night(home, label, ROWS[1:], as_of=as_of + timedelta(days=since == "a later day"))
    night(home, "R3", ROWS, as_of=as_of - timedelta(days=1))
    with open_ledger(home) as ledger:
        postings = ledger.postings()
        first = next(p for p in postings if p.kind == "run_recorded")
        again = next_posting(postings[-1], first.kind, "", first.subject, first.said)
        books = read_books([*postings, again], holds)
    assert "is recorded so already" in books.problems[0]


def test_what_a_posting_is_about_follows_from_its_content(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    night(home, "R1", ROWS)
    with open_ledger(home) as ledger:
        *before, drafted = ledger.postings()
    for change in ({"subject": "R0"}, {"batch_id": ""}, {"content": drafted.content + " "}):
        books = read_books([*before, replace(drafted, **change)], holds)
        assert "not as this program writes it" in books.problems[0]
