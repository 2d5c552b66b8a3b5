"""All that three people can do in five steps (`make model`: eight): none paid by one, or twice."""

from dataclasses import replace
from typing import Any

import pytest

from tests.money import model
from tests.money.model import DEEDS, beginning, explore, newest
from transforms.money import books as books_module
from transforms.money import posting_rules as rules_module
from transforms.money.batch_states import BatchState, release_obstacle, state_digest
from transforms.money.books import Books

SHORT = 5
# So many steps pay honestly; as many do wrong where a rule is missing.
HONEST = 4


@pytest.mark.parametrize("has_anchor", [True, False])
def test_no_sequence_pays_by_one_person_or_twice_unseen(
    has_anchor: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sequences, states, payments, wrong = explore(SHORT, has_anchor)
    print(f"{sequences:,} sequences, {states:,} states, {payments} payments at most")
    assert wrong == [] and sequences >= 100_000 and payments >= 1


def test_honest_people_are_paid_in_four_steps() -> None:
    world = beginning()
    for deed in ("F signs", "E signs", "release"):
        world = DEEDS[deed](world, True)
    assert [batch for batch, _, _ in world.paid] == ["B0"]
    assert newest(world) == ""


# The ledger is put back to before what the signers know of it: only what they signed tells.
PUT_BACK = {
    "one export": (
        *("keep", "F and E sign one export", "release", "roll back", "run"),
        *("F and E sign one export", "release"),
    ),
    "given up": (
        *("F signs", "E signs", "keep", "release", "roll back", "the batch is given up", "run"),
        *("F signs", "E signs", "release"),
    ),
}


@pytest.mark.parametrize("deeds", PUT_BACK.values(), ids=PUT_BACK)
def test_without_an_anchor_who_signed_a_payment_signs_no_second_one(
    deeds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_with(has_anchor: bool) -> list[str]:
        world = beginning()
        for deed in deeds:
            world = DEEDS[deed](world, has_anchor)
        return [batch for batch, _, _ in world.paid]

    assert ends_with(False) == ends_with(True) == ["B0"]
    # Signers that forget what they signed would pay it again: the sequence can fail.
    monkeypatch.setattr(model, "neither_open_nor_paid", lambda _books, _signed: [])
    assert ends_with(False) == ["B0", "B1"]


# What is taken out of the rules must be missed: else the model proves nothing.
PLANTED: dict[str, Any] = {
    "two persons": (books_module, "same_person", lambda _one, _other: False),
    "a release needs both signatures": (rules_module, "release_obstacle", lambda _state: ""),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_rule_that_is_taken_out_is_missed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[rule])
    model.books_of.cache_clear()
    try:
        assert explore(HONEST, True)[3]
    finally:
        model.books_of.cache_clear()


def test_what_a_run_nets_against_is_signed_and_released() -> None:
    state = BatchState("B", "R", "F", "2020-03-31", "", "d", 1, 1, 5)
    assert release_obstacle(state) and Books().newest_run == ""
    drafted = state_digest({"B": state})
    assert drafted == state_digest({})
    assert state_digest({"B": replace(state, state="signed")}) != drafted
