"""The night with and without candidates: nothing else moves, and each is replayed as it was."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.audit.replay import replay
from flows.money.verify import verify_home
from flows.night.identity import TABLES
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home, read_manifest
from tests.conftest import AS_OF
from transforms.answers.identity import STAKES

Nights = tuple[Home, dict[str, Any], dict[str, Any]]


def night(home: Home, drop: Path, candidates: str) -> dict[str, Any]:
    home.settings_path.write_text(f'[matching]\ncandidates = "{candidates}"\n', encoding="utf-8")
    run = run_night(NightRequest(home, AS_OF, drop=drop), Progress())
    return read_manifest(home.runs / run["run_id"], "run")


@pytest.fixture(scope="module")
def nights(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    from data_samples.town.write import write_sample

    root = tmp_path_factory.mktemp("switch")
    write_sample(root / "drop", 300, 7, AS_OF, dirty=True)
    # A supplier may name its files as it likes, before the kind too.
    (spoilt,) = (root / "drop").glob("个人缴费明细_脏数据.csv")
    spoilt.rename(spoilt.with_name(f"=1+1{spoilt.name}"))
    shutil.copytree(empty_home, root / "home")
    home = Home(root / "home")
    return home, night(home, root / "drop", "on"), night(home, root / "drop", "off")


def test_no_determination_and_no_money_moves_by_matching(nights: Nights) -> None:
    home, on, off = nights
    assert set(on["outputs"]) - set(off["outputs"]) == {*TABLES, STAKES}
    assert all(on["outputs"][name] == entry for name, entry in off["outputs"].items())
    assert off["matching"] == "off" and "matching" not in on
    drawn = [[home.batches / batch for batch in run["batches"]] for run in (on, off)]
    assert drawn[0] and len(drawn[0]) == len(drawn[1])
    for one, other in zip(*drawn, strict=True):
        a, b = (read_manifest(batch, "batch") for batch in (one, other))
        assert (a["fund"], a["control"]) == (b["fund"], b["control"])


def test_the_night_says_in_counts_who_has_candidates(nights: Nights) -> None:
    home, on, off = nights
    damaged, candidates, _ = (
        pl.read_parquet(home.runs / on["run_id"] / f"{name}.parquet") for name in TABLES
    )
    assert on["counts"]["damaged_ids"] == {"rows": 4, "with_candidates": 1}
    assert damaged.height == 4 and candidates["rank"].to_list() == [1, 2, 3]
    assert "damaged_ids" not in off["counts"]
    page = (home.runs / on["run_id"] / "report.html").read_text(encoding="utf-8")
    assert "4 行，其中 1 行列有候选人" in page
    assert not any(text in page for text in damaged["id_text"])
    listed = pl.read_csv(home.runs / on["run_id"] / "clerical_review.csv")
    assert listed.select("文件摘要", "行号").rows() == damaged.select("file_digest", "line").rows()
    assert listed["source_file"][0] == "'=1+1个人缴费明细_脏数据.csv", "no formula"
    assert listed.columns == ["数据类别", "文件摘要", "行号", "source_file", "column"]


def test_a_switch_turned_back_finds_the_night_that_stands(nights: Nights) -> None:
    home, on, _ = nights
    assert night(home, home.root.parent / "drop", "on")["run_id"] == on["run_id"]
    assert verify_home(home)


def test_a_night_without_candidates_is_replayed_as_its_manifest_says(nights: Nights) -> None:
    home, _, off = nights
    told = replay(home, off["run_id"], threads=2)
    assert told["verdict"] == "identical"
    assert told["files_same_to_the_byte"] == told["files"] > 0
