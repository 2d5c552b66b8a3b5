"""A few hundred random deletions; `make deletions` tries 10,000."""

from dataclasses import replace

import pytest

from tests.absence import deletions
from transforms.policies.cards import PRESENCE

FEW = 500


def test_only_declared_absences_and_ranks_pay_more(capsys: pytest.CaptureFixture[str]) -> None:
    tried, more, faults = deletions.try_many(FEW)
    with capsys.disabled():
        print(f"\n{tried.total()} deletions, {more} rows paid more", end=" ")
    assert not faults, faults[:5]
    assert more > FEW // 20 and set(tried) == set(deletions.SORTS)


def test_an_absence_that_is_declared_a_presence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {
        name: replace(
            card, provisions=tuple(replace(each, holds=PRESENCE) for each in card.provisions)
        )
        for name, card in deletions.policy_cards().items()
    }
    monkeypatch.setattr(deletions, "policy_cards", lambda: cards)
    assert deletions.try_many(100, seed=1)[2]
