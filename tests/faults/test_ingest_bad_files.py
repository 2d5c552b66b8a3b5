"""Every bad drop ends in one clear message with its exit code, and leaves nothing behind."""

from pathlib import Path

import pytest

from flows.ingest.drop import ingest_drop
from tests.faults.bad_files.drops import BAD_DROPS, UNITS, BadDrop
from tests.ingest.ingest_drops import JIA, ZHANG, write_drop
from transforms.errors import DropRefusedError


@pytest.mark.parametrize("bad", BAD_DROPS, ids=lambda bad: str(bad.why))
def test_a_bad_drop_is_refused_whole(tmp_path: Path, bad: BadDrop) -> None:
    drop, snapshots = write_drop(tmp_path, bad.files), tmp_path / "snapshots"
    with pytest.raises(DropRefusedError) as refused:
        ingest_drop(drop, snapshots)
    said = str(refused.value)
    for word in bad.says:
        assert word in said
    assert refused.value.exit_code == 10
    assert not any(secret in said for secret in (ZHANG, "张三", JIA))
    assert not snapshots.exists() or not list(snapshots.iterdir())


def test_a_drop_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DropRefusedError, match="is no folder"):
        ingest_drop(tmp_path / "nowhere", tmp_path / "snapshots")


def test_a_bad_file_in_a_folder_of_a_drop(tmp_path: Path) -> None:
    drop = write_drop(tmp_path, {"insured_units.csv": UNITS})
    (drop / "payroll").mkdir()
    (drop / "payroll" / "工资.csv").write_text("x", encoding="utf-8")
    with pytest.raises(DropRefusedError, match=r"工资\.csv: can't tell"):
        ingest_drop(drop, tmp_path / "snapshots")


def test_nothing_is_read_before_every_file_is_known(tmp_path: Path) -> None:
    drop = write_drop(tmp_path, {"insured_units.csv": "锟斤拷", "zzz.csv": ""})
    with pytest.raises(DropRefusedError, match=r"zzz\.csv"):
        ingest_drop(drop, tmp_path / "snapshots")


def test_there_are_enough_bad_files() -> None:
    assert len(BAD_DROPS) >= 40
