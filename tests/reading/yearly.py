"""Policies that pay by the year (rulebook §2) in plain Python: universe, provisions, amount."""

from collections import defaultdict
from datetime import date
from fractions import Fraction

from tests.reading.basics import (
    LABOUR,
    add_months,
    earliest,
    last_day_of,
    month_of,
    months,
    negated,
    one_year_contract,
    plus,
)
from tests.reading.deciding import Found, Provisions, decide, half_up
from tests.reading.facts import Facts
from tests.reading.law import number

LEFT_BY_ITSELF = ("退休", "死亡", "合同期满", "本人辞职", "统筹转移", "参军升学", "集团内调动")


def year_text(facts: Facts) -> str:
    return str(number("policy_year", facts.as_of))


def holiday_production_subsidy(facts: Facts) -> Found:
    first, last, rate, cap = (
        number(f"holiday_{name}", facts.as_of, "holiday_production_subsidy")
        for name in ("window_from", "window_to", "day_rate_fen", "cap_fen")
    )
    in_window = [row for row in facts.tables["attendance"] if first <= row["worked_on"] <= last]
    employers_of_day: dict[tuple[str, date], set[str]] = defaultdict(set)
    for row in in_window:
        if any(
            pay["employer_code"] == row["employer_code"]
            and pay["person_id"] == row["person_id"]
            and pay["month"] == month_of(row["worked_on"])
            and pay["net_fen"] > 0
            for pay in facts.tables["payroll"]
        ):
            employers_of_day[row["person_id"], row["worked_on"]].add(row["employer_code"])
    found = {}
    for employer in {row["employer_code"] for row in in_window}:
        days = sum(employers == {employer} for employers in employers_of_day.values())
        provisions = {
            "s1_listed_key_supplier": any(
                row["list"] == "疫情防控重点物资生产企业"
                and row["subject_id"] == employer
                and (row["valid_to"] is None or row["valid_to"] >= first)
                for row in facts.tables["designations"]
            ),
            "s1_worked_in_window": days >= 1,
            "g_good_standing": facts.good_standing(employer),
            "g_not_granted_before": not facts.granted("一次性用工补贴", employer),
        }
        found[year_text(facts), employer, employer] = decide(provisions, min(rate * days, cap))
    return found


def new_hire_subsidy(facts: Facts) -> Found:
    first, last, back, amount = (
        number(f"hire_{name}", facts.as_of, "new_hire_subsidy")
        for name in ("window_from", "window_to", "look_back_months", "amount_fen")
    )
    judged: dict[tuple[str, str], tuple[date, Provisions]] = {}
    for (employer, person), rows in facts.employment.items():
        hires = [
            row
            for row in rows
            if row["contract_type"] in LABOUR and first <= row["starts_on"] <= last
        ]
        if not hires:
            continue
        hire = earliest(hires)
        start, month = hire["starts_on"], month_of(hire["starts_on"])
        before = [row for row in rows if row is not hire]
        judged[employer, person] = (
            start,
            {
                "s1_contract_one_year": one_year_contract(hire),
                "s1_insured": any(
                    (person, employer, "养老", later) in facts.insured
                    for later in months(month, facts.this_month)
                ),
                "s1_newly_hired": not any(
                    facts.insured_any(person, employer, earlier)
                    for earlier in months(plus(month, -back), plus(month, -1))
                )
                and not any(add_months(start, -back) <= row["starts_on"] < start for row in before),
                "s1_not_dispatched": negated(facts.dispatch(employer)),
                "g_good_standing": facts.good_standing(employer),
                "g_not_granted_before": not facts.granted("一次性吸纳就业补贴", person),
            },
        )
    found = {}
    for (employer, person), (start, provisions) in judged.items():
        counted = any(
            other == person
            and (rival, other) != (employer, person)
            and (when, rival) < (start, employer)
            and all(answer is True for answer in said.values())
            for (rival, other), (when, said) in judged.items()
        )
        found[year_text(facts), person, employer] = decide(
            provisions | {"s1_person_counted_once": not counted}, amount
        )
    return found


def base_months(facts: Facts) -> list[int]:
    year = number("base_year", facts.as_of)
    return months(year * 100 + 1, year * 100 + 12)


def layoffs_within_limit(facts: Facts, employer: str, method: str) -> bool:
    year = base_months(facts)
    eve = plus(year[0], -1)
    start, end = facts.heads[employer, "失业", eve], facts.heads[employer, "失业", year[-1]]
    total = sum(facts.headcount(employer, "失业", month) for month in year)
    attrition = 0
    for person in start - end:
        ended = [
            row
            for row in facts.employment[employer, person]
            if row["ended_on"] and last_day_of(eve) <= row["ended_on"] <= last_day_of(year[-1])
        ]
        latest = max((row["ended_on"] for row in ended), default=None)
        attrition += any(
            row["end_reason"] in LEFT_BY_ITSELF for row in ended if row["ended_on"] == latest
        )
    claims = {
        row["person_id"]
        for row in facts.tables["unemployment_benefits"]
        if row["from_month"] in year and facts.employer_of_unit.get(row["last_unit_no"]) == employer
    }
    is_small = len(end) <= number("small_employer_persons", facts.as_of)
    limit = number(f"{'small_' if is_small else ''}layoff_limit_percent", facts.as_of)
    lost = max(0, len(start) - len(end) - attrition)
    if method == "average_less_attrition":
        return lost * 12 * 100 <= limit * total
    if not start:
        return True
    if method == "start_less_attrition":
        return lost * 100 <= limit * len(start)
    decrease = len(start) - len(end)
    return min(decrease, len(claims)) * 100 <= limit * len(start)


def stability_provisions(facts: Facts, employer: str) -> Provisions:
    registration = facts.registration.get(employer)
    year, granted = base_months(facts), facts.granted("稳岗返还", employer)
    method = number("layoff_rate_method", facts.as_of)
    return {
        "s5_is_enterprise": registration["entity_type"] == "企业" if registration else None,
        "s5_insured_all_year": all(facts.headcount(employer, "失业", month) for month in year),
        "s5_no_arrears": not facts.arrears(employer, ["失业"], year[0], year[-1]),
        "s5_layoffs_within_limit": layoffs_within_limit(facts, employer, method),
        "s5_not_dispatcher": True if facts.dispatch(employer) is False else None,
        "g_good_standing": facts.good_standing(employer),
        "g_not_granted_before": not any(
            row["from_month"] // 100 == int(year_text(facts)) for row in granted
        ),
    }


def insured_in_base_year(facts: Facts) -> set[str]:
    year = base_months(facts)
    return {
        employer
        for (employer, insurance, month), persons in list(facts.heads.items())
        if insurance == "失业" and month in year and persons
    }


def stability_refund(facts: Facts) -> Found:
    share = Fraction(number("refund_share_percent", facts.as_of, "stability_refund"), 100)
    year, found = base_months(facts), {}
    for employer in insured_in_base_year(facts):
        paid = sum(
            row["unit_fen"] + row["person_fen"]
            for row in facts.tables["contributions"]
            if row["unit_no"]
            and facts.employer_of_unit[row["unit_no"]] == employer
            and row["insurance"] == "失业"
            and row["state"] == "已到账"
            and row["month"] in year
        )
        amount = half_up(share * max(0, paid))
        said = stability_provisions(facts, employer)
        found[year_text(facts), employer, employer] = decide(said, amount)
    return found


def stability_refund_difficult(facts: Facts) -> Found:
    count, benefit = (
        number(name, facts.as_of, "stability_refund_difficult")
        for name in ("difficult_months", "average_benefit_fen")
    )
    return {
        (year_text(facts), employer, employer): decide(
            stability_provisions(facts, employer),
            count * benefit * facts.headcount(employer, "失业", base_months(facts)[-1]),
        )
        for employer in insured_in_base_year(facts)
        if facts.valid_on("经营困难且恢复有望企业", employer, facts.as_of)
    }
