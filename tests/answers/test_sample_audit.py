"""`wuxing sample-audit`: stratified, reproducible, a page for each, a workbook for findings."""

import json
import re
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers.sample_audit import sample_audit, sample_lines
from flows.cli.console import app, run_command
from flows.store import Home
from transforms.answers import sample as sample_module
from transforms.answers.sample import KEY, allot, draw, in_strata, population
from transforms.errors import DropRefusedError, UsageError

BY = ("policy", "outcome", "amount")


@pytest.fixture(scope="module")
def home(run_home: tuple[Path, dict[str, Any]]) -> Home:
    return Home(run_home[0])


@pytest.fixture(scope="module")
def run_id(run_home: tuple[Path, dict[str, Any]]) -> str:
    return str(run_home[1]["run_id"])


@pytest.fixture(scope="module")
def rows(home: Home, run_id: str) -> pl.DataFrame:
    folder = home.runs / run_id
    frames = (pl.read_parquet(folder / f"{n}.parquet") for n in ("determinations", "entitlements"))
    return population(*frames)


@pytest.fixture(scope="module")
def drawn(home: Home, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sample of 60 with seed 7; `told.json` beside it is what was returned."""
    folder = tmp_path_factory.mktemp("drawn") / "a"
    told = sample_audit(home, run_id, folder, 60, "7", BY)
    folder.with_name("told.json").write_text(json.dumps(told))
    return folder


def lines_of(folder: Path) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(folder / "findings.xlsx").worksheets[0]
    return [[cell.value for cell in row] for row in sheet.iter_rows(min_row=4)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_another_another_sample(
    home: Home, run_id: str, drawn: Path, tmp_path: Path
) -> None:
    told = json.loads(drawn.with_name("told.json").read_text())
    sample_audit(home, run_id, tmp_path / "b", 60, "7", BY)
    one, again = bytes_of(drawn), bytes_of(tmp_path / "b")
    assert one == again
    # With the same seed the fewer would be among the more.
    sample_audit(home, run_id, tmp_path / "c", 6, "8", BY)
    more, fewer = ({tuple(one[1:5]) for one in lines_of(at)} for at in (drawn, tmp_path / "c"))
    assert len(fewer) == 6 and not fewer <= more
    assert told["count"] == 60 == len([name for name in one if name.endswith(".html")])
    assert sum(entry["sample_count"] for entry in told["strata"]) == 60
    assert sample_lines(told)[0].startswith("60 determinations")
    assert json.loads(one["sample.json"])["seed"] == "7"
    with pytest.raises(DropRefusedError, match="nothing is overwritten"):
        sample_audit(home, run_id, drawn, 60, "7", BY)


def test_each_line_has_its_page_and_no_name_of_a_file_names_a_person(
    drawn: Path,
) -> None:
    sheet = openpyxl.load_workbook(drawn / "findings.xlsx").worksheets[0]
    lines = lines_of(drawn)
    assert len(lines) == 60
    for number, title, period, subject, payee, outcome, amount, page, *empty in lines:
        text = (drawn / str(page)).read_text(encoding="utf-8")
        assert page == f"{number:04d}.html"
        # What a list determines pays nothing, and no amount is shown.
        money = f"{float(amount):,.2f}" if float(amount) else ""
        shown = (title, period, subject, payee, outcome, money)
        assert all(str(value) in text for value in shown)
        assert empty == [None] * 5
    (choice,) = sheet.data_validations.dataValidation
    assert "无误" in choice.formula1 and str(choice.sqref) == "I4:I63"
    assert not any(re.search(r"\d{15}", path.name) for path in drawn.iterdir())


def test_every_stratum_is_looked_at_while_there_are_enough(rows: pl.DataFrame) -> None:
    assert {"payable", "held", "ineligible", "undetermined"} <= set(rows["fate"])
    strata = in_strata(rows, BY)
    names = strata["stratum"].n_unique()
    for count in (1, names - 1, names, names + 17, rows.height, rows.height + 5):
        drawn = draw(strata, count, "7")
        assert drawn.height == min(count, rows.height)
        assert drawn["stratum"].n_unique() == min(count, names)
        assert not drawn.select(KEY).is_duplicated().any()


def test_the_order_of_rows_decides_nothing_and_more_rows_drop_none(rows: pl.DataFrame) -> None:
    strata = in_strata(rows, ("policy",))
    drawn = draw(strata, 60, "7")
    assert drawn.equals(draw(strata.reverse(), 60, "7"))
    more = draw(strata, 120, "7")
    assert drawn.join(more, on=KEY, how="anti").is_empty()


def test_every_row_is_drawn_about_as_often_as_another() -> None:
    keys = {name: ["x"] * 20 for name in KEY} | {"subject_id": [str(n) for n in range(20)]}
    strata = pl.DataFrame(keys).with_columns(pl.lit("one").alias("stratum"))
    counts = dict.fromkeys(strata["subject_id"], 0)
    for seed in range(1000):
        for subject in draw(strata, 5, str(seed))["subject_id"]:
            counts[subject] += 1
    assert sum(counts.values()) == 5000
    assert min(counts.values()) > 200 and max(counts.values()) < 300


def test_shares_add_up_whatever_the_sizes() -> None:
    for count in range(40):
        wanted = allot({"a": 20, "b": 7, "c": 1, "d": 3}, count)
        assert sum(wanted.values()) == min(count, 31)
        assert all(
            number <= size for number, size in zip(wanted.values(), (20, 7, 1, 3), strict=True)
        )


def test_a_dimension_that_is_none_is_refused(home: Home, run_id: str, tmp_path: Path) -> None:
    for by in (("town",), ("policy", "policy"), ()):
        with pytest.raises(UsageError, match="--by takes"):
            sample_audit(home, run_id, tmp_path / "a", 6, "7", by)
    words = ["sample-audit", run_id, str(tmp_path / "b"), "--home", str(home.root)]
    assert run_command(app, [*words, "--n", "3", "--by", "policy,amount", "--json"]) == 0
    assert len(bytes_of(tmp_path / "b")) == 5


def test_rows_drawn_some_at_a_time_are_the_rows_drawn_at_once(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    strata = in_strata(rows, BY)
    at_once = draw(strata, 60, "7")
    monkeypatch.setattr(sample_module, "ROWS_AT_ONCE", 7)
    assert draw(strata.sample(fraction=1, shuffle=True, seed=1), 60, "7").equals(at_once)
