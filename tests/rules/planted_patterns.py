"""`make planted-patterns`: what audits found elsewhere, planted in a town; who of it is found?

    python -m tests.rules.planted_patterns [COUNT] [PERSONS]

Each pattern is planted so many times, with its near misses on the edge, among the background and
among people who change jobs and claim by chance. Recall and precision speak of this town alone:
how many honest people and employers of a real district look alike, only reviewers find out.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import polars as pl

from data_samples.town.write import write_sample
from flows.ingest.drop import ingest_drop
from flows.night.determine import determine
from tests.rules.engine_tables import NO_PAYMENTS, write_tables
from transforms.identifiers import with_check_character
from transforms.policies.parameters import months_between

AS_OF = date(2020, 11, 30)
FIRST_KEY = 5_000_000
WINDOW = date(2020, 2, 15)


class Employer(NamedTuple):
    """An employer with its one unit and the number that contributions know it by."""

    code: str
    unit: str
    key: int


@dataclass
class Cases:
    """Rows by kind, and of each pattern who shows it."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    planted: set[tuple[str, str]] = field(default_factory=set)
    near: set[tuple[str, str]] = field(default_factory=set)
    number: int = 0

    def add(self, kind: str, **row: Any) -> None:
        self.rows.setdefault(kind, []).append(row)

    def person(self) -> str:
        self.number += 1
        born = date(1950, 1, 1) + timedelta(days=self.number // 900)
        return with_check_character(f"379999{born:%Y%m%d}{self.number % 900 + 1:03d}")

    def employer(self, owner: str | None = None, entity_type: str = "企业") -> Employer:
        self.number += 1
        made = Employer(f"91379999MA{self.number:08d}", f"P{self.number}", FIRST_KEY + self.number)
        unit = {"unit_no": made.unit, "employer_code": made.code, "employer_key": made.key}
        self.add("insured_units", **unit, is_dispatch="否")
        about = {"entity_type": entity_type, "status": "存续", "legal_rep_id": owner}
        self.add("registrations", employer_code=made.code, **about)
        return made

    def insure(self, person: str, employer: Employer, first: int, last: int, *kinds: str) -> None:
        for month in months_between(first, last):
            for insurance in kinds:
                self.add(
                    "contributions",
                    **{"person_id": person, "unit_no": employer.unit, "month": month},
                    **{"employer_key": employer.key, "insurance": insurance, "entry": "正常"},
                    **{"unit_fen": 100, "person_fen": 100, "state": "已到账"},
                    paid_on=date(month // 100, month % 100, 20),
                )

    def claim(self, person: str, employer: Employer | None, first: int, last: int) -> None:
        spell = {"person_id": person, "from_month": first, "to_month": last}
        unit = employer.unit if employer else None
        self.add("unemployment_benefits", **spell, last_unit_no=unit)

    def hire(self, person: str, employer: Employer, last: int) -> None:
        contract = {"contract_type": "无固定期限", "starts_on": WINDOW}
        self.add("employment", person_id=person, employer_code=employer.code, **contract)
        self.insure(person, employer, 202002, last, "养老")

    def account(self, subject: str, number: str, state: str = "正常") -> None:
        kind = "单位" if subject.startswith("9") else "个人"
        given = {"subject_kind": kind, "subject_id": subject, "account_state": state}
        self.add("accounts", **given, account_no=number)

    def tell(self, finding: str, is_case: bool, *subjects: str) -> None:
        (self.planted if is_case else self.near).update((finding, one) for one in subjects)


def short_insured(cases: Cases, place: int) -> None:
    """One to three months; honest: four, also in two parts, or insured since the first month."""
    employer = cases.employer()
    for _ in range(10):
        cases.insure(cases.person(), employer, 202001, 202001, "失业")
    for first, last, claimed in (
        (202005, 202005 + place % 3, 202008),
        (202005, 202008, 202009),
        (201812, 201901, 201902),
        (202004, 202005, 202009),
    ):
        person = cases.person()
        cases.insure(person, employer, first, last, "失业")
        if first == 202004:
            cases.insure(person, employer, 202007, 202008, "失业")
        cases.claim(person, employer, claimed, 202012)
        cases.tell("short_insured", first == 202005 and last < 202008, person)


def claimants_employer(cases: Cases, _place: int) -> None:
    """Three of five; honest: half, two of three, three of five a month too early."""
    for staff, claimants, month in ((5, 3, 201912), (6, 3, 201912), (3, 2, 201912), (5, 3, 201911)):
        employer = cases.employer()
        people = [cases.person() for _ in range(staff)]
        for person in people:
            cases.insure(person, employer, 201904, 201910, "失业")
        for person in people[:claimants]:
            cases.claim(person, employer, month, 202012)
        is_case = (staff, month) == (5, 201912)
        cases.tell("claimants_employer", is_case, employer.code, *people[:claimants])


def shared_account(cases: Cases, place: int) -> None:
    """Strangers, an employer and its owner; honest: a household, an owner-run business, a closed
    account, one person with two."""

    def resident(household: str) -> str:
        person = cases.person()
        cases.add("residents", person_id=person, household_no=f"P{place}{household}")
        return person

    def share(is_case: bool, states: Sequence[str], *subjects: str) -> None:
        cases.number += 1
        for subject, state in zip(subjects, states, strict=True):
            cases.account(subject, f"62280{cases.number:014d}", state)
        cases.tell("shared_account", is_case, *subjects)

    normal, owner, trader = "正常", resident("e"), resident("f")
    share(True, [normal] * 2, resident("a"), resident("b"))
    share(True, [normal] * 2, cases.employer(owner).code, owner)
    share(False, [normal] * 2, resident("c"), resident("c"))
    share(False, [normal] * 2, cases.employer(trader, "个体工商户").code, trader)
    share(False, [normal, "销户"], resident("g"), resident("h"))
    alone = resident("i")
    share(False, [normal] * 2, alone, alone)


def payroll_after_end(cases: Cases, place: int) -> None:
    """Wages two months after a death, in custody; honest: a month after, the month of release."""
    for kind, month, gross, is_case in (
        (("deaths", "custody")[place % 2], 201908, 100, True),
        ("deaths", 201907, 100, False),
        ("deaths", 201908, 0, False),
        ("custody", 201907, 100, False),
        ("custody", 201912, 100, False),
    ):
        employer, person, day = cases.employer(), cases.person(), date(2019, 6, 10)
        if kind == "deaths":
            cases.add("deaths", person_id=person, died_on=day)
        else:
            cases.add("custody", person_id=person, from_date=day, to_date=date(2019, 12, 1))
        wage = {"month": month, "gross_fen": gross, "net_fen": gross, "paid_on": date(2020, 1, 5)}
        cases.add("payroll", person_id=person, employer_code=employer.code, **wage)
        cases.tell("payroll_after_end", is_case, employer.code)


def attended_on_benefit(cases: Cases, _place: int) -> None:
    """Three days between the first month and the last; honest: two, or in one of these months."""
    for days, first, last in ((3, 201912, 202002), (2, 201912, 202002), (9, 202001, 202006)):
        employer, person = cases.employer(), cases.person()
        _attend(cases, person, employer, days)
        cases.claim(person, None, first, last)
        cases.tell("attended_on_benefit", days == 3, employer.code, person)
    employer, person = cases.employer(), cases.person()
    _attend(cases, person, employer, 9)
    cases.claim(person, None, 201906, 202001)
    cases.tell("attended_on_benefit", False, employer.code, person)


def _attend(cases: Cases, person: str, employer: Employer, days: int) -> None:
    for day in range(days):
        worked_on = date(2020, 1, 20 + day)
        cases.add("attendance", person_id=person, employer_code=employer.code, worked_on=worked_on)


def window_insured(cases: Cases, _place: int) -> None:
    """Three of four for three months; honest: four months, half of them, two, one month back."""
    for gone, staying, last in ((3, 1, 202004), (4, 0, 202005), (3, 3, 202004), (2, 0, 202004)):
        employer = cases.employer()
        for place in range(gone + staying):
            cases.hire(cases.person(), employer, last if place < gone else 202011)
        cases.tell("window_insured", (gone, staying) == (3, 1), employer.code)
    employer = cases.employer()
    for _ in range(3):
        person = cases.person()
        cases.hire(person, employer, 202003)
        cases.insure(person, employer, 202009, 202009, "养老")
    cases.tell("window_insured", False, employer.code)


def split_employer(cases: Cases, _place: int) -> None:
    """31 persons in two, three moved; honest: 30, two moved, another owner, one of 31."""
    for left, right, moved, is_related, month in (
        (16, 15, 3, True, 201906),
        (15, 15, 3, True, 201906),
        (16, 15, 2, True, 201906),
        (16, 15, 3, False, 201906),
        (31, 15, 3, True, 201906),
    ):
        owner = cases.person()
        one, other = cases.employer(owner), cases.employer(owner if is_related else cases.person())
        for employer, staff in ((one, left), (other, right)):
            for place in range(staff):
                person = cases.person()
                cases.insure(person, employer, 201912, 201912, "失业")
                if employer == other and place < moved:
                    cases.insure(person, one, month, month, "失业")
        is_case = (left, moved, is_related) == (16, 3, True)
        cases.tell("split_employer", is_case, one.code, other.code)


def shifted_staff(cases: Cases, _place: int) -> None:
    """Three from a related employer; honest: two, another owner, seven months before."""
    for persons, is_related, month in (
        (3, True, 201908),
        (2, True, 201908),
        (3, False, 201908),
        (3, True, 201907),
    ):
        owner = cases.person()
        employer = cases.employer(owner)
        other = cases.employer(owner if is_related else cases.person())
        for _ in range(persons):
            person = cases.person()
            cases.hire(person, employer, 202011)
            cases.insure(person, other, month, month, "养老")
        is_case = (persons, is_related, month) == (3, True, 201908)
        cases.tell("shifted_staff", is_case, employer.code)


PATTERNS: Mapping[str, Callable[[Cases, int], None]] = {
    plant.__name__: plant
    for plant in (
        *(short_insured, claimants_employer, shared_account, payroll_after_end),
        *(attended_on_benefit, window_insured, split_employer, shifted_staff),
    )
}


def planted_cases(count: int) -> Cases:
    """Plant each pattern so many times, and somebody who is insured in every month."""
    cases = Cases()
    cases.insure(cases.person(), cases.employer(), 201812, 202011, "养老", "失业")
    for place in range(count):
        for plant in PATTERNS.values():
            plant(cases, place)
    return cases


def change_jobs(cases: Cases, employers: int) -> None:
    """Let eight people per employer change jobs by chance, some by way of benefit; every two
    employers have one owner. Whoever of them is found is a false alarm."""
    chance, months = Random(20201130), months_between(201812, 202011)
    owners = [cases.person() for _ in range(employers // 2 + 1)]
    made = [cases.employer(owners[place // 2]) for place in range(employers)]
    for _ in range(8 * employers):
        person, begin = cases.person(), chance.randrange(12)
        while begin < len(months):
            end = min(begin + chance.choice((1, 2, 3, 6, 12, 24)), len(months)) - 1
            employer = chance.choice(made)
            if months[begin] == 202002:
                cases.hire(person, employer, 202002)
            cases.insure(person, employer, months[begin], months[end], "养老", "失业")
            if end < len(months) - 1 and chance.random() < 0.2:
                cases.claim(person, employer, months[end + 1], 202012)
                break
            begin = end + 1 + chance.randrange(4)


def found_in(tables: Mapping[str, Sequence[Path]]) -> pl.DataFrame:
    """Return what the rules find of the patterns in tables."""
    findings = determine(tables, AS_OF, NO_PAYMENTS, threads=2).findings
    return findings.filter(pl.col("finding").is_in([*PATTERNS]))


def main(count: int = 200, persons: int = 10_000) -> int:
    cases = planted_cases(count)
    change_jobs(cases, 2 * count)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_sample(place / "drop", persons, 1, AS_OF, False, "parquet", None, 24)
        tables = ingest_drop(place / "drop", place / "snapshots").tables()
        (place / "planted").mkdir()
        for kind, paths in write_tables(place / "planted", cases.rows).items():
            tables[kind] = [*tables.get(kind, []), *paths]
        told = set(found_in(tables).select("finding", "subject_id").iter_rows())
    print(f"{persons:,} persons, every pattern planted {count} times, with its near misses")
    print("pattern              planted  found  recall  near misses  found  by chance  precision")
    is_well = True
    for name in PATTERNS:
        found, planted, near = (
            {subject for finding, subject in rows if finding == name}
            for rows in (told, cases.planted, cases.near)
        )
        hits, misses = len(found & planted), len(found & near)
        recall, precision = 100 * hits / len(planted), 100 * hits / max(len(found), 1)
        others = len(found) - hits - misses
        print(
            f"{name:20} {len(planted):7} {hits:6} {recall:6.1f}% {len(near):12} {misses:6}"
            f" {others:10} {precision:9.1f}%"
        )
        is_well &= recall >= 95
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
