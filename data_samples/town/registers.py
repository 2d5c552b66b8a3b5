"""What other bureaus hold about the employers of the background: housing fund, leases, layoffs."""

from datetime import date

import numpy as np
import polars as pl

from data_samples.town.employers import Employers
from data_samples.town.histories import Calendar
from data_samples.town.naming import Ints

FUND_MONTHS = 3
FUND_RATES_BP = np.array([500, 550, 600, 800, 1000, 1200])
FUND_RATE_SHARES = (0.45, 0.05, 0.1, 0.15, 0.1, 0.15)
INCUBATORS = ("淄川区创业孵化基地", "淄川区大学生创业园", "双杨镇返乡创业园")


def register_tables(
    chance: np.random.Generator, employers: Employers, calendar: Calendar, as_of: date
) -> dict[str, pl.DataFrame]:
    """Return who pays into the housing fund, who rents in an incubator, who reported layoffs.

    Rows:    housing_fund one per (account, month) of the last months; some have two accounts
    """
    count = employers.frame.height
    leases = np.nonzero(chance.random(count) < 0.03)[0]
    layoffs = np.nonzero(chance.random(count) < 0.004)[0]
    return {
        "housing_fund": _housing_fund(chance, employers, calendar),
        "tenancies": _tenancies(chance, employers, leases, as_of),
        "layoff_reports": _layoff_reports(chance, employers, layoffs, as_of),
    }


def _codes(employers: Employers, places: Ints) -> pl.Series:
    return employers.frame["employer_code"].gather(places)


def _days(values: np.ndarray) -> pl.Series:
    return pl.Series(values.astype("datetime64[ms]")).cast(pl.Date)


def _housing_fund(
    chance: np.random.Generator, employers: Employers, calendar: Calendar
) -> pl.DataFrame:
    staff = employers.frame["staff"].to_numpy()
    pays = np.nonzero((staff >= 3) & (chance.random(len(staff)) < 0.45))[0]
    accounts = np.where(chance.random(len(pays)) < 0.08, 2, 1)
    employer = np.repeat(pays, accounts)
    unit_bp = chance.choice(FUND_RATES_BP, len(employer), p=FUND_RATE_SHARES)
    person_bp = np.where(chance.random(len(employer)) < 0.95, unit_bp, 500)
    persons = np.maximum(1, staff[employer] // np.repeat(accounts, accounts))
    base_fen = chance.integers(25, 70, len(employer)) * 10_000
    months = calendar.months[-FUND_MONTHS:]
    row = np.repeat(np.arange(len(employer)), len(months))
    return pl.DataFrame(
        {
            "employer_code": _codes(employers, employer[row]),
            "month": np.tile(months, len(employer)).astype(np.int32),
            "unit_rate_bp": unit_bp[row],
            "person_rate_bp": person_bp[row],
            "persons": persons[row],
            "amount_fen": (persons * base_fen * (unit_bp + person_bp) // 10_000)[row],
        }
    )


def _tenancies(
    chance: np.random.Generator, employers: Employers, places: Ints, as_of: date
) -> pl.DataFrame:
    begun = np.datetime64(as_of) - chance.integers(30, 900, len(places)).astype("timedelta64[D]")
    length = chance.integers(1, 4, len(places)) * 365 - 1
    return pl.DataFrame(
        {
            "employer_code": _codes(employers, places),
            "incubator": pl.Series(INCUBATORS).gather(places % len(INCUBATORS)),
            "from_date": _days(begun),
            "to_date": _days(begun + length.astype("timedelta64[D]")),
            "rent_free": pl.Series(["是", "否", None]).gather(chance.integers(0, 3, len(places))),
        }
    )


def _layoff_reports(
    chance: np.random.Generator, employers: Employers, places: Ints, as_of: date
) -> pl.DataFrame:
    reported = np.datetime64(as_of) - chance.integers(1, 200, len(places)).astype("timedelta64[D]")
    staff = employers.frame["staff"].to_numpy()[places]
    return pl.DataFrame(
        {
            "employer_code": _codes(employers, places),
            "reported_on": _days(reported),
            "planned_from": _days(reported + np.timedelta64(30, "D")),
            "persons": np.maximum(1, staff // 8),
            "document_no": [f"裁报〔{as_of.year}〕{number}号" for number in range(len(places))],
        }
    )
