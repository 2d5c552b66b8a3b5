"""What is aimed at is told beside what was found, and a run that no disk can hold is refused."""

from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from bench import aims, needs

GB = 1_000_000_000
Usage = namedtuple("Usage", "total used free")


def size(persons: int, seconds: float) -> dict[str, Any]:
    stretches = [name + ending for name in aims.STRETCHES for ending in ("", "_cpu")]
    return {
        **dict.fromkeys(stretches, seconds),
        **{
            f"{name}_ratio{ending}": 1.6
            for name in ("determining", "all")
            for ending in ("", "_cpu")
        },
        "persons": persons,
        "peaks": {"ingest": 2048, "run": 5120},
    }


def test_growth_is_told_from_a_million() -> None:
    sizes = [size(100_000, 9.0), size(1_000_000, 60.0), size(3_000_000, 198.0)]
    told = [found.line() for found in aims.grown(sizes)]
    assert len(told) == len(aims.STRETCHES)
    assert all("1,000,000 to 3,000,000" in line and "1.10 not met" in line for line in told)


def test_every_figure_says_if_it_meets_its_aim() -> None:
    peaks_and_ratios = [found.line() for found in aims.sized(size(1_000_000, 60.0))]
    ingest, run, rules, whole = peaks_and_ratios
    assert ingest.endswith(" 2.00 met") and run.endswith(" 5.00 not met")
    assert "wall   1.60 not met" in rules and rules.endswith("1.60 not met")
    assert "wall   1.60 met" in whole and whole.endswith("1.60 met")


def test_two_workers_stand_beside_one_process() -> None:
    forms = [
        {"form": "16", "seconds": 50.0, "cpu": 100.0, "cpu_of_workers": 0.0},
        {"form": "dask", "seconds": 60.0, "cpu": 40.0, "cpu_of_workers": 70.0},
        {"form": "whole", "seconds": 40.0, "cpu": 80.0, "cpu_of_workers": 0.0},
    ]
    found = list(aims.clustered(forms))
    assert [(one.wall, one.cpu) for one in found] == [(1.2, 1.1), (1.5, 1.375)]


@pytest.mark.parametrize(("free", "is_refused"), [(10 * GB, True), (500 * GB, False)])
def test_what_no_disk_can_hold_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: int,
    is_refused: bool,
) -> None:
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda _folder: Usage(0, 0, free))
    if is_refused:
        with pytest.raises(SystemExit, match=r"GB are needed and 10\.0 GB are free"):
            needs.tell([1_000_000, 10_000_000], 3, tmp_path)
    else:
        needs.tell([1_000_000, 10_000_000], 3, tmp_path)
    told = capsys.readouterr().out
    assert "10,000,000 persons:" in told and "GB of disk" in told
    assert f"{free / GB:.1f} GB free" in told
