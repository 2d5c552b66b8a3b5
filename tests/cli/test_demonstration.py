"""`make run`: it never touches a folder that is not its own, and stops at the first refusal."""

import sys
from pathlib import Path

import pytest

from flows.cli import demonstration
from flows.money.funds import PLACEHOLDER, payer_warnings, read_anchors, read_funds
from flows.money.heads import initialise_home
from flows.store import Home
from transforms.errors import UsageError


def test_a_folder_that_is_no_demonstration_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    monkeypatch.setattr(sys, "argv", ["demonstration", str(tmp_path)])
    with pytest.raises(SystemExit, match="no demonstration folder"):
        demonstration.main()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_refused_command_ends_the_demonstration_with_its_code() -> None:
    with pytest.raises(SystemExit) as stopped:
        demonstration._wuxing("ingest")
    assert stopped.value.code == UsageError.exit_code


def test_the_sample_funds_have_a_budget_and_no_placeholder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    initialise_home(home)
    demonstration._fill_sample_funds(home.funds_path, tmp_path / "other")
    assert read_anchors(home) == [tmp_path / "other"]
    assert PLACEHOLDER not in home.funds_path.read_text(encoding="utf-8")
    funds = read_funds(home)
    assert funds.by_name
    for fund in funds.by_name:
        assert not payer_warnings(fund, funds.by_name[fund].content())
        assert funds.budget_fen(fund, 2020) == demonstration.SAMPLE_BUDGET_YUAN * 100
