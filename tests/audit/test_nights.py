"""What there is: nights, snapshots, the index page, the scheduled audit."""

import json
import os
import re
from pathlib import Path
from unittest.mock import patch

import pytest

from flows.answers.nights import (
    find_run,
    list_nights,
    list_snapshots,
    lists_by_night,
    night_lines,
    shortened,
    snapshot_lines,
    write_index,
)
from flows.audit.scheduled import drawn
from flows.cli.console import app, run_command
from flows.store import Home, read_manifest
from tests.ceremony import PASSPHRASE
from transforms.errors import DropRefusedError, UsageError
from transforms.money.batch_states import LEFT_BEHIND, RESERVING_STATES
from transforms.words import catalogue


def test_nights_are_listed_the_newest_first(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    listed = list_nights(home)
    assert [night["run_id"] for night in listed] == list(reversed(runs))
    assert listed[0]["is_latest"] and "(latest)" in night_lines(listed)[1]
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
    assert "没有任何个人信息" not in page and "除签名人的姓名外" in page, "it names who signed"
    manifest = home.runs / runs[0] / "manifest.json"
    content = manifest.read_text("utf-8")
    manifest.write_text(json.dumps({**json.loads(content), "warnings": ["a"]}), "utf-8")
    write_index(home)
    manifest.write_text(content, "utf-8")
    assert (home.root / "index.html").read_text("utf-8").count("有提醒") > page.count("有提醒")


def test_every_state_of_a_batch_has_a_word() -> None:
    states = {"draft", *RESERVING_STATES, *LEFT_BEHIND}
    assert {f"batch_{state}" for state in states} <= {*catalogue()}


def test_the_index_links_to_both_copies_for_the_reviewer(home_after_run: Home) -> None:
    write_index(home_after_run)
    text = (home_after_run.root / "index.html").read_text(encoding="utf-8")
    for batch in home_after_run.batches.iterdir():
        for name in ("review.html", "review.xlsx"):
            assert f'href="batches/{batch.name}/{name}"' in text


def test_the_index_follows_a_signature(home_after_run: Home) -> None:
    home = home_after_run
    batch = list_nights(home)[0]["batches"][0]["batch_id"]
    before = (home.root / "index.html").read_text("utf-8")
    assert "已签名</span>" not in before
    words = ["sign", batch, "--role", "reviewer", "--key", str(home.root / "reviewer.key")]
    with patch.dict(os.environ, {"WUXING_PASSPHRASE": PASSPHRASE}):
        assert run_command(app, [*words, "--home", str(home.root)]) == 0
    assert "已签名</span>" in (home.root / "index.html").read_text("utf-8")


def test_nights_are_drawn_by_the_seed_and_nobody_picks(nights: tuple[Home, list[str]]) -> None:
    home, runs = nights
    assert drawn(home, 2, "a") == drawn(home, 2, "a") and set(drawn(home, 9, "b")) == set(runs)
    assert len({tuple(drawn(home, 2, str(seed))) for seed in range(9)}) > 1


def test_the_homes_page_sets_lists_against_the_last_nights(
    nights: tuple[Home, list[str]],
) -> None:
    home, runs = nights
    told = lists_by_night(home, list_nights(home), {"youth_training": "培训"})
    assert told["days"] == ["2020-03-31", "2020-04-01", "2020-04-02", "2020-04-03", "2020-04-30"]
    counts = [read_manifest(home.runs / run, "run")["counts"]["lists"] for run in runs]
    (row,) = (row for row in told["rows"] if row["title"] == "培训")
    assert row["counts"] == [one["youth_training"] for one in counts]
    assert '<h2 id="lists">' in (home.root / "index.html").read_text(encoding="utf-8")
    for run_id in runs:
        page = (home.runs / run_id / "trend.html").read_text(encoding="utf-8")
        assert "各次运行" in page and '<a href="trend.html">' in (
            home.runs / run_id / "report.html"
        ).read_text(encoding="utf-8")
