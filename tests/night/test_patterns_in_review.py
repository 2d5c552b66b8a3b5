"""From a drop to the reviewers: wages to a dead person stand in review.xlsx, of the payee."""

import io
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.conftest import AS_OF
from transforms.words import word

FINDING = "payroll_after_end"


def wage_earner(home: Home) -> tuple[str, str, str]:
    """Return a payee of the refund, and whom it paid wages in August 2019."""
    lines = pl.concat([pl.read_parquet(path) for path in home.batches.glob("*/lines.parquet")])
    wages = pl.concat([pl.read_parquet(path) for path in home.snapshots.rglob("payroll*.parquet")])
    paid = lines.filter(pl.col("policy_id") == "stability_refund").join(
        wages.filter(pl.col("month") == 201908, pl.col("gross_fen") > 0),
        left_on="beneficiary_id",
        right_on="employer_code",
    )
    found: tuple[str, str, str] = (
        paid.sort("beneficiary_id", "person_id")
        .select("beneficiary_id", "person_id", "name")
        .row(0)
    )
    return found


def clues_of(home: Home, payee: str) -> list[str]:
    """Return what the sheet of doubts says of a payee, in every batch of the home."""
    clues = []
    for path in home.batches.glob("*/review.xlsx"):
        rows = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))[word("sheet_doubts")].values
        told = [[str(cell) for cell in row] for row in rows]
        clues += [" ".join(row) for row in told if payee in row and word(FINDING) in row]
    return clues


def test_wages_to_a_dead_person_stand_in_the_review(
    town: Path, empty_home: Path, run_home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    payee, person, name = wage_earner(Home(run_home[0]))
    assert clues_of(Home(run_home[0]), payee) == []
    drop, home = tmp_path / "drop", Home(tmp_path / "home")
    shutil.copytree(town, drop)
    shutil.copytree(empty_home, home.root)
    told = f"姓名,社会保障号码,死亡日期\n{name},{person},2019-06-10\n"
    (drop / "死亡信息_补.csv").write_text(told, "utf-8")
    summary = run_night(NightRequest(home, AS_OF, drop=drop), Progress())
    found = pl.read_parquet(home.runs / summary["run_id"] / "findings.parquet").filter(
        pl.col("finding") == FINDING
    )
    assert found["subject_id"].to_list() == [payee] and person in found["detail"][0]
    (clue,) = clues_of(home, payee)
    assert f"人员、其后发薪月数、首月、末月：{person}, " in clue
    assert word("source_payroll_after_end") in clue and name not in clue
