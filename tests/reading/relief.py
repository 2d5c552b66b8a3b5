"""Relief and referral (rulebook §3) in plain Python."""

from collections import defaultdict
from fractions import Fraction

from tests.reading.basics import (
    FAR,
    LABOUR,
    Row,
    add_months,
    add_years,
    is_man,
    month_of,
    months,
    one_year_contract,
    plus,
)
from tests.reading.deciding import Found, decide, half_up, month_text
from tests.reading.facts import Facts
from tests.reading.law import number

ALL_FIVE = ("养老", "医疗", "失业", "工伤", "生育")
HELPED = ("就业困难人员", "建档立卡", "退役军人", "残疾人")


def disability_levy_relief(facts: Facts) -> Found:
    ratio, exempt, tier, upper, lower, multiple, local_wage = (
        number(name, facts.as_of, "disability_levy_relief")
        for name in (
            *("levy_ratio_permille", "levy_exempt_persons", "levy_tier_percent"),
            *("levy_upper_tier_share_percent", "levy_lower_tier_share_percent"),
            *("wage_cap_multiple", "local_average_wage_fen"),
        )
    )
    year, found = facts.as_of.year - 1, {}
    for employer in {key[0] for key in list(facts.heads)}:
        total = listed = 0
        for month in months(year * 100 + 1, year * 100 + 12):
            persons = facts.heads[employer, "养老", month]
            total += len(persons)
            listed += sum(facts.listed_in_month("残疾人", person, month) for person in persons)
        wages = sum(
            row["gross_fen"]
            for row in facts.tables["payroll"]
            if row["employer_code"] == employer and row["month"] // 100 == year
        )
        if total <= 0 or wages <= 0:
            continue
        average = min(Fraction(12 * wages, total), Fraction(multiple * local_wage))
        levy = (Fraction(ratio, 1000) * Fraction(total, 12) - Fraction(listed, 12)) * average
        registration = facts.registration.get(employer)
        if registration and registration["entity_type"] == "企业" and total <= 12 * exempt:
            share = Fraction(0)
        else:
            share = Fraction(upper if 100 * listed >= tier * total else lower, 100)
        provisions = {
            "s6_liable": ratio * total > 1000 * listed,
            "s6_entity_known": True if registration else None,
        }
        amount = half_up(levy) - half_up(share * levy)
        found[str(year), employer, employer] = decide(provisions, amount)
    return found


def _is_of_need(facts: Facts, row: Row) -> bool:
    person, start = row["person_id"], row["starts_on"]
    graduated = facts.graduated(person, start)
    return (
        any(
            other["person_id"] == person
            and other["registered_on"] <= start <= (other["closed_on"] or FAR)
            for other in facts.tables["unemployment"]
        )
        or (
            graduated is not None
            and start <= add_years(graduated, number("graduate_years", facts.as_of))
        )
        or any(facts.valid_on(name, person, start) for name in HELPED)
    )


def startup_loan_prequalification(facts: Facts) -> Found:
    counted: dict[str, set[str]] = defaultdict(set)
    back = number("loan_look_back_months", facts.as_of)
    limit, large_limit, most = (
        number(name, facts.as_of, "startup_loan_prequalification")
        for name in ("loan_share_percent", "loan_large_share_percent", "loan_large_persons")
    )
    for (employer, person), rows in facts.employment.items():
        for row in rows:
            start = row["starts_on"]
            is_insured = any(
                facts.insured_any(person, employer, month)
                for month in months(month_of(start), facts.this_month)
            )
            if (
                row["contract_type"] in LABOUR
                and add_months(facts.as_of, -back) < start <= facts.as_of
                and one_year_contract(row) is True
                and is_insured
                and _is_of_need(facts, row)
            ):
                counted[employer].add(person)
    before = plus(facts.this_month, -1)
    found = {}
    for employer, persons in counted.items():
        heads, hired = facts.headcount(employer, "养老", before), len(persons)
        share = limit if heads <= most else large_limit
        provisions = {
            "s15_small_or_micro": facts.small_or_micro(employer),
            "s15_new_hire_share": heads >= 1 and 100 * hired >= share * heads,
            "s15_no_arrears": not facts.arrears(employer, ALL_FIVE, 0, before),
            "g_good_standing": facts.good_standing(employer),
        }
        found[month_text(facts.this_month), employer, employer] = decide(provisions, 0)
    return found


def _open_rows(facts: Facts) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in facts.tables["unemployment"]:
        if row["closed_on"] is None:
            rows[row["person_id"]].append(row)
    return rows


def youth_training(facts: Facts) -> Found:
    before = plus(facts.this_month, -1)
    oldest = number("training_age_years", facts.as_of, "youth_training")
    found = {}
    for person, rows in _open_rows(facts).items():
        latest = max(row["registered_on"] for row in rows)
        said = {row["willing"] for row in rows if row["registered_on"] == latest}
        willing = said.pop() if len(said) == 1 else None
        provisions = {
            "s11_age": facts.age(person) <= oldest,
            "s11_willing": None if willing is None else willing == "有",
            "s11_not_employed": (person, before) not in facts.employer_insured,
            "g_alive": not facts.has_died(person),
            "g_free": facts.free_in(person, facts.this_month),
        }
        found[month_text(facts.this_month), person, person] = decide(provisions, 0)
    return found


def zero_employment_household(facts: Facts) -> Found:
    members: dict[str, list[str]] = defaultdict(list)
    youngest, men_to, women_to = (
        number(f"working_age_{name}", facts.as_of, "zero_employment_household")
        for name in ("from", "to_men", "to_women")
    )
    for row in facts.tables["residents"]:
        person = row["person_id"]
        oldest = men_to if is_man(person) else women_to
        if youngest <= facts.age(person) <= oldest and not facts.has_died(person):
            members[row["household_no"]].append(person)
    before, registered = plus(facts.this_month, -1), _open_rows(facts)
    found = {}
    for household, persons in members.items():
        provisions = {
            "s9_none_employed": not any((p, before) in facts.employer_insured for p in persons),
            "s9_none_owner": not any(person in facts.owners for person in persons),
            "s9_one_registered": any(person in registered for person in persons),
        }
        found[month_text(facts.this_month), household, household] = decide(provisions, 0)
    return found
