"""A home with several nights, releases and returns between them; and the same town told anew."""

import csv
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.money.release import release_batch
from flows.money.settle import settle_batch
from flows.money.sign import sign_batch
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.ceremony import key_of
from tests.conftest import AS_OF

JOBS = "就业登记.csv"


def run(home: Home, drop: Path, as_of: date) -> dict[str, Any]:
    return run_night(NightRequest(home, as_of, drop=drop), Progress())


def release(home: Home, batch_id: str) -> list[str]:
    """Sign and release a batch; return its payments."""
    for role in ("reviewer", "approver"):
        sign_batch(home, batch_id, role, key_of(home, role))
    release_batch(home, batch_id)
    instructions = pl.read_parquet(home.batches / batch_id / "instructions.parquet")
    return sorted(instructions["payment_id"].to_list())


def settle(home: Home, batch_id: str, *lines: str) -> None:
    path = home.root.parent / f"return-{len(lines)}.txt"
    path.write_bytes("\r\n".join(lines).encode("gb18030"))
    settle_batch(home, batch_id, path)


def told_anew(drop: Path, into: Path, change: Callable[[list[dict[str, str]]], None]) -> Path:
    """Copy a drop with its registered jobs changed, and without its delivery note's digest."""
    shutil.copytree(drop, into)
    path = into / JOBS
    text = path.read_text(encoding="gb18030")
    rows = list(csv.DictReader(text.splitlines()))
    change(rows)
    with path.open("w", encoding="gb18030", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    note = into / "交接单.csv"
    kept = [line for line in note.read_text("utf-8-sig").splitlines() if JOBS not in line]
    note.write_text("\n".join([*kept, ""]), encoding="utf-8-sig")
    return into


@pytest.fixture(scope="session")
def nights(
    town: Path, run_home: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, list[str]]:
    """Five nights: paid after the first, one payment come back, facts and the day changed."""
    place = tmp_path_factory.mktemp("nights")
    shutil.copytree(run_home[0], place / "home")
    home, summaries = Home(place / "home"), [run_home[1]]
    paid = summaries[0]["batches"][0]
    payments = release(home, paid)
    summaries.append(run(home, town, date(2020, 4, 1)))
    settle(home, paid, f"{payments[0]}|失败|销户|20200402")
    summaries.append(run(home, town, date(2020, 4, 2)))
    shorter = told_anew(town, place / "shorter", lambda rows: hired_shorter(home, rows))
    summaries.append(run(home, shorter, date(2020, 4, 3)))
    for batch_id in summaries[-1]["batches"][:1]:
        release(home, batch_id)
    summaries.append(run(home, town, date(2020, 4, 30)))
    return home, [summary["run_id"] for summary in summaries]


def hired_shorter(home: Home, rows: list[dict[str, str]]) -> None:
    """Let the contract of one person who is entitled for being hired end after half a year."""
    hired = eligible(home, "new_hire_subsidy")["subject_id"].to_list()
    row = next(r for r in rows if r["社会保障号码"] in hired and r["合同类别"] == "固定期限")
    row["合同结束日期"] = "2020-08-01"


def eligible(home: Home, policy: str, run_id: str = "") -> pl.DataFrame:
    folder = home.runs / run_id if run_id else next(home.runs.glob("R*"))
    rows = pl.read_parquet(folder / "determinations.parquet")
    return rows.filter((pl.col("policy_id") == policy) & (pl.col("outcome") == "eligible"))


__all__ = ["AS_OF", "eligible"]
