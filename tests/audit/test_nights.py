"""What there is: nights, snapshots, the index page, the scheduled audit."""

import re
from pathlib import Path

import pytest

from flows.answers.nights import (
    find_run,
    list_nights,
    list_snapshots,
    night_lines,
    shortened,
    snapshot_lines,
    write_index,
)
from flows.audit.scheduled import drawn
from flows.cli.console import app, run_command
from flows.store import Home
from transforms.errors import DropRefusedError, UsageError


def test_nights_are_listed_the_newest_first(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    listed = list_nights(home)
    assert [night["run_id"] for night in listed] == list(reversed(runs))
    assert listed[0]["is_latest"] and "(latest)" in night_lines(listed)[0]
    first = listed[-1]
    assert len(first["signed_by"]) == 2
    assert {batch["state"] for batch in first["batches"]} >= {"released"}
    snapshots = list_snapshots(home)
    assert sum(len(one["runs"]) for one in snapshots) == len(runs)
    assert len(snapshot_lines(snapshots)) == len(snapshots) == 2
    for command in ("runs", "snapshots"):
        assert run_command(app, [command, "--home", str(home.root), "--json"]) == 0


def test_an_id_is_short_where_it_means_one(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    for run_id, short in shortened(runs).items():
        assert find_run(home, short) == find_run(home, run_id) == run_id
    assert find_run(home, "latest") == runs[-1]
    for wrong in ("R", "Rxyz", ""):
        with pytest.raises(UsageError, match="wuxing runs"):
            find_run(home, wrong)
    with pytest.raises(DropRefusedError, match="no home"):
        list_nights(Home(Path("nowhere")))


def test_the_index_links_to_what_is_there(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    write_index(home)
    page = (home.root / "index.html").read_text("utf-8")
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) > len(runs) and all((home.root / link).is_file() for link in links)
    assert not re.search(r"[0-9]{17}[0-9X]", page), "no person on it"


def test_nights_are_drawn_by_the_seed_and_nobody_picks(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    assert drawn(home, 2, "a") == drawn(home, 2, "a") and set(drawn(home, 9, "b")) == set(runs)
    assert len({tuple(drawn(home, 2, str(seed))) for seed in range(9)}) > 1
