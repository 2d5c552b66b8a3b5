"""A whole night from the inbox: drafted, reported with ages, and replayed to the byte."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.audit.replay import replay
from flows.money import whole
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.ceremony import PLACE
from tests.conftest import AS_OF
from tests.inbox.inbox_home import at, take_all
from transforms.answers.messages import in_chinese
from transforms.errors import DropRefusedError
from transforms.extracts.headers import kind_of_file
from transforms.extracts.kinds import KINDS

LINE = '{ mode = "full", cadence = "nightly", deadline = "04:00", max_age_days = 1 }'
MONTHLY = (
    '{ mode = "full", cadence = "monthly", due_day = 5, deadline = "04:00", max_age_days = 45 }'
)


@pytest.fixture(scope="module")
def fed(town: Path, empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose inbox holds the town, put there flat, with its delivery note."""
    home = Home(tmp_path_factory.mktemp("inbox") / "home")
    shutil.copytree(empty_home, home.root)
    shutil.copytree(town, home.root / "inbox")
    home.suppliers_path.write_text(suppliers_of(town), "utf-8")
    yield home


def suppliers_of(town: Path) -> str:
    """Say who delivers the town's extracts: the police those of deaths, one office the others."""
    kinds = {kind.name for path in town.iterdir() if (kind := kind_of_file(path.name))}
    lines = [
        f"{name} = {MONTHLY if name == 'registrations' else LINE}"
        for name in sorted(kinds - {"deaths"})
    ]
    text = '["人社局"]\ncontact = "王工"\n["人社局".kinds]\n' + "\n".join(lines)
    return text + f'\n["公安分局"]\ncontact = "李警官"\n["公安分局".kinds]\ndeaths = {LINE}\n'


def night(home: Home, days: int = 0) -> dict[str, Any]:
    day = AS_OF + timedelta(days=days)
    return run_night(NightRequest(home, day, inbox=True, waiting=at(day)), Progress())


@pytest.fixture(scope="module")
def first(fed: Home) -> dict[str, Any]:
    """The first night's summary."""
    return night(fed)


def test_a_night_from_the_inbox_decides_as_one_from_a_drop(
    fed: Home, first: dict[str, Any], run_home: tuple[Path, dict[str, Any]]
) -> None:
    summary = first
    assert summary["counts"] == run_home[1]["counts"]
    assert {one["state"] for one in summary["deliveries"]} == {"fresh"}
    assert summary == night(fed), "the same night again is the same run"
    told = replay(fed, summary["run_id"], from_raw=True)
    assert told["verdict"] == "identical"
    assert told["files_same_to_the_byte"] == told["files"]


@pytest.mark.usefixtures("first")
def test_a_later_night_says_how_old_its_extracts_are(fed: Home) -> None:
    late = night(fed, 1)
    states = {one["kind"]: (one["state"], one["age_days"]) for one in late["deliveries"]}
    assert states["deaths"] == ("late", 1) and states["registrations"] == ("old", 1)
    assert any("late of 公安分局: deaths" in said for said in late["warnings"])
    page = Path(late["paths"]["report"]).read_text("utf-8")
    section = page.partition("本夜所用数据")[2].partition("逐个文件")[0]
    assert section.count("<tr>") == len(late["deliveries"]) + 1
    assert "迟到" in section and "沿用" in section and "2020-03-31" in section


@pytest.mark.usefixtures("first")
def test_what_is_too_old_stops_only_the_policies_that_read_it(fed: Home) -> None:
    inbox, day = fed.root / "inbox", AS_OF + timedelta(days=2)
    taken = inbox / "taken" / str(AS_OF) / "inbox"
    for path in taken.iterdir():
        kind = kind_of_file(path.name)
        if kind is not None and kind.name != "deaths":
            shutil.copy(path, inbox)
    (inbox / "_READY").touch()
    summary = night(fed, 2)
    not_run = {name for name, one in summary["policies"].items() if one["status"] == "not_run"}
    assert not_run and not_run < set(summary["policies"])
    for name in not_run:
        assert summary["policies"][name]["reason"] == "extract too old, not used any more: deaths"
    states = {one["kind"]: one["state"] for one in summary["deliveries"]}
    assert states.pop("deaths") == "too_old" and set(states.values()) == {"same"}
    assert set(states) < set(KINDS) and day.isoformat() == summary["as_of"]


def test_a_copy_takes_nothing_out_of_the_inbox_of_its_home(
    first: dict[str, Any],
    town: Path,
    empty_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, copy, inbox = Home(tmp_path / "home"), Home(tmp_path / "copy"), tmp_path / "inbox"
    text = suppliers_of(town)
    for one in (home, copy):
        shutil.copytree(empty_home, one.root)
        one.suppliers_path.write_text(f'inbox = "{inbox}"\n{text}', "utf-8")
    shutil.copytree(town, inbox / "人社局")
    there = sorted(inbox.rglob("*"))
    monkeypatch.setattr(whole, "place_of", lambda h: PLACE if h == home else str(h.root))
    with pytest.raises(DropRefusedError, match="this is a copy of home") as refused:
        night(copy)
    assert str(inbox) in str(refused.value) and "副本" in in_chinese(str(refused.value))
    # Nor through links out of an inbox inside itself.
    copy.suppliers_path.write_text(text, "utf-8")
    (copy.root / "inbox").mkdir()
    (copy.root / "inbox" / "人社局").symlink_to(inbox / "人社局")
    with pytest.raises(DropRefusedError, match="this is a copy of home"):
        night(copy)
    assert sorted(inbox.rglob("*")) == there and not copy.deliveries_path.exists()
    (copy.root / "inbox" / "人社局").unlink()
    shutil.copytree(town, copy.root / "inbox", dirs_exist_ok=True)
    alone = night(copy)
    assert alone["run_id"] == first["run_id"], "from an inbox of its own it is the same night"
    # What the copy had to leave, the home takes.
    take_all(home, AS_OF)
    assert not list((inbox / "人社局").glob("*.csv"))
