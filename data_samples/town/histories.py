"""Insurance and pay of the background: who paid what for which month, and what went wrong."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from data_samples.town.employers import Employers
from data_samples.town.naming import Ints
from data_samples.town.persons import EMPLOYEE, FLEXIBLE, People

INSURANCES = ("养老", "医疗", "失业", "工伤", "生育")
UNIT_PERMILLE = np.array([160, 70, 7, 2, 10])
PERSON_PERMILLE = np.array([80, 20, 3, 0, 0])
FLEXIBLE_PERMILLE = np.array([200, 80, 0, 0, 0])
# 阶段性减免: from February to June 2020 small employers paid nothing for these three.
EXEMPT_INSURANCES = np.array([True, False, True, True, False])
EXEMPT_FROM, EXEMPT_TO = 202002, 202006
DEFERRED_FROM = 202002
FIRST_MONTH = 201812


@dataclass(frozen=True)
class Calendar:
    """The months of the histories, as numbers YYYYMM and as first days."""

    months: Ints
    first_days: npt.NDArray[np.datetime64]

    @property
    def count(self) -> int:
        """Return how many months there are."""
        return len(self.months)


def make_calendar(as_of: date, first_month: int = FIRST_MONTH) -> Calendar:
    """List the months from the first to the as-of date's."""
    first = np.datetime64(f"{first_month // 100}-{first_month % 100:02d}", "M")
    months = np.arange(first, np.datetime64(as_of, "M") + 1)
    numbers = months.astype("datetime64[Y]").astype(np.int64) + 1970
    return Calendar(
        numbers * 100 + months.astype(np.int64) % 12 + 1, months.astype("datetime64[D]")
    )


def employed_months(people: People, calendar: Calendar) -> tuple[Ints, Ints, Ints]:
    """Say who was employed when and where, month after month.

    Rows:    one per (month, employee employed in it): month place, person place, employer place
    """
    places = np.arange(calendar.count)[:, None]
    is_employed = (people.role == EMPLOYEE) & (places >= people.hired) & (places < people.left)
    month, person = np.nonzero(is_employed)
    switched = month >= people.switched[person]
    employer = np.where(switched, people.employer[person], people.employer_before[person])
    return month, person, employer


def contribution_table(
    chance: np.random.Generator,
    people: People,
    employers: Employers,
    calendar: Calendar,
    first_serial: int,
) -> pl.DataFrame:
    """Return the contributions of one chunk of people, in the order of the months.

    Rows:    one per (person, month, insurance) insured; units: fen
    """
    month, person, employer = employed_months(people, calendar)
    parts = [_employee_rows(chance, people, employers, calendar, (month, person, employer))]
    flexible = _flexible_rows(people, calendar)
    if flexible.height:
        parts.append(flexible)
    table = pl.concat(parts)
    serial = pl.int_range(first_serial, first_serial + table.height, eager=True)
    return table.insert_column(0, ("B" + serial.cast(pl.String).str.zfill(12)).alias("serial_no"))


def _employee_rows(
    chance: np.random.Generator,
    people: People,
    employers: Employers,
    calendar: Calendar,
    employed: tuple[Ints, Ints, Ints],
) -> pl.DataFrame:
    kinds = len(INSURANCES)
    month, person, employer = (np.repeat(places, kinds) for places in employed)
    kind = np.tile(np.arange(kinds), len(employed[0]))
    base = people.wage_fen[person]
    number = calendar.months[month]
    exempt = (
        employers.is_exempt[employer]
        & EXEMPT_INSURANCES[kind]
        & (number >= EXEMPT_FROM)
        & (number <= EXEMPT_TO)
    )
    since = month - employers.arrears_from[employer]
    unpaid = (since >= 0) & (since < 3)
    deferred = employers.is_deferring[employer] & (number >= DEFERRED_FROM) & ~unpaid
    late = (chance.random(len(kind)) < 0.002) & (month < calendar.count - 1) & ~unpaid & ~deferred
    arrived = ~(unpaid | deferred)
    days = 14 + employer % 10 + np.where(late, 31, 0)
    paid_on = (calendar.first_days[month] + days.astype("timedelta64[D]")).astype("datetime64[ms]")
    return pl.DataFrame(
        {
            "unit_no": employers.frame["unit_no"].gather(employer),
            "name": people.frame["name"].gather(person),
            "person_id": people.frame["person_id"].gather(person),
            "insurance": pl.Series(INSURANCES).gather(kind),
            "month": number.astype(np.int32),
            "base_fen": base,
            "unit_fen": np.where(exempt, 0, base * UNIT_PERMILLE[kind] // 1000),
            "person_fen": base * PERSON_PERMILLE[kind] // 1000,
            "entry": pl.Series(["正常", "补缴"]).gather(late.astype(np.int64)),
            "state": pl.Series(["已到账", "未到账", "缓缴"]).gather(
                np.where(unpaid, 1, np.where(deferred, 2, 0))
            ),
            "paid_on": pl.Series(np.where(arrived, paid_on, np.datetime64("NaT"))).cast(pl.Date),
        }
    )


def _flexible_rows(people: People, calendar: Calendar) -> pl.DataFrame:
    person = np.repeat(np.nonzero(people.role == FLEXIBLE)[0], calendar.count * 2)
    month = np.tile(np.repeat(np.arange(calendar.count), 2), len(person) // (calendar.count * 2))
    kind = np.tile(np.array([0, 1]), len(person) // 2)
    base = people.wage_fen[person] * 6 // 10
    paid_on = (calendar.first_days[month] + np.timedelta64(19, "D")).astype("datetime64[ms]")
    return pl.DataFrame(
        {
            "unit_no": pl.Series([None] * len(person), dtype=pl.String),
            "name": people.frame["name"].gather(person),
            "person_id": people.frame["person_id"].gather(person),
            "insurance": pl.Series(INSURANCES).gather(kind),
            "month": calendar.months[month].astype(np.int32),
            "base_fen": base,
            "unit_fen": np.zeros(len(person), dtype=np.int64),
            "person_fen": base * FLEXIBLE_PERMILLE[kind] // 1000,
            "entry": pl.repeat("正常", len(person), eager=True),
            "state": pl.repeat("已到账", len(person), eager=True),
            "paid_on": pl.Series(paid_on).cast(pl.Date),
        }
    )


def payroll_table(
    people: People, employers: Employers, calendar: Calendar, first_serial: int
) -> pl.DataFrame:
    """Return the pay of one chunk of people.

    Rows:    one per (employee, month employed); units: fen
    """
    month, person, employer = employed_months(people, calendar)
    gross = people.wage_fen[person] * 12 // 10
    serial = pl.int_range(first_serial, first_serial + len(month), eager=True)
    return pl.DataFrame(
        {
            "employer_code": employers.frame["employer_code"].gather(employer),
            "name": people.frame["name"].gather(person),
            "person_id": people.frame["person_id"].gather(person),
            "month": calendar.months[month].astype(np.int32),
            "gross_fen": gross,
            "net_fen": gross * 87 // 100,
            "days": 20 + person % 4,
            "paid_on": pl.Series(
                (calendar.first_days[month] + np.timedelta64(27, "D")).astype("datetime64[ms]")
            ).cast(pl.Date),
            "serial_no": "BP" + serial.cast(pl.String).str.zfill(12),
        }
    )
