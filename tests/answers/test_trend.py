"""The figures of the trend page against a plain recount of a random town."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_samples.town.scene_rows import typed_tables
from flows.answers.trend import employment_trend, has_trend
from flows.night.determine import determine
from tests.reading.basics import months, plus
from tests.reading.facts import SELF, Facts
from tests.reading.towns import random_town
from tests.rules.golden import paid_lines_of
from tests.rules.golden_run import write_tables
from transforms.answers.trend import SHOWN_MONTHS

DAY = date(2020, 6, 15)


@pytest.mark.parametrize("seed", range(2))
def test_the_trend_is_what_a_plain_recount_gives(seed: int, tmp_path: Path) -> None:
    town = random_town(seed, DAY, 40)
    tables = typed_tables({kind: [dict(row) for row in rows] for kind, rows in town.tables.items()})
    determined = determine(write_tables(tables, tmp_path), DAY, paid_lines_of([]), threads=1)
    trend = employment_trend(determined.store)
    facts, last = Facts(town.tables, DAY), plus(202006, -1)
    district = {row["month"]: row for row in trend.iter_rows(named=True) if row["cell"] == ""}
    assert has_trend() and len(district) == SHOWN_MONTHS and max(district) == last
    covered: set[tuple[str, int]] = {
        (row["insurance"], row["month"]) for row in town.tables["contributions"]
    }
    for month in months(min(district), last):
        row, now = district[month], present_in(facts, month)
        before = present_in(facts, plus(month, -1))
        assert row["pension_count"] == counted(facts, "养老", month, covered)
        assert row["unemployment_count"] == counted(facts, "失业", month, covered)
        if ("养老", month) in covered:
            assert row["present_count"] == len(now)
        if {("养老", month), ("养老", plus(month, -1))} <= covered:
            assert (row["come_count"], row["gone_count"]) == (len(now - before), len(before - now))
    of_towns = Counter[int]()
    for row in trend.filter(level="town").iter_rows(named=True):
        of_towns[row["month"]] += row["present_count"] or 0
    pairs = Counter(month for (_, month), persons in facts.present.items() for _ in persons)
    assert {m: n for m, n in of_towns.items() if n} == {m: pairs[m] for m in district if pairs[m]}


def present_in(facts: Facts, month: int) -> set[str]:
    return {p for (_, m), persons in facts.present.items() if m == month for p in persons}


def counted(facts: Facts, insurance: str, month: int, covered: Any) -> int | None:
    """Count who is insured by an employer; None for a month without any row of the insurance."""
    if (insurance, month) not in covered:
        return None
    found = {p for p, u, k, m in facts.insured if u != SELF and (k, m) == (insurance, month)}
    return len(found)
