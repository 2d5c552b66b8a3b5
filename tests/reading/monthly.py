"""Policies that pay by the month (rulebook §2) in plain Python: universe, provisions, amount."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from tests.reading.basics import (
    LABOUR,
    Row,
    add_years,
    agreed,
    birth,
    earliest,
    first_day,
    is_man,
    last_day,
    last_day_of,
    month_of,
    months,
    negated,
    one_year_contract,
    plus,
)
from tests.reading.deciding import (
    Found,
    Provisions,
    decide,
    half_up,
    month_text,
    reach,
)
from tests.reading.facts import SELF, THREE, Facts
from tests.reading.law import last_month, number

Judged = dict[tuple[int, str, str], tuple[Provisions, int]]


def with_months_used(facts: Facts, judged: Judged, kind: str, provision: str, limit: int) -> Found:
    """Add the provision on months used: those granted and the person's earlier good months."""
    good: dict[str, set[int]] = defaultdict(set)
    for (month, person, _payee), (provisions, _amount) in judged.items():
        if all(answer is True for answer in provisions.values()):
            good[person].add(month)
    found = {}
    for (month, person, payee), (provisions, amount) in judged.items():
        earlier = sum(other < month for other in good[person])
        used = facts.months_used(kind, person) + earlier + 1
        said = provisions | {provision: used <= limit}
        found[month_text(month), person, payee] = decide(said, amount)
    return found


def graduate_hire_insurance(facts: Facts) -> Found:
    kind, judged = "高校毕业生社保补贴", Judged()
    years = number("graduate_years", facts.as_of)
    limit = number("hire_subsidy_months", facts.as_of)
    for (employer, person), rows in facts.employment.items():
        hires = [
            row
            for row in rows
            if row["contract_type"] in LABOUR and facts.graduated(person, row["starts_on"])
        ]
        if not hires:
            continue
        hire = earliest(hires)
        start, begun = hire["starts_on"], month_of(hire["starts_on"])
        graduated = facts.graduated(person, start)
        assert graduated is not None
        for month in reach(facts, "graduate_hire_insurance"):
            is_insured = (person, employer, "养老", month) in facts.insured
            if not (begun <= month < plus(begun, limit) and is_insured):
                continue
            keys = [(person, employer, insurance, month) for insurance in THREE]
            provisions = {
                "s7_within_two_years": start <= add_years(graduated, years),
                "s7_small_or_micro": facts.small_or_micro(employer),
                "s7_contract_one_year": one_year_contract(hire),
                "s7_not_employed_before": not any(
                    (person, between) in facts.employer_insured
                    for between in months(plus(month_of(graduated), 1), plus(begun, -1))
                ),
                "s7_paid_on_time": all(key in facts.on_time for key in keys),
                "s7_not_dispatched": negated(facts.dispatch(employer)),
                "g_good_standing": facts.good_standing(employer),
                "s7_month_not_granted": not facts.month_granted(kind, person, month),
            }
            amount = sum(facts.unit_paid[key] for key in keys)
            judged[month, person, employer] = provisions, amount
    return with_months_used(facts, judged, kind, "s7_within_twelve_months", limit)


def self_insured_persons(facts: Facts, month: int) -> set[str]:
    return {
        key[0]
        for key in facts.on_time
        if key[1] == SELF and key[2] in ("养老", "医疗") and key[3] == month
    }


def two_thirds(facts: Facts, person: str, month: int) -> int:
    paid = sum(facts.self_paid[person, SELF, kind, month] for kind in ("养老", "医疗"))
    return int(number("flexible_share", facts.as_of) * paid // 1)


def graduate_flexible_insurance(facts: Facts) -> Found:
    kind, judged = "高校毕业生灵活就业社保补贴", Judged()
    years = number("graduate_years", facts.as_of)
    limit = number("flexible_subsidy_months", facts.as_of, "graduate_flexible_insurance")
    for month in reach(facts, "graduate_flexible_insurance"):
        for person in self_insured_persons(facts, month):
            graduated = facts.graduated(person, last_day_of(month))
            if graduated is None:
                continue
            provisions: Provisions = {
                "s7_within_two_years": month <= plus(month_of(graduated), 12 * years),
                "s7_not_employed": (person, month) not in facts.employer_insured,
                "s7_not_owner": person not in facts.owners,
                "g_alive": facts.alive_in(person, month),
                "g_free": facts.free_in(person, month),
                "s7_month_not_granted": not facts.month_granted(kind, person, month),
            }
            judged[month, person, person] = provisions, two_thirds(facts, person, month)
    return with_months_used(facts, judged, kind, "s7_within_twenty_four_months", limit)


def internship_months(facts: Facts) -> dict[tuple[int, str, str], Row]:
    """Give the earliest internship with days enough for each month, person and host."""
    enough, found = number("full_month_days", facts.as_of), {}
    for (employer, person), rows in facts.employment.items():
        for month in reach(facts, "internship_subsidy"):
            full = []
            for row in rows:
                if row["contract_type"] != "就业见习":
                    continue
                first = max(row["starts_on"], first_day(month))
                last = min(last_day(row), facts.as_of, last_day_of(month))
                if (last - first).days + 1 >= enough:
                    full.append(row)
            if full:
                found[month, person, employer] = earliest(full)
    return found


def internship_subsidy(facts: Facts) -> Found:
    kind, judged = "就业见习补贴", Judged()
    share, limit = (
        number(name, facts.as_of, "internship_subsidy")
        for name in ("internship_share_percent", "internship_months")
    )
    uninsured = number("internship_months_before_insured", facts.as_of)
    years = number("graduate_years", facts.as_of)
    universe = internship_months(facts)
    for (month, person, employer), row in universe.items():
        wage = number("minimum_wage_fen", first_day(month))
        amount = half_up(Fraction(share * wage, 100))
        graduated = facts.graduated(person, row["starts_on"])
        begun = min(
            month_of(other["starts_on"])
            for other in facts.employment[employer, person]
            if other["contract_type"] == "就业见习"
        )
        stipend = sum(
            pay["net_fen"]
            for pay in facts.tables["payroll"]
            if (pay["employer_code"], pay["person_id"], pay["month"]) == (employer, person, month)
        )
        provisions: Provisions = {
            "s7_listed_host": facts.listed_in_month("就业见习单位", employer, month),
            "s7_graduate_within_two_years": graduated is not None
            and row["starts_on"] <= add_years(graduated, years),
            "s7_stipend_paid": stipend >= amount,
            "s7_not_insured_elsewhere": not facts.employers_of[person, month] - {employer},
            "s7_three_months_first": not any(
                facts.insured_any(person, employer, early)
                for early in months(begun, plus(begun, uninsured - 1))
            ),
            "s7_only_host": not any(
                (when, who) == (month, person) and where != employer
                for when, who, where in universe
            ),
            "s7_month_not_granted": not facts.month_granted(kind, person, month),
            "g_good_standing": facts.good_standing(employer),
        }
        judged[month, person, employer] = provisions, amount
    return with_months_used(facts, judged, kind, "s7_within_twelve_months", limit)


def extension_months(facts: Facts, policy: str, kind: str) -> Iterator[tuple[str, int]]:
    first, until, length = (
        number(name, facts.as_of)
        for name in ("expiry_from_month", "expiry_to_month", "extension_months")
    )
    ends: dict[str, int] = {}
    for row in facts.tables["support"]:
        if row["support_type"] == kind:
            person = row["subject_id"]
            ends[person] = max(ends.get(person, 0), row["to_month"])
    for person, end in ends.items():
        if first <= end <= until:
            last = min(plus(end, length), facts.this_month, last_month(policy))
            yield from ((person, month) for month in months(plus(end, 1), last))


def public_post_extension(facts: Facts) -> Found:
    found = {}
    for person, month in extension_months(facts, "public_post_extension", "公益性岗位"):
        posts = [
            row
            for (_employer, who), rows in facts.employment.items()
            for row in rows
            if who == person
            and row["contract_type"] == "公益性岗位"
            and month_of(row["starts_on"]) <= month <= month_of(last_day(row))
        ]
        if not posts:
            continue
        latest = max(row["starts_on"] for row in posts)
        host = min(row["employer_code"] for row in posts if row["starts_on"] == latest)
        provisions: Provisions = {
            "s9_month_not_granted": not facts.month_granted("公益性岗位延长", person, month),
            "s9_before_retirement": agreed(
                month <= month_of(day) for day in facts.retirement_dates(person)
            ),
            "s9_not_insured_elsewhere": not facts.employers_of[person, month] - {host},
            "s9_not_owner": person not in facts.owners,
            "g_alive": facts.alive_in(person, month),
            "g_free": facts.free_in(person, month),
            "g_good_standing": facts.good_standing(host),
        }
        paid = sum(facts.unit_paid[person, host, insurance, month] for insurance in THREE)
        amount = number("minimum_wage_fen", first_day(month)) + paid
        found[month_text(month), person, host] = decide(provisions, amount)
    return found


def flexible_insurance_extension(facts: Facts) -> Found:
    found = {}
    policy = "flexible_insurance_extension"
    for person, month in extension_months(facts, policy, "灵活就业社保补贴"):
        if person not in self_insured_persons(facts, month):
            continue
        name = "retirement_age_men" if is_man(person) else "flexible_age_women"
        until = add_years(birth(person), number(name, facts.as_of, policy))
        provisions: Provisions = {
            "s9_month_not_granted": not facts.month_granted("灵活就业社保补贴延长", person, month),
            "s9_hardship": facts.listed_in_month("就业困难人员", person, month),
            "s9_not_employed": (person, month) not in facts.employer_insured,
            "s9_not_owner": person not in facts.owners,
            "s9_before_retirement": month <= month_of(until),
            "g_alive": facts.alive_in(person, month),
            "g_free": facts.free_in(person, month),
        }
        amount = two_thirds(facts, person, month)
        found[month_text(month), person, person] = decide(provisions, amount)
    return found


def benefit_to_retirement(facts: Facts) -> Found:
    policy = "benefit_to_retirement"
    ended_from = number("benefit_end_from_month", facts.as_of, policy)
    length = number("benefit_reach_months", facts.as_of, policy)
    ends: dict[str, int] = {}
    rows = facts.tables["unemployment_benefits"]
    for row in rows:
        if row["benefit_type"] != "续发":
            person = row["person_id"]
            ends[person] = max(ends.get(person, 0), row["to_month"])
    found = {}
    for person, end in ends.items():
        if not ended_from <= end < facts.this_month:
            continue
        over = last_day_of(end)
        dates = facts.retirement_dates(person)
        pension = facts.insured_person.get(person)
        for month in months(plus(end, 1), min(plus(end, length), facts.this_month)):
            if month < number("first_paid_month", facts.as_of):
                continue
            provisions: Provisions = {
                "s20_within_one_year": agreed(over < day < add_years(over, 1) for day in dates),
                "s20_before_retirement": agreed(month <= month_of(day) for day in dates),
                "s20_month_not_granted": not any(
                    row["benefit_type"] == "续发"
                    and row["person_id"] == person
                    and row["from_month"] <= month <= row["to_month"]
                    for row in rows
                ),
                "s20_not_reemployed": not any(
                    (person, later) in facts.employer_insured for later in months(end, month)
                ),
                "s20_no_pension": pension["pension_from"] is None or pension["pension_from"] > month
                if pension
                else None,
                "g_alive": facts.alive_in(person, month),
                "g_free": facts.free_in(person, month),
            }
            amount = number("unemployment_benefit_fen", first_day(month), policy)
            found[month_text(month), person, person] = decide(provisions, amount)
    return found
