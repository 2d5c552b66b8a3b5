"""Policies that pay by the year (rulebook §2) in plain Python: universe, provisions, amount."""

from collections import defaultdict
from datetime import date

from tests.reading.basics import (
    LABOUR,
    add_months,
    earliest,
    month_of,
    months,
    negated,
    one_year_contract,
    plus,
)
from tests.reading.deciding import Found, Provisions, decide
from tests.reading.facts import Facts

WINDOW = (date(2020, 1, 24), date(2020, 2, 9))
HIRED = (date(2020, 2, 10), date(2020, 3, 10))
LEFT_BY_ITSELF = ("退休", "死亡", "合同期满", "本人辞职", "统筹转移", "参军升学", "集团内调动")


def holiday_production_subsidy(facts: Facts) -> Found:
    in_window = [
        row for row in facts.tables["attendance"] if WINDOW[0] <= row["worked_on"] <= WINDOW[1]
    ]
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
                and (row["valid_to"] is None or row["valid_to"] >= WINDOW[0])
                for row in facts.tables["designations"]
            ),
            "s1_worked_in_window": days >= 1,
            "g_good_standing": facts.good_standing(employer),
            "g_not_granted_before": not facts.granted("一次性用工补贴", employer),
        }
        amount = min(20000 * days, 50_000_000)
        found["2020", employer, employer] = decide(provisions, amount)
    return found


def new_hire_subsidy(facts: Facts) -> Found:
    judged: dict[tuple[str, str], tuple[date, Provisions]] = {}
    for (employer, person), rows in facts.employment.items():
        hires = [
            row
            for row in rows
            if row["contract_type"] in LABOUR and HIRED[0] <= row["starts_on"] <= HIRED[1]
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
                    for earlier in months(plus(month, -6), plus(month, -1))
                )
                and not any(add_months(start, -6) <= row["starts_on"] < start for row in before),
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
        found["2020", person, employer] = decide(
            provisions | {"s1_person_counted_once": not counted}, 100_000
        )
    return found


def layoffs_within_limit(facts: Facts, employer: str, method: str) -> bool:
    start, end = facts.heads[employer, "失业", 201812], facts.heads[employer, "失业", 201912]
    total = sum(facts.headcount(employer, "失业", month) for month in months(201901, 201912))
    attrition = 0
    for person in start - end:
        ended = [
            row
            for row in facts.employment[employer, person]
            if row["ended_on"] and date(2018, 12, 31) <= row["ended_on"] <= date(2019, 12, 31)
        ]
        latest = max((row["ended_on"] for row in ended), default=None)
        attrition += any(
            row["end_reason"] in LEFT_BY_ITSELF for row in ended if row["ended_on"] == latest
        )
    claims = {
        row["person_id"]
        for row in facts.tables["unemployment_benefits"]
        if 201901 <= row["from_month"] <= 201912
        and facts.employer_of_unit.get(row["last_unit_no"]) == employer
    }
    limit = 20 if len(end) <= 30 else 5
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
    year = months(201901, 201912)
    return {
        "s5_is_enterprise": registration["entity_type"] == "企业" if registration else None,
        "s5_insured_all_year": all(facts.headcount(employer, "失业", month) for month in year),
        "s5_no_arrears": not facts.arrears(employer, ["失业"], 201901, 201912),
        "s5_layoffs_within_limit": layoffs_within_limit(facts, employer, "average_less_attrition"),
        "s5_not_dispatcher": True if facts.dispatch(employer) is False else None,
        "g_good_standing": facts.good_standing(employer),
        "g_not_granted_before": not any(
            202001 <= row["from_month"] <= 202012 for row in facts.granted("稳岗返还", employer)
        ),
    }


def insured_in_base_year(facts: Facts) -> set[str]:
    return {
        employer
        for (employer, insurance, month), persons in list(facts.heads.items())
        if insurance == "失业" and 201901 <= month <= 201912 and persons
    }


def stability_refund(facts: Facts) -> Found:
    found = {}
    for employer in insured_in_base_year(facts):
        paid = sum(
            row["unit_fen"] + row["person_fen"]
            for row in facts.tables["contributions"]
            if row["unit_no"]
            and facts.employer_of_unit[row["unit_no"]] == employer
            and row["insurance"] == "失业"
            and row["state"] == "已到账"
            and 201901 <= row["month"] <= 201912
        )
        amount = (max(0, paid) + 1) // 2
        found["2020", employer, employer] = decide(stability_provisions(facts, employer), amount)
    return found


def stability_refund_difficult(facts: Facts) -> Found:
    return {
        ("2020", employer, employer): decide(
            stability_provisions(facts, employer),
            6 * 152_800 * facts.headcount(employer, "失业", 201912),
        )
        for employer in insured_in_base_year(facts)
        if facts.valid_on("经营困难且恢复有望企业", employer, facts.as_of)
    }
