"""A thousand random acts on batches, cut off at any write (`make lives`: a hundred thousand)."""

import pytest

from tests.money import lives
from tests.money.lives import SEED, STEPS, Model, live
from transforms.errors import LedgerForbidsError

# Every act happens, and none only once: else the machine proves nothing of it.
ACTS = {
    *("night", "review", "reject", "withdraw", "sign", "notice", "release", "release refused"),
    *("settle", "late return", "reconcile", "recover", "object", "decide", "cut off"),
    *("policy ends", "ask back", "bank"),
}


def test_random_steps_go_by_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    told = live(STEPS, SEED)
    with capsys.disabled():
        print(f"\n{dict(told)}")
    assert {name for name in ACTS if told[name] >= 2} == ACTS


@pytest.mark.parametrize("forgotten", ["what is signed", "the bank"])
def test_a_model_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch, forgotten: str) -> None:
    if forgotten == "the bank":
        monkeypatch.setattr(lives, "bank_of", lambda *_: 0)
    else:
        monkeypatch.setattr(Model, "reserved", lambda self: lives.Counter())
    with pytest.raises((AssertionError, LedgerForbidsError)):
        live(300, SEED)
