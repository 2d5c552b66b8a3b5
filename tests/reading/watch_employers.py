"""Warnings and help lists about employers' fees and agreements (rulebook §3b) in plain Python."""

from typing import Any

from tests.reading.basics import Answer, Row, add_months, first_day, plus
from tests.reading.deciding import half_up
from tests.reading.facts import SELF, Facts
from tests.reading.law import number
from tests.reading.watching import Watched, last_month, last_period, this_period
from tests.reading.yearly import year_text

CLAIMS = ("正常", "补缴")


def _still_deferred(rows: list[Row]) -> bool:
    """Say of the rows of one person, unit, insurance and month whether they are unpaid by leave."""
    claims = [row for row in rows if row["entry"] in CLAIMS]
    deferred = [row for row in claims if row["state"] == "缓缴"]
    paid = [row for row in claims if row["state"] == "已到账"]
    if any(row["unit_fen"] > 0 for row in deferred):
        paid = [row for row in paid if row["unit_fen"] > 0]
    return bool(deferred) and not paid


def deferral_due(facts: Facts) -> Watched:
    length, ahead = (
        number(f"deferral_{name}", facts.as_of, "deferral_due")
        for name in ("months", "warn_months")
    )
    of_employer: dict[str, dict[tuple[str, str, int], list[Row]]] = {}
    for (person, employer, insurance, month), rows in facts.contributions.items():
        if employer != SELF and _still_deferred(rows):
            keys = of_employer.setdefault(employer, {})
            keys[person, insurance, month] = [
                row for row in rows if row["state"] == "缓缴" and row["entry"] in CLAIMS
            ]
    found: Watched = {}
    for employer, deferred in of_employer.items():
        first = min(month for _, _, month in deferred)
        due = plus(first, length)
        found[this_period(facts), employer, employer] = (
            {"s4_due_or_soon": facts.this_month >= plus(due, -ahead)},
            sum(row["unit_fen"] + row["person_fen"] for rows in deferred.values() for row in rows),
            {
                "first_deferred_month": first,
                "deferral_due_month": due,
                "deferred_persons": len({person for person, _, _ in deferred}),
                "months_deferred": len({month for _, _, month in deferred}),
                "is_deferral_overdue": facts.this_month > due,
            },
        )
    return found


def insurance_rate_check(facts: Facts) -> Watched:
    last = last_month(facts)
    rate = number("unemployment_unit_rate", first_day(last), "insurance_rate_check")
    tolerance = number("rate_tolerance_fen", facts.as_of, "insurance_rate_check")
    over: dict[str, int] = {}
    for (_, employer, insurance, month), rows in facts.contributions.items():
        if employer == SELF or insurance != "失业" or month != last:
            continue
        arrived = [row for row in rows if row["state"] == "已到账"]
        stated = [row for row in arrived if row["entry"] == "正常" and (row["base_fen"] or 0) > 0]
        if not stated:
            continue
        charged = sum(max(0, row["unit_fen"] - half_up(row["base_fen"] * rate)) for row in stated)
        returned = sum(row["unit_fen"] for row in arrived if row["entry"] == "退费")
        over[employer] = over.get(employer, 0) + max(0, charged + returned)
    return {
        (last_period(facts), employer, employer): (
            {"s4_charged_too_much": amount >= tolerance},
            amount,
            {},
        )
        for employer, amount in over.items()
    }


def housing_fund_relief(facts: Facts) -> Watched:
    lowest, age = (
        number(f"fund_{name}", facts.as_of, "housing_fund_relief")
        for name in ("minimum_rate_bp", "row_age_months")
    )
    last = last_month(facts)
    deferring = {
        employer
        for (_, employer, _, month), rows in facts.contributions.items()
        if plus(last, -2) <= month <= last and any(row["state"] == "缓缴" for row in rows)
    }
    of_employer: dict[str, list[Row]] = {}
    for row in facts.tables["housing_fund"]:
        of_employer.setdefault(row["employer_code"], []).append(row)
    found: Watched = {}
    for employer, rows in of_employer.items():
        latest = max(row["month"] for row in rows)
        if latest < plus(facts.this_month, -age):
            continue
        registration = facts.registration.get(employer)
        found[this_period(facts), employer, employer] = (
            {
                "s6_is_enterprise": registration["entity_type"] == "企业" if registration else None,
                "s6_above_minimum": any(
                    max(row["unit_rate_bp"], row["person_rate_bp"]) > lowest
                    for row in rows
                    if row["month"] == latest
                ),
                "s6_small_or_medium": facts.below(employer, ("大型",)),
                "s6_in_difficulty": _is_smaller(facts, employer)
                or employer in deferring
                or facts.valid_on("经营困难且恢复有望企业", employer, facts.as_of),
            },
            0,
            {
                "fund_month": latest,
                "current_staff": facts.staff(employer, last),
                "has_deferred": employer in deferring,
            },
        )
    return found


def _is_smaller(facts: Facts, employer: str) -> bool:
    percent = number("difficulty_staff_percent", facts.as_of, "housing_fund_relief")
    before = facts.staff(employer, (facts.as_of.year - 1) * 100 + 12)
    return before >= 1 and 100 * facts.staff(employer, last_month(facts)) <= percent * before


def incubator_extension(facts: Facts) -> Watched:
    opened, closed, length = (
        number(name, facts.as_of, "incubator_extension")
        for name in ("epidemic_from", "epidemic_to", "incubator_extension_months")
    )
    agreements: dict[str, Row] = {}
    for row in facts.tables["tenancies"]:
        if max(row["from_date"], opened) <= min(row["to_date"], closed):
            employer = row["employer_code"]
            agreements[employer] = max(agreements.get(employer, row), row, key=_lateness)
    return {
        (year_text(facts), employer, employer): (
            {"s16_in_business": _is_in_business(facts, employer)},
            0,
            {
                "agreement_from": row["from_date"],
                "agreement_to": row["to_date"],
                "extended_to": add_months(row["to_date"], length),
            },
        )
        for employer, row in agreements.items()
    }


def _lateness(row: Row) -> Any:
    return row["to_date"], row["from_date"]


def _is_in_business(facts: Facts, employer: str) -> Answer:
    row = facts.registration.get(employer)
    return None if row is None else row["status"] in ("存续", "在业")
