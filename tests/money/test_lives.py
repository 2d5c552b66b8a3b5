"""Hundreds of random acts on batches, cut off at any write (`make lives`: a hundred thousand)."""

import shutil
from datetime import date

import pytest

from tests.money import lives
from tests.money.lives import BOTH, SEED, STEPS, Lives, Model, live, played
from transforms.errors import LedgerForbidsError

# Every act happens: else the machine proves nothing of it.
ACTS = {
    *("night", "review", "reject", "withdraw", "sign", "notice", "release", "release refused"),
    *("settle", "late return", "reconcile", "recover", "object", "decide", "cut off"),
    *("policy ends", "ask back", "let the other stand", "bank"),
}


def test_random_steps_go_by_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    told = live(STEPS, SEED)
    with capsys.disabled():
        print(f"\n{dict(told)}")
    assert {name for name in ACTS if told[name]} == ACTS


def test_a_model_that_forgets_what_is_signed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "reserved", lambda self: lives.Counter())
    with pytest.raises((AssertionError, LedgerForbidsError)):
        live(300, SEED)


def a_bank_changes_under_what_is_signed() -> None:
    life = Lives()
    try:
        life.it_begins(fens=[1] * 7, is_paid=False)
        signed = [*life.model.batches.items()]
        for name, batch in signed:
            for role in BOTH:
                life.sign(name, batch, role, None)
        for place in range(len(signed)):
            life.a_bank_changes(place, date(2020, 3, 31))
    finally:
        shutil.rmtree(life.root)


def test_a_model_that_forgets_the_bank_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with played():
        a_bank_changes_under_what_is_signed()
        monkeypatch.setattr(lives, "bank_of", lambda *_: 0)
        with pytest.raises((AssertionError, LedgerForbidsError)):
            a_bank_changes_under_what_is_signed()
