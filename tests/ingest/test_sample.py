"""The sample: same seed same bytes, every provision on both sides, every defect told beforehand."""

import csv
import errno
import os
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from data_samples.town import planted, write
from data_samples.town.background import complete
from data_samples.town.labels import text_table
from data_samples.town.planted import planted_cast
from data_samples.town.write import write_sample
from flows.ingest.drop import ingest_drop
from sql.texts import policy_cards
from tests.conftest import AS_OF
from transforms.amounts import read_rates
from transforms.errors import UsageError


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sample(tmp_path / name / "drop", 120, 5, AS_OF, dirty=True)
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert written
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


# Who adds a policy may plant its cast later.
WITH_A_CAST = [name for name in policy_cards() if (planted.CAST / f"{name}.yaml").is_file()]


@pytest.fixture(scope="module")
def cast() -> planted.Planted:
    return planted_cast(AS_OF)


@pytest.mark.parametrize("policy", WITH_A_CAST)
def test_every_provision_occurs_on_both_sides(policy: str, cast: planted.Planted) -> None:
    rows = cast.expected.filter(pl.col("policy_id") == policy)
    assert rows.filter(pl.col("outcome") == "eligible").height > 0
    never = set(cast.not_reachable.select("policy_id", "provision").iter_rows())
    for provision in policy_cards()[policy].provision_names:
        alone = rows.filter(pl.col("reason_codes") == provision)
        assert alone.height or (policy, provision) in never, provision


def test_every_defect_is_set_aside_under_its_rule(tmp_path: Path) -> None:
    write_sample(tmp_path / "drop", 120, 5, AS_OF, dirty=True)
    snapshot = ingest_drop(tmp_path / "drop", tmp_path / "snapshots")
    quarantine = pl.read_parquet(snapshot.folder / "quarantine.parquet")
    found = set(quarantine.select("kind", "source_file", "source_line", "rule").iter_rows())
    with (tmp_path / "truth" / "quarantine.csv").open(encoding="utf-8-sig", newline="") as stream:
        told = {(r["kind"], r["file"], int(r["line"]), r["rule"]) for r in csv.DictReader(stream)}
    assert told and found == told
    repairs = pl.read_parquet(snapshot.folder / "repairs.parquet")
    repaired = set(repairs.select("kind", "source_file", "source_line", "column").iter_rows())
    with (tmp_path / "truth" / "repairs.csv").open(encoding="utf-8-sig", newline="") as stream:
        wanted = {
            (r["kind"], r["file"], int(r["line"]), r["column"]) for r in csv.DictReader(stream)
        }
    assert wanted and repaired == wanted


def test_rates_are_written_in_three_ways_and_read_as_they_are() -> None:
    fund = pl.DataFrame({"unit_rate_bp": range(10_001)}, schema={"unit_rate_bp": pl.Int64})
    written = text_table("housing_fund", complete("housing_fund", fund))["单位缴存比例"]
    assert written.gather([1200, 1201, 1202]).to_list() == ["12", "12.01%", "0.1202"]
    assert read_rates(written).to_list() == fund["unit_rate_bp"].to_list()


def test_a_day_without_scenes_has_no_cast() -> None:
    assert planted_cast(date(2021, 6, 30)).tables == {}


def test_a_disk_that_is_full_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(write, "_write_truth", fail)
        with pytest.raises(OSError, match="No space"):
            write_sample(tmp_path / "drop", 20, 1, AS_OF)
    assert list(tmp_path.iterdir()) == []
    write_sample(tmp_path / "drop", 20, 1, AS_OF)


@pytest.mark.parametrize("place", ["drop", "truth"])
def test_nothing_is_overwritten(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir()
    (tmp_path / place / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_sample(tmp_path / "drop", 50, 1, AS_OF)
    assert [path.name for path in tmp_path.iterdir()] == [place], "nothing else is left behind"


def test_the_committed_town_is_what_the_command_writes(tmp_path: Path) -> None:
    committed = Path(__file__).parent.parent.parent / "data_samples"
    write_sample(tmp_path / "drop", 150, 20200326, AS_OF, employers=12)
    for path in sorted((committed / "truth").iterdir()):
        assert path.read_bytes() == (tmp_path / "truth" / path.name).read_bytes(), path.name
    for path in sorted((committed / "drop").glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "drop" / path.name).read_bytes(), path.name


def test_another_cast_changes_no_id_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = planted_cast(AS_OF).tables
    shutil.copytree(planted.CAST, tmp_path / "cast")
    scenes = (planted.CAST / "youth_training.yaml").read_text(encoding="utf-8")
    (tmp_path / "cast" / "another_training.yaml").write_text(scenes, encoding="utf-8")
    monkeypatch.setattr(planted, "CAST", tmp_path / "cast")
    joined = planted_cast(AS_OF).tables
    for kind, table in alone.items():
        assert table.join(joined[kind], on=table.columns, how="anti", nulls_equal=True).is_empty()
    assert joined["unemployment"].height > alone["unemployment"].height
