"""Derived facts (rulebook §0 and §1) in plain Python, over lists of rows as dictionaries."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.reading.basics import (
    FAR,
    Answer,
    Row,
    add_years,
    birth,
    first_day,
    is_man,
    last_day_of,
    month_of,
    plus,
    reached,
)
from tests.reading.law import number, size_limits

SELF = "self"
THREE = ("养老", "医疗", "失业")
BLACK_LISTS = ("严重失信", "僵尸企业", "拖欠农民工工资失信")


class Facts:
    """What can be said on one date of the rows of a town; a row counts once it has happened."""

    def __init__(self, tables: dict[str, list[Row]], as_of: date) -> None:
        self.as_of, self.this_month = as_of, month_of(as_of)
        self.tables = {kind: self._visible(kind, rows) for kind, rows in tables.items()}
        self.employer_of_unit = {
            row["unit_no"]: row["employer_code"] for row in tables["insured_units"]
        }
        self.registration = {row["employer_code"]: row for row in tables["registrations"]}
        self.insured_person = {row["person_id"]: row for row in tables["insured_persons"]}
        self.owners = {
            row["legal_rep_id"]
            for row in tables["registrations"]
            if row["status"] in ("存续", "在业")
        }
        self._gather_contributions()
        self._gather_present()
        self.employment: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.tables["employment"]:
            self.employment[row["employer_code"], row["person_id"]].append(row)

    def _visible(self, kind: str, rows: list[Row]) -> list[Row]:
        day, month = self.as_of, self.this_month
        match kind:
            case "contributions":
                return [
                    row
                    for row in rows
                    if row["month"] <= month and (row["state"] != "已到账" or row["paid_on"] <= day)
                ]
            case "employment":
                seen = [dict(row) for row in rows if row["starts_on"] <= day]
                for row in seen:
                    if row["ended_on"] is None or row["ended_on"] > day:
                        row["ended_on"] = row["end_reason"] = None
                return seen
            case "unemployment":
                seen = [dict(row) for row in rows if row["registered_on"] <= day]
                for row in seen:
                    if row["closed_on"] is not None and row["closed_on"] > day:
                        row["closed_on"] = None
                return seen
        column = {
            "payroll": "paid_on",
            "attendance": "worked_on",
            "unemployment_benefits": "from_month",
            "designations": "valid_from",
            "deaths": "died_on",
            "custody": "from_date",
            "graduates": "graduated_on",
            "support": "from_month",
            "housing_fund": "month",
            "tenancies": "from_date",
            "layoff_reports": "reported_on",
        }.get(kind)
        if column is None:
            return rows
        limit = month if column.endswith("month") else day
        return [row for row in rows if row[column] <= limit]

    def _gather_contributions(self) -> None:
        groups: dict[tuple[str, str, str, int], list[Row]] = defaultdict(list)
        for row in self.tables["contributions"]:
            payer = self.employer_of_unit[row["unit_no"]] if row["unit_no"] else SELF
            groups[row["person_id"], payer, row["insurance"], row["month"]].append(row)
        self.contributions = groups
        self.insured, self.on_time = set[Any](), set[Any]()
        self.unit_paid, self.self_paid = defaultdict[Any, int](int), defaultdict[Any, int](int)
        self.unpaid = set[Any]()
        for key, rows in groups.items():
            arrived = [row for row in rows if row["state"] == "已到账"]
            refunded = (
                any(row["entry"] == "退费" for row in arrived)
                and sum(row["unit_fen"] + row["person_fen"] for row in arrived) <= 0
            )
            claims = [row for row in rows if row["entry"] in ("正常", "补缴")]
            if not refunded and any(row["state"] in ("已到账", "缓缴") for row in claims):
                self.insured.add(key)
                if any(row["entry"] == "正常" and row["state"] == "已到账" for row in claims):
                    self.on_time.add(key)
            if any(row["state"] == "未到账" for row in claims):
                self.unpaid.add(key)
            self.unit_paid[key] = max(0, sum(row["unit_fen"] for row in arrived))
            if key[1] == SELF:
                self.self_paid[key] = max(0, sum(row["person_fen"] for row in arrived))
        self.arrears_keys = self.unpaid - self.insured
        self.heads: dict[Any, set[str]] = defaultdict(set)
        self.employer_insured = set[tuple[str, int]]()
        self.employers_of: dict[Any, set[str]] = defaultdict(set)
        for person, payer, insurance, month in self.insured:
            if payer == SELF:
                continue
            self.heads[payer, insurance, month].add(person)
            if insurance in THREE:
                self.employer_insured.add((person, month))
                self.employers_of[person, month].add(payer)

    def _gather_present(self) -> None:
        """Who counts as still there (rulebook §3b): insured, or late but not for long."""
        self.present: dict[tuple[str, int], set[str]] = defaultdict(set)
        for key in self.insured | self.unpaid:
            person, payer, insurance, month = key
            if payer == SELF or insurance != "养老":
                continue
            before = {(person, payer, insurance, plus(month, -back)) for back in (1, 2, 3)}
            is_long_unpaid = before <= self.unpaid and not before & self.insured
            if key in self.insured or not is_long_unpaid:
                self.present[payer, month].add(person)
        self.somewhere = {
            (person, month) for (_, month), persons in self.present.items() for person in persons
        }

    def staff(self, employer: str, month: int) -> int:
        return len(self.present.get((employer, month), ()))

    def employed(self, person: str) -> bool:
        """Say whether one counts as employed for the lists of rulebook §3b: in the month before."""
        last = plus(self.this_month, -1)
        return (person, last) in self.employer_insured or (person, last) in self.somewhere

    def insured_any(self, person: str, payer: str, month: int) -> bool:
        return any((person, payer, insurance, month) in self.insured for insurance in THREE)

    def headcount(self, employer: str, insurance: str, month: int) -> int:
        return len(self.heads[employer, insurance, month])

    def arrears(self, employer: str, insurances: Iterable[str], first: int, last: int) -> bool:
        return any(
            key[1] == employer and key[2] in insurances and first <= key[3] <= last
            for key in self.arrears_keys
        )

    def valid_on(self, name: str, subject: str, day: date) -> bool:
        return any(
            row["list"] == name
            and row["subject_id"] == subject
            and row["valid_from"] <= day <= (row["valid_to"] or FAR)
            for row in self.tables["designations"]
        )

    def listed_in_month(self, name: str, subject: str, month: int) -> bool:
        return any(
            row["list"] == name
            and row["subject_id"] == subject
            and row["valid_from"] <= last_day_of(month)
            and (row["valid_to"] or FAR) >= max(first_day(month), row["valid_from"])
            for row in self.tables["designations"]
        )

    def good_standing(self, employer: str) -> Answer:
        if any(self.valid_on(name, employer, self.as_of) for name in BLACK_LISTS):
            return False
        if employer not in self.registration:
            return None
        return self.registration[employer]["status"] in ("存续", "在业")

    def dispatch(self, employer: str) -> Answer:
        said = {
            row["is_dispatch"]
            for row in self.tables["insured_units"]
            if row["employer_code"] == employer
        }
        return None if not said else "是" in said

    def below(self, employer: str, sizes: tuple[str, ...]) -> Answer:
        """Say whether an employer is of none of these sizes, the largest ones."""
        row = self.registration.get(employer)
        if row is None:
            return None
        if row["size_class"]:
            return row["size_class"] not in sizes
        if not row["size_line"]:
            return None
        said = {reached(row, size_limits(row["size_line"], size, self.as_of)) for size in sizes}
        return False if True in said else None if None in said else True

    def small_or_micro(self, employer: str) -> Answer:
        return self.below(employer, ("大型", "中型"))

    def granted(self, kind: str, subject: str) -> list[Row]:
        return [
            row
            for row in self.tables["support"]
            if row["support_type"] == kind and row["subject_id"] == subject
        ]

    def month_granted(self, kind: str, subject: str, month: int) -> bool:
        return any(r["from_month"] <= month <= r["to_month"] for r in self.granted(kind, subject))

    def months_used(self, kind: str, subject: str) -> int:
        return sum(row["months_used"] for row in self.granted(kind, subject))

    def graduated(self, person: str, day: date) -> date | None:
        days = [
            row["graduated_on"]
            for row in self.tables["graduates"]
            if row["person_id"] == person and row["graduated_on"] <= day
        ]
        return max(days, default=None)

    def alive_in(self, person: str, month: int) -> bool:
        return not any(
            row["person_id"] == person and row["died_on"] < first_day(month)
            for row in self.tables["deaths"]
        )

    def free_in(self, person: str, month: int) -> bool:
        day = first_day(month)
        return not any(
            row["person_id"] == person and row["from_date"] <= day <= (row["to_date"] or FAR)
            for row in self.tables["custody"]
        )

    def has_died(self, person: str) -> bool:
        return any(row["person_id"] == person for row in self.tables["deaths"])

    def retirement_dates(self, person: str) -> list[date]:
        if is_man(person):
            whose = ["men"]
        else:
            row = self.insured_person.get(person)
            match row["staff_category"] if row else None:
                case None:
                    whose = ["women_worker", "women_cadre"]
                case "干部":
                    whose = ["women_cadre"]
                case _:
                    whose = ["women_worker"]
        ages = [number(f"retirement_age_{who}", self.as_of) for who in whose]
        return [add_years(birth(person), age) for age in ages]

    def age(self, person: str) -> int:
        years = 0
        while add_years(birth(person), years + 1) <= self.as_of:
            years += 1
        return years
