"""The engine against a second reading of the rules, on random towns crowded with edges.

`tests/reading` says the rules once more, row by row in plain Python, written from the rules and
not from the SQL. Both must give the same outcomes, amounts and reasons, row for row.
"""

import tempfile
from collections import Counter
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town.planted import CAST
from data_samples.town.scene_rows import typed_tables
from flows.night.determine import Determined, determine
from sql.texts import policy_cards
from tests.reading import monthly, relief, watch_employers, watch_persons, watch_staff, yearly
from tests.reading.basics import Row
from tests.reading.deciding import Key, decide
from tests.reading.facts import Facts
from tests.reading.town_rows import Town
from tests.reading.towns import random_town
from tests.reading.two_towns import jobs_in_two_towns
from tests.rules.golden import paid_lines_of
from tests.rules.golden_run import write_tables

HOUSEHOLDS = 45
READINGS: dict[str, Any] = {
    name: getattr(module, name)
    for module in (yearly, monthly, relief)
    for name in policy_cards()
    if hasattr(module, name)
}
WATCHING: dict[str, Any] = {
    name: getattr(module, name)
    for module in (watch_employers, watch_persons, watch_staff)
    for name in policy_cards()
    if hasattr(module, name)
}
OFTEN_UNDETERMINED = (
    *("benefit_to_retirement", "disability_levy_relief", "graduate_hire_insurance"),
    *("assistance_referral", "capacity_reduction_help", "housing_fund_relief"),
    *("incubator_extension", "stability_refund", "public_post_extension", "youth_training"),
)
# The last two are after the end of most spans: what runs then must still agree.
DAYS = (
    *(date(2020, 3, 31), date(2020, 4, 1), date(2020, 6, 15), date(2020, 12, 31)),
    *(date(2021, 3, 10), date(2021, 6, 30), date(2021, 11, 5), date(2022, 2, 28)),
)


def test_every_policy_of_the_sample_town_is_read_a_second_time() -> None:
    shown = {name for name in policy_cards() if (CAST / f"{name}.yaml").is_file()}
    assert shown <= {*READINGS, *WATCHING} and len(shown) >= 26


@pytest.mark.parametrize("seed", range(len(DAYS)))
def test_engine_and_reading_agree(seed: int) -> None:
    _, told = differences(seed, DAYS[seed % len(DAYS)])
    assert not told


def test_the_towns_are_worth_it() -> None:
    outcomes, reasons = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for seed, day in enumerate(DAYS[:6]):
        facts = Facts(random_town(seed, day, HOUSEHOLDS).tables, day)
        for name in (*READINGS, *WATCHING):
            for outcome, _, missing, _ in read(name, facts).values():
                outcomes[name, outcome] += 1
                reasons.update((name, provision) for provision in missing)
    for name in (*READINGS, *WATCHING):
        assert outcomes[name, "eligible"] and outcomes[name, "ineligible"], name
    for name in OFTEN_UNDETERMINED:
        assert outcomes[name, "undetermined"], name
    for name in WATCHING:
        for provision in policy_cards()[name].provision_names:
            assert reasons[name, provision], f"{name}: {provision} holds in every town"


@pytest.mark.parametrize("seed", range(4))
def test_engine_and_reading_find_the_same_jobs_in_two_towns(seed: int) -> None:
    town = random_town(seed, DAYS[seed], HOUSEHOLDS)
    found = run_engine(town).findings.filter(pl.col("finding") == "jobs_in_two_towns")
    expected = [
        (
            person,
            f"at work in {one} and {other} in the same {len(both)} months, the last {both[-1]}",
        )
        for (person, one, other), both in jobs_in_two_towns(Facts(town.tables, DAYS[seed])).items()
    ]
    assert sorted(found.select("subject_id", "detail").rows()) == sorted(expected) and expected


def differences(seed: int, day: date) -> tuple[int, list[str]]:
    """Compare engine and reading on one town: the number of rows, and what differs."""
    town = random_town(seed, day, HOUSEHOLDS)
    determined, facts = run_engine(town), Facts(town.tables, day)
    rows, told = 0, []
    for name in (*READINGS, *WATCHING):
        status = determined.policies[name]
        if status.status != "ran":
            assert "not in force" in str(status.reason), f"{name} on {day}: {status.reason}"
            continue
        expected = read(name, facts)
        shown = {fact for row in expected.values() for fact in row[-1]}
        found = rows_of(determined, name, shown)
        rows += len(found)
        differing = [key for key in expected | found if expected.get(key) != found.get(key)]
        told += [
            f"{name} on {day}: {key}: reading {expected.get(key)}, engine {found.get(key)}"
            for key in sorted(differing)[:5]
        ]
    return rows, told


def read(name: str, facts: Facts) -> dict[Key, tuple[Any, ...]]:
    """Give outcome, amount and reasons of a policy's rows, and the facts that a list shows."""
    if name in READINGS:
        return {key: (*said, {}) for key, said in READINGS[name](facts).items()}
    watched = WATCHING[name](facts)
    return {key: (*decide(said, fen), shown) for key, (said, fen, shown) in watched.items()}


def run_engine(town: Town) -> Determined:
    tables = typed_tables({kind: [dict(row) for row in rows] for kind, rows in town.tables.items()})
    with tempfile.TemporaryDirectory() as folder:
        paths = write_tables(tables, Path(folder))
        return determine(paths, town.as_of, paid_lines_of([]), threads=1)


def rows_of(
    determined: Determined, policy: str, shown: Collection[str]
) -> dict[Key, tuple[Any, ...]]:
    rows = determined.determinations.filter(pl.col("policy_id") == policy)
    facts = {
        key_of(row): {name: row[name] for name in shown}
        for row in determined.policy_rows(policy).iter_rows(named=True)
    }
    return {
        key_of(row): (
            row["outcome"],
            row["amount_fen"],
            tuple(sorted(row["reason_codes"])),
            facts[key_of(row)],
        )
        for row in rows.iter_rows(named=True)
    }


def key_of(row: Row) -> Key:
    return row["period"], row["subject_id"], row["beneficiary_id"]
