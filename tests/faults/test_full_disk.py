"""A disk that is full at some writes of each command; `make weather` goes through all of them."""

from pathlib import Path
from typing import Any

import pytest

from flows.store import Home
from tests.faults.full_disk import commands, endure

# A night takes seconds.
STEPS = {"a night, of its snapshot": 480}
STEP = 11
NAMES = [
    *("a night, of its snapshot", "batch import", "batch withdraw", "sign", "batch pack"),
    *("batch export", "notice", "notice, put up", "release", "settle", "index"),
]


def test_every_command_is_tried(home_after_run: Home) -> None:
    assert [name for name, *_ in commands(home_after_run)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_costs_nothing_but_a_repetition(
    name: str, home_after_run: Home, tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    (act, before), *_ = [found[1:] for found in commands(home_after_run) if found[0] == name]
    before(home_after_run)
    tried, wrong = endure(act, home_after_run, tmp_path, STEPS.get(name, STEP))
    print(f"{name}: full at {tried} writes")
    assert tried >= 1 and wrong == []
