"""What holds of every policy at once, on one town made of all golden cases of a day."""

import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from flows.night.determine import Determined, determine
from tests.rules.golden import Case, paid_lines_of, tables_of
from tests.rules.golden_run import all_cases, background, case_number_of, write_tables

COMMON_DAY = Counter(case.as_of for case in all_cases()).most_common(1)[0][0]


def town() -> list[Case]:
    """Gather the cases of the day that most cases have, and the background."""
    cases = [
        case
        for case in all_cases()
        if case.as_of == COMMON_DAY and not case.parameters and not case.alone
    ]
    return [*cases, background(COMMON_DAY)]


def run(cases: list[Case], threads: int = 1, seed: int | None = None, parts: int = 1) -> Determined:
    """Determine all policies; shuffle all rows by a seed, store big kinds in parts."""
    tables = tables_of(cases, ())
    if seed is not None:
        tables = {
            name: frame.sample(fraction=1.0, shuffle=True, seed=seed)
            for name, frame in tables.items()
        }
    with tempfile.TemporaryDirectory() as folder:
        paths = write_tables(tables, Path(folder))
        if parts > 1:
            paths |= {
                name: _in_buckets(tables[name], name, Path(folder), parts)
                for name in ("contributions", "payroll", "attendance")
            }
        return determine(paths, COMMON_DAY, paid_lines_of(cases), threads=threads)


def _in_buckets(frame: pl.DataFrame, name: str, folder: Path, parts: int) -> list[Path]:
    """Write a table in buckets by person, as ingest does with a big one."""
    paths = []
    for part in range(parts):
        path = folder / f"{name}-{part:02d}.parquet"
        frame.filter(pl.col("person_key") % parts == part).write_parquet(path)
        paths.append(path)
    return paths


@cache
def whole_town() -> Determined:
    return run(town())


def test_the_town_is_worth_the_name() -> None:
    determinations = whole_town().determinations
    assert determinations["policy_id"].n_unique() >= 10
    assert set(determinations["outcome"]) == {"eligible", "ineligible", "undetermined"}
    assert determinations.height > 400


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    shuffled = run(town(), seed=seed)
    assert shuffled.determinations.equals(whole_town().determinations)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_nothing(threads: int) -> None:
    again = run(town(), threads=threads)
    assert again.determinations.equals(whole_town().determinations)
    assert again.warnings == whole_town().warnings


@pytest.mark.parametrize("parts", [2, 5])
def test_person_buckets_change_nothing(parts: int) -> None:
    bucketed = run(town(), seed=7, parts=parts)
    assert bucketed.determinations.equals(whole_town().determinations)


@pytest.mark.parametrize("half", [0, 1])
def test_unrelated_people_and_employers_change_nothing(half: int) -> None:
    cases = [case for case in town()[:-1] if case.number % 2 == half]
    numbers = {case.number for case in cases}
    alone = of_cases(run([*cases, background(COMMON_DAY)]).determinations, numbers)
    together = of_cases(whole_town().determinations, numbers)
    assert alone.equals(together)


def of_cases(determinations: pl.DataFrame, numbers: set[int]) -> pl.DataFrame:
    """Keep the determinations about the people, employers and households of some cases."""
    kept = [
        case_number_of(kind, identifier) in numbers
        for kind, identifier in determinations.select("subject_kind", "subject_id").iter_rows()
    ]
    return determinations.filter(pl.Series(kept, dtype=pl.Boolean))


def test_every_outcome_follows_from_its_reasons_and_amount() -> None:
    for row in whole_town().determinations.iter_rows(named=True):
        assert (row["outcome"] == "eligible") == (not row["reason_codes"])
        assert row["amount_fen"] >= 0
        assert row["outcome"] == "eligible" or row["amount_fen"] == 0
        assert row["reason_codes"] == sorted(set(row["reason_codes"]))


def test_a_determination_is_told_once() -> None:
    keys = whole_town().determinations.drop("outcome", "amount_fen", "reason_codes")
    assert keys.height == keys.unique().height
