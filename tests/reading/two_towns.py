"""Persons with jobs in two towns at once (rulebook §4.6) in plain Python."""

from collections import defaultdict
from itertools import combinations

from tests.reading.basics import month_of, town_of
from tests.reading.facts import SELF, Facts
from tests.reading.law import number

Towns = tuple[str, str, str]


def jobs_in_two_towns(facts: Facts) -> dict[Towns, list[int]]:
    """Give the months in which somebody has a job in each of two towns, if they are enough."""
    jobs = {(person, payer, month) for person, payer, _, month in facts.insured if payer != SELF}
    jobs |= {
        (row["person_id"], row["employer_code"], row["month"])
        for row in facts.tables["payroll"]
        if row["net_fen"] > 0
    }
    jobs |= {
        (row["person_id"], row["employer_code"], month_of(row["worked_on"]))
        for row in facts.tables["attendance"]
    }
    months: dict[tuple[str, str], set[int]] = defaultdict(set)
    for person, employer, month in jobs:
        town = town_of(facts.registration.get(employer, {}).get("division_code"))
        if town is not None:
            months[person, town].add(month)
    found = {
        (person, one, other): sorted(months[person, one] & months[person, other])
        for (person, one), (same, other) in combinations(sorted(months), 2)
        if person == same
    }
    least = number("two_towns_months", facts.as_of)
    return {key: both for key, both in found.items() if len(both) >= least}
