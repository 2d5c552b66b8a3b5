"""Warnings about wages, layoffs and coverage (rulebook §3b) in plain Python."""

from collections import defaultdict
from datetime import timedelta

from tests.reading.basics import (
    Row,
    agreed,
    first_day,
    last_day,
    last_day_of,
    month_of,
    months,
    plus,
)
from tests.reading.deciding import month_text
from tests.reading.facts import Facts
from tests.reading.law import number
from tests.reading.watching import ALL_FIVE, Watched, covers, ended_in, last_month, last_period
from tests.reading.yearly import LEFT_BY_ITSELF

FOCUS = ("规模以上企业", "重大项目", "经贸摩擦企业", "化解过剩产能企业", "环保治理企业")
Pays = dict[tuple[str, int], dict[str, list[Row]]]


def _pays(facts: Facts) -> Pays:
    """Give the payroll rows by employer and month, then by person."""
    found: Pays = defaultdict(lambda: defaultdict(list))
    for row in facts.tables["payroll"]:
        found[row["employer_code"], row["month"]][row["person_id"]].append(row)
    return found


def _wage_months(facts: Facts, pays: Pays) -> list[int]:
    grace = timedelta(days=number("wage_grace_days", facts.as_of, "wage_arrears"))
    latest = facts.this_month
    while last_day_of(latest) + grace > facts.as_of:
        latest = plus(latest, -1)
    paid = {month for _, month in pays}
    return [month for month in months(plus(latest, -2), latest) if month in paid]


def _due(facts: Facts, pays: Pays, employer: str, month: int) -> set[str]:
    """Give those whose wage of the month is due: present, paid before, not known to have left."""
    paid = set[str]().union(*(pays.get((employer, plus(month, -back)), {}) for back in (1, 2, 3)))
    found = set()
    for person in facts.present.get((employer, month), set()) & paid:
        rows = facts.employment.get((employer, person), [])
        has_left = any(last_day(row) < first_day(month) for row in rows)
        if not has_left or any(
            row["starts_on"] <= last_day_of(month) and last_day(row) >= first_day(month)
            for row in rows
        ):
            found.add(person)
    return found


def _unpaid(pays: Pays, employer: str, month: int, due: set[str]) -> set[str]:
    paid = pays.get((employer, month), {})
    return {person for person in due if not any(row["net_fen"] > 0 for row in paid.get(person, []))}


def _starts_or_ends_in(facts: Facts, employer: str, person: str, month: int) -> bool:
    return any(
        month in (month_of(row["starts_on"]), month_of(last_day(row)))
        for row in facts.employment.get((employer, person), [])
    )


def wage_arrears(facts: Facts) -> Watched:
    pays = _pays(facts)
    share, least = (
        number(f"wage_{name}", facts.as_of, "wage_arrears") for name in ("share_tenth", "persons")
    )
    found: Watched = {}
    for month in _wage_months(facts, pays):
        wage = number("minimum_wage_fen", first_day(month))
        before = {plus(month, -back) for back in range(1, 7)}
        for employer in {payer for payer, paid in pays if paid in before}:
            if not facts.staff(employer, month):
                continue
            due = _due(facts, pays, employer, month)
            unpaid = _unpaid(pays, employer, month, due)
            missing = {}
            for person in due - unpaid:
                gross = sum(row["gross_fen"] for row in pays[employer, month][person])
                if gross < wage and not _starts_or_ends_in(facts, employer, person, month):
                    missing[person] = wage - gross
            count = len(unpaid) + len(missing)
            found[month_text(month), employer, employer] = (
                {"s8_unpaid_or_short": 10 * count >= share * len(due) and count >= least},
                len(unpaid) * wage + sum(missing.values()),
                {
                    "due_persons": len(due),
                    "unpaid_persons": len(unpaid),
                    "short_persons": len(missing),
                },
            )
    return found


def _is_natural(rows: list[Row], last: int) -> bool:
    ended = [row for row in rows if ended_in(row, plus(last, -1), last)]
    latest = max((row["ended_on"] for row in ended), default=None)
    return any(row["end_reason"] in LEFT_BY_ITSELF for row in ended if row["ended_on"] == latest)


def layoff_warning(facts: Facts) -> Watched:
    last = last_month(facts)
    least, most, percent, moved_percent = (
        number(name, facts.as_of, "layoff_warning")
        for name in ("warning_staff", "warning_gone", "warning_gone_percent", "moved_percent")
    )
    present = {place: persons for (place, month), persons in facts.present.items() if month == last}
    found: Watched = {}
    for (employer, month), persons in facts.present.items():
        if month != plus(last, -1) or len(persons) < least:
            continue
        gone = {
            person
            for person in persons - present.get(employer, set())
            if not _is_natural(facts.employment.get((employer, person), []), last)
        }
        moved = max(
            (len(gone & others) for place, others in present.items() if place != employer),
            default=0,
        )
        found[last_period(facts), employer, employer] = (
            {
                "s17_many_gone": len(gone) > most or 100 * len(gone) >= percent * len(persons),
                "s17_not_moved_together": not (
                    moved >= 1 and 100 * moved >= moved_percent * len(gone)
                ),
            },
            0,
            {
                "gone_count": len(gone),
                "staff_before": len(persons),
                "is_in_focus": any(facts.listed_in_month(name, employer, last) for name in FOCUS),
                "has_arrears": facts.arrears(employer, ALL_FIVE, last, last),
            },
        )
    return found


def layoff_compliance(facts: Facts) -> Watched:
    last, pays = last_month(facts), _pays(facts)
    least, percent, notice = (
        number(f"layoff_{name}", facts.as_of, "layoff_compliance")
        for name in ("persons", "percent", "notice_days")
    )
    laid_off: dict[str, list[Row]] = defaultdict(list)
    for (employer, _), rows in facts.employment.items():
        for row in rows:
            if ended_in(row, last, last) and row["end_reason"] == "经济性裁员":
                laid_off[employer].append(row)
    found: Watched = {}
    for employer, rows in laid_off.items():
        count = len({row["person_id"] for row in rows})
        first = min(row["ended_on"] for row in rows)
        earliest, latest = first - timedelta(days=180), first - timedelta(days=notice)
        reports = [
            row["reported_on"]
            for row in facts.tables["layoff_reports"]
            if row["employer_code"] == employer
        ]
        unpaid = _unpaid(pays, employer, last, _due(facts, pays, employer, last))
        found[last_period(facts), employer, employer] = (
            {
                "s18_mass_layoff": count >= least
                or 100 * count >= percent * facts.staff(employer, plus(last, -1)),
                "s18_not_reported_in_time": not any(
                    earliest <= reported <= latest for reported in reports
                ),
            },
            0,
            {
                "laid_off_count": count,
                "first_laid_off_on": first,
                "has_arrears": facts.arrears(employer, ALL_FIVE, 0, last),
                "unpaid_persons": len(unpaid) if any(m == last for _, m in pays) else None,
            },
        )
    return found


def unemployment_coverage_gap(facts: Facts) -> Watched:
    last, pays = last_month(facts), _pays(facts)
    least = number("gap_persons", facts.as_of, "unemployment_coverage_gap")
    places = {place for place, month in facts.present if month == last}
    found: Watched = {}
    for employer in places | {place for place, month in pays if month == last}:
        registration = facts.registration.get(employer)
        if registration and registration["entity_type"] == "机关":
            continue
        present = facts.present.get((employer, last), set())
        uninsured = {
            person
            for person in present
            if (person, employer, "失业", last) not in facts.insured
            and (person, employer, "失业", last) not in facts.unpaid
        }
        paid = {
            person
            for person, rows in pays.get((employer, last), {}).items()
            if any(row["gross_fen"] > 0 for row in rows)
        }
        unseen = {
            person
            for person in paid - present
            if not _is_intern(facts, employer, person, last)
            and agreed(month_of(day) <= last for day in facts.retirement_dates(person)) is not True
        }
        if not uninsured and not unseen:
            continue
        found[last_period(facts), employer, employer] = (
            {
                "s20_gap": bool(uninsured)
                or (10 * len(unseen) >= len(paid) and len(unseen) >= least)
            },
            0,
            {
                "pension_only_count": len(uninsured),
                "uninsured_count": len(unseen),
                "paid_count": len(paid),
            },
        )
    return found


def _is_intern(facts: Facts, employer: str, person: str, month: int) -> bool:
    return any(
        row["contract_type"] == "就业见习" and covers(row, month, month)
        for row in facts.employment.get((employer, person), [])
    )
