"""Commands are tried at a home that is there, unless a test says another."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("at-hand")
    monkeypatch.setenv("WUXING_HOME", str(home))
    return home
