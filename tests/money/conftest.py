"""What tests of money share: a home with its keys, and one in which a night was done once."""

import shutil
from pathlib import Path

import pytest

from flows.store import Home
from tests.money.money_town import new_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture(scope="module")
def begun_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A home in which a module's `begin` was done, and the batch that it gave; copy it."""
    home = new_home(tmp_path_factory.mktemp("begun") / "home")
    return home.root, request.module.begin(home)


@pytest.fixture
def batch(home: Home, begun_once: tuple[Path, str]) -> str:
    """The batch of a module's `begin`; the test's home becomes a copy of the one it was done in."""
    root, batch_id = begun_once
    shutil.rmtree(home.root)
    shutil.copytree(root, home.root)
    return batch_id
