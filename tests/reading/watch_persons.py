"""Help lists about persons (rulebook §3b) in plain Python: universe, provisions, facts."""

from datetime import date

from tests.reading.basics import (
    Answer,
    add_months,
    add_years,
    agreed,
    is_man,
    month_of,
    months,
    plus,
)
from tests.reading.facts import SELF, Facts
from tests.reading.law import number
from tests.reading.watching import Watched, last_month, open_registrations, this_period

IN_NEED = ("就业困难人员", "残疾人", "建档立卡")


def capacity_reduction_help(facts: Facts) -> Watched:
    last = last_month(facts)
    back = number("capacity_look_back_months", facts.as_of, "capacity_reduction_help")
    left: dict[str, list[tuple[int, str]]] = {}
    for person, employer, insurance, month in facts.insured:
        if (
            insurance == "养老"
            and employer != SELF
            and month in months(plus(last, -back), plus(last, -1))
            and person not in facts.present.get((employer, last), ())
            and facts.listed_in_month("化解过剩产能企业", employer, month)
        ):
            left.setdefault(person, []).append((month, employer))
    found: Watched = {}
    for person, places in left.items():
        latest = max(month for month, _ in places)
        found[this_period(facts), person, person] = (
            {
                "s10_not_reemployed": not facts.employed(person),
                "s10_before_retirement": agreed(
                    last < month_of(day) for day in facts.retirement_dates(person)
                ),
                "g_alive": not facts.has_died(person),
            },
            0,
            {
                "left_employer_code": min(place for month, place in places if month == latest),
                "last_month": latest,
            },
        )
    return found


def poor_worker_aid(facts: Facts) -> Watched:
    youngest, men_to, women_to = (
        number(f"working_age_{name}", facts.as_of, "poor_worker_aid")
        for name in ("from", "to_men", "to_women")
    )
    found: Watched = {}
    for person in {row["subject_id"] for row in facts.tables["designations"]}:
        if not facts.valid_on("建档立卡", person, facts.as_of):
            continue
        oldest = men_to if is_man(person) else women_to
        found[this_period(facts), person, person] = (
            {
                "s9_working_age": youngest <= facts.age(person) <= oldest,
                "s9_not_employed": not facts.employed(person),
                "s9_not_owner": person not in facts.owners,
                "g_alive": not facts.has_died(person),
                "g_free": facts.free_in(person, facts.this_month),
            },
            0,
            {},
        )
    return found


def assistance_referral(facts: Facts) -> Watched:
    found: Watched = {}
    for person in open_registrations(facts):
        ends = [
            row["to_month"]
            for row in facts.tables["unemployment_benefits"]
            if row["person_id"] == person
        ]
        if not any(end < facts.this_month for end in ends):
            continue
        found[this_period(facts), person, person] = (
            {
                "s20_benefit_ended": not any(end >= facts.this_month for end in ends),
                "s20_not_employed": not facts.employed(person),
                "s20_not_owner": person not in facts.owners,
                "s20_no_pension": _is_without_pension(facts, person),
                "s20_not_assisted": not any(
                    facts.valid_on(name, person, facts.as_of) for name in ("低保", "特困")
                ),
                "g_alive": not facts.has_died(person),
                "g_free": facts.free_in(person, facts.this_month),
            },
            0,
            {"last_benefit_month": max(ends)},
        )
    return found


def _is_without_pension(facts: Facts, person: str) -> Answer:
    row = facts.insured_person.get(person)
    if row is None:
        return None
    return row["pension_from"] is None or row["pension_from"] > facts.this_month


def unemployed_contact(facts: Facts) -> Watched:
    found: Watched = {}
    for person, row in open_registrations(facts).items():
        found[this_period(facts), person, person] = (
            {
                "s23_not_employed": not facts.employed(person),
                "g_alive": not facts.has_died(person),
                "g_free": facts.free_in(person, facts.this_month),
            },
            0,
            {
                "days_registered": (facts.as_of - row["registered_on"]).days,
                "service_class": _class_of(facts, person, row["registered_on"]),
            },
        )
    return found


def _class_of(facts: Facts, person: str, registered: date) -> str:
    graduated = facts.graduated(person, facts.as_of)
    years = number("graduate_years", facts.as_of)
    long = number("long_unemployed_months", facts.as_of, "unemployed_contact")
    if any(facts.valid_on(name, person, facts.as_of) for name in IN_NEED):
        return "困难"
    if graduated is not None and facts.as_of <= add_years(graduated, years):
        return "毕业生"
    return "长期失业" if add_months(registered, long) <= facts.as_of else "一般"
