"""The terminal speaks one language at a time: in Chinese it leaves no English words."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.cli.console import app, run_command

# Ids, codes, options, paths, formulas, digests, files of a snapshot: what is typed or looked up.
NAMES = re.compile(
    r"`[^`]*`|--[\w-]+|/[\w./-]+|\$?[a-z]\w*_\w+|[\w-]+\.(csv|xlsx|parquet|html|toml|lock|yaml)\S*|"
    r"(checks|policies|lists)/\S+|\[\w+\]|\b[A-Z]{0,2}[0-9a-f]{5,}\b"
)
ENGLISH = re.compile(r"\b[a-z]{2,}\b")
PROGRAMS = {
    "duckdb",
    "polars",
    "pyarrow",
    "systemd",
    "wuxing",
    "worker",
    "root",
    "latest",
    "xlsx",
    "greatest",
    "least",
}


def english_left(text: str) -> list[str]:
    bare = NAMES.sub(" ", text)
    return [word for word in ENGLISH.findall(bare) if word not in PROGRAMS]


def spoken(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> str:
    run_command(app, ["--lang", "zh", *words, "--home", str(home)])
    told = capsys.readouterr()
    return (told.out + told.err).replace(str(home), "")


@pytest.mark.parametrize(
    "words",
    [
        ("runs",),
        ("snapshots",),
        ("batch", "list"),
        ("verify",),
        ("key", "list"),
        ("returned",),
        ("recovery", "show"),
        ("forecast",),
        ("ledger",),
        ("status",),
        ("explain", "latest", "--person", "PERSON"),
        ("explain", "latest", "--employer", "EMPLOYER"),
        ("batch", "show", "BATCH"),
        ("release", "BATCH"),
        ("batch", "show", "BX"),
        ("settle", "BATCH", "/nowhere"),
        ("clerical", "show"),
    ],
    ids=" ".join,
)
def test_what_a_command_prints_in_chinese_has_no_english_left(
    words: tuple[str, ...],
    run_home: tuple[Path, dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, summary = run_home
    found = pl.read_parquet(Path(summary["paths"]["run"]) / "determinations.parquet")
    ids = {
        kind.upper(): found.filter(pl.col("subject_kind") == kind)["subject_id"].sort()[0]
        for kind in ("person", "employer")
    }
    ids["BATCH"] = summary["batches"][0]
    told = spoken(capsys, home, *(ids.get(word, word) for word in words))
    assert re.search("[一-鿿]", told)
    assert english_left(told) == [], told


def test_a_batch_is_shown_as_a_table_in_yuan(
    run_home: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    home, summary = run_home
    run_command(app, ["batch", "show", summary["batches"][0], "--home", str(home)])
    told = capsys.readouterr().out.splitlines()
    (heading,) = [line for line in told if "amount (元)" in line]
    (total,) = [line for line in told if line.startswith("  sum ")]
    assert len(heading) + 1 == len(total), "元 takes two cells"
    assert re.search(r"\d{1,3}(,\d{3})*\.\d\d$", total)


def test_english_left_is_noticed() -> None:
    assert english_left("结果 ineligible，0.00 元（`wuxing runs`，stability_refund）") == [
        "ineligible"
    ]
