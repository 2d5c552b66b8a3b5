"""What end-to-end tests share: one sample town, one home in which the whole job was done."""

import gc
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
# As the command itself says: threads that wait for sums of matrices cost a thirtieth.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# Two groups run at a time on two cores: more threads for small frames cost a third of a night.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from tests.ceremony import hold_ceremony, one_place

AS_OF = date(2020, 3, 31)
one_place()
# The libraries' million objects stay: looking through them again takes a tenth of the time.
gc.set_threshold(100_000, 50, 1000)
# How long an example takes is the machine's business, never a test's.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean sample drop; its known answers lie in the folder truth beside it."""
    from data_samples.town.write import write_sample

    drop = tmp_path_factory.mktemp("town") / "drop"
    write_sample(drop, 300, 7, AS_OF)
    return drop


def make_home(root: Path) -> Any:
    """A home folder with budgets, two heads, and an enrolled key for each role."""
    from flows.money.funds import with_sample_payers
    from flows.store import Home

    home = Home(root)
    home.root.mkdir(parents=True)
    hold_ceremony(home)
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 0", "2020 = 5000000")
    home.funds_path.write_text(with_sample_payers(text), encoding="utf-8")
    return home


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which nothing ran yet; copy it, never change it."""
    return Path(make_home(tmp_path_factory.mktemp("template") / "home").root)


@pytest.fixture(scope="session")
def run_home(
    town: Path, empty_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A home in which the town's night ran once (copy it, never change it), and its summary."""
    from flows.night.pipeline import NightRequest, run_night
    from flows.night.progress import Progress
    from flows.store import Home

    root = tmp_path_factory.mktemp("run") / "home"
    shutil.copytree(empty_home, root)
    summary = run_night(NightRequest(Home(root), AS_OF, drop=town), Progress())
    return root, summary


@pytest.fixture()
def home_after_run(run_home: tuple[Path, dict[str, Any]], tmp_path: Path) -> Iterator[Any]:
    """A copy of the home in which the night ran: a test may do with it what it likes."""
    from flows.store import Home

    shutil.copytree(run_home[0], tmp_path / "home")
    yield Home(tmp_path / "home")
