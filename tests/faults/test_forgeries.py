"""Forgeries and flipped bits: a part of what `make forgeries` tries, each found and named."""

import pytest

from tests.faults.forgeries import flips, search

SHORT = 60


def test_every_forgery_is_found_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert search(SHORT, seed=7) == []
    said = capsys.readouterr().out
    print(said)
    assert f"{SHORT} forgeries, 0 not found" in said


def test_every_flipped_bit_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert flips(SHORT, seed=560) == []
    said = capsys.readouterr().out
    print(said)
    assert f"{SHORT} bits flipped, 0 not found" in said
