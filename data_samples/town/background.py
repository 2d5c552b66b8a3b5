"""The background population, a chunk at a time: every kind of extract that speaks of people."""

from datetime import date

import numpy as np
import polars as pl

from data_samples.town.employers import Employers
from data_samples.town.histories import Calendar, contribution_table, employed_months, payroll_table
from data_samples.town.naming import TOWNS, Flags
from data_samples.town.persons import (
    CHILD,
    EMPLOYEE,
    FLEXIBLE,
    INACTIVE,
    PENSIONER,
    UNEMPLOYED,
    People,
)
from transforms.columns import STORED_AS
from transforms.extracts.kinds import KINDS

KEY_SUPPLIER = "疫情防控重点物资生产企业"
HOLIDAY_DAYS = [date(2020, 1, day) for day in range(24, 32)] + [
    date(2020, 2, d) for d in range(1, 10)
]
HOUSEHOLD_SIZE = 3


def background_tables(
    chance: np.random.Generator,
    people: People,
    employers: Employers,
    lists: pl.DataFrame,
    calendar: Calendar,
    first: int,
) -> dict[str, pl.DataFrame]:
    """Return the rows of one chunk of people in every kind that speaks of people.

    Rows:    as the kinds; canonical column names, money in fen
    """
    rows_before = first * calendar.count
    tables = {
        "contributions": contribution_table(
            chance, people, employers, calendar, rows_before * 5 + first + 1
        ),
        "payroll": payroll_table(people, employers, calendar, rows_before + 1),
        "employment": _employment(chance, people, employers, calendar),
        "insured_persons": _insured_persons(chance, people, calendar),
        "residents": _residents(people, first),
        "attendance": _attendance(chance, people, employers, lists, calendar),
        **_unemployment(chance, people, employers, calendar),
        **_registers(chance, people, calendar),
        "accounts": _accounts(people, first),
        "support": _support(chance, people),
        "designations": _person_lists(chance, people, calendar),
    }
    return {name: complete(name, table) for name, table in tables.items()}


def complete(kind: str, table: pl.DataFrame) -> pl.DataFrame:
    """Give a table all columns of its kind, in the dictionary's order; what is not there is null.

    Raises:  polars' error for a column that the kind does not have
    """
    columns = KINDS[kind].columns
    given = set(table.columns)
    assert given <= {column.name for column in columns}, given
    return table.select(
        (pl.col(c.name) if c.name in given else pl.lit(None)).cast(STORED_AS[c.type]).alias(c.name)
        for c in columns
    )


def empty(kind: str) -> pl.DataFrame:
    """Return the table of a kind with no rows."""
    return pl.DataFrame(schema={c.name: STORED_AS[c.type] for c in KINDS[kind].columns})


def _dates(values: np.ndarray) -> pl.Series:
    return pl.Series(values.astype("datetime64[ms]")).cast(pl.Date)


def _month_start(calendar: Calendar, places: np.ndarray) -> np.ndarray:
    first = calendar.first_days[0].astype("datetime64[M]")
    starts: np.ndarray = (first + places.astype("timedelta64[M]")).astype("datetime64[D]")
    return starts


def _employment(
    chance: np.random.Generator, people: People, employers: Employers, calendar: Calendar
) -> pl.DataFrame:
    person = np.nonzero(people.role == EMPLOYEE)[0]
    count = len(person)
    day = chance.integers(0, 28, count).astype("timedelta64[D]")
    starts = _month_start(calendar, np.maximum(people.hired, people.switched)[person]) + day
    fixed = chance.random(count) < 0.7
    years = chance.integers(1, 4, count) * 365
    ends = starts + (years - 1).astype("timedelta64[D]")
    gone = people.left[person] < calendar.count
    last = _month_start(calendar, people.left[person]) - np.timedelta64(1, "D")
    gone &= last > starts
    reasons = pl.Series(["本人辞职", "合同期满", "协商解除", "经济性裁员", "其他", None])
    reason = np.where(gone, chance.choice(5, count, p=[0.45, 0.25, 0.15, 0.1, 0.05]), 5)
    return pl.DataFrame(
        {
            "employer_code": employers.frame["employer_code"].gather(people.employer[person]),
            "name": people.frame["name"].gather(person),
            "person_id": people.frame["person_id"].gather(person),
            "contract_type": np.where(fixed, "固定期限", "无固定期限"),
            "starts_on": _dates(starts),
            "ends_on": _dates(np.where(fixed, ends, np.datetime64("NaT"))),
            "ended_on": _dates(np.where(gone, last, np.datetime64("NaT"))),
            "end_reason": reasons.gather(reason),
        }
    )


def _insured_persons(
    chance: np.random.Generator, people: People, calendar: Calendar
) -> pl.DataFrame:
    insured = pl.Series(np.isin(people.role, [EMPLOYEE, FLEXIBLE, UNEMPLOYED, PENSIONER]))
    category = chance.choice(4, people.count, p=[0.6, 0.2, 0.17, 0.03])
    pension = np.where(people.role == PENSIONER, int(calendar.months[0]), 0)
    return people.frame.select(
        "person_id",
        "name",
        "sex",
        pl.Series(["工人", "干部", "农民工", None]).gather(category).alias("staff_category"),
        pl.Series("pension_from", pension).replace(0, None),
    ).filter(insured)


def _residents(people: People, first: int) -> pl.DataFrame:
    numbers = (np.arange(first, first + people.count) // HOUSEHOLD_SIZE).tolist()
    return people.frame.select(
        "person_id",
        "name",
        pl.Series("household_no", [f"H1{number:08d}" for number in numbers]),
        pl.Series("division_code", [f"3703020{number % len(TOWNS) + 1:02d}" for number in numbers]),
    )


def _attendance(
    chance: np.random.Generator,
    people: People,
    employers: Employers,
    lists: pl.DataFrame,
    calendar: Calendar,
) -> pl.DataFrame:
    """Let half of the staff of listed key suppliers work on some of the holidays."""
    listed = lists.filter(pl.col("list") == KEY_SUPPLIER)["subject_id"]
    is_listed = employers.frame["employer_code"].is_in(listed.implode()).to_numpy()
    month, person, employer = employed_months(people, calendar)
    in_january = (calendar.months[month] == 202001) & is_listed[employer]
    person, employer = person[in_january], employer[in_january]
    works = chance.random((len(person), len(HOLIDAY_DAYS))) < 0.5
    row, day = np.nonzero(works)
    return pl.DataFrame(
        {
            "employer_code": employers.frame["employer_code"].gather(employer[row]),
            "name": people.frame["name"].gather(person[row]),
            "person_id": people.frame["person_id"].gather(person[row]),
            "worked_on": pl.Series(HOLIDAY_DAYS, dtype=pl.Date).gather(day),
        }
    )


def _unemployment(
    chance: np.random.Generator, people: People, employers: Employers, calendar: Calendar
) -> dict[str, pl.DataFrame]:
    person = np.nonzero(people.role == UNEMPLOYED)[0]
    count = len(person)
    since = chance.integers(0, calendar.count, count)
    registered = _month_start(calendar, since) + chance.integers(0, 28, count).astype(
        "timedelta64[D]"
    )
    closed = chance.random(count) < 0.2
    willing = chance.choice(3, count, p=[0.75, 0.2, 0.05])
    rows = people.frame[person.tolist()].select("name", "person_id")
    unemployment = rows.with_columns(
        _dates(registered).alias("registered_on"),
        _dates(np.where(closed, registered + np.timedelta64(45, "D"), np.datetime64("NaT"))).alias(
            "closed_on"
        ),
        pl.Series(["有", "无", None]).gather(willing).alias("willing"),
    )
    draws = pl.Series(chance.random(count) < 0.6)
    last = np.minimum(since + chance.integers(3, 18, count), calendar.count - 1)
    benefits = rows.with_columns(
        employers.frame["unit_no"].gather(people.employer[person]).alias("last_unit_no"),
        pl.Series("from_month", calendar.months[since]),
        pl.Series("to_month", calendar.months[last]),
        pl.lit("失业保险金").alias("benefit_type"),
    ).filter(draws)
    return {"unemployment": unemployment, "unemployment_benefits": benefits}


def _registers(
    chance: np.random.Generator, people: People, calendar: Calendar
) -> dict[str, pl.DataFrame]:
    """Return the registers of few people: graduates, deaths, custody."""
    rows = people.frame
    young = people.born > calendar.first_days[0] - np.timedelta64(25 * 366, "D")
    grown = people.born < calendar.first_days[0] - np.timedelta64(21 * 366, "D")
    is_graduate = young & grown & (chance.random(people.count) < 0.5)
    dies = (people.role == PENSIONER) & (chance.random(people.count) < 0.03)
    jailed = (people.role == INACTIVE) & (chance.random(people.count) < 0.01)
    year = int(calendar.months[0]) // 100
    died_on = _month_start(calendar, chance.integers(0, calendar.count, people.count))
    return {
        "graduates": _some(rows, is_graduate).with_columns(
            pl.lit("山东理工大学").alias("school"),
            pl.lit("本科").alias("degree"),
            pl.lit(date(year, 6, 30)).alias("graduated_on"),
        ),
        "deaths": _some(rows.with_columns(_dates(died_on).alias("died_on")), dies).with_columns(
            pl.lit("公安注销").alias("source")
        ),
        "custody": _some(rows, jailed).with_columns(pl.lit(date(year, 9, 1)).alias("from_date")),
    }


def _some(rows: pl.DataFrame, chosen: Flags) -> pl.DataFrame:
    return rows.filter(pl.Series(chosen)).drop("sex", "born")


def _accounts(people: People, first: int) -> pl.DataFrame:
    held = pl.Series(people.role != CHILD) & pl.Series(people.role != EMPLOYEE)
    numbers = np.arange(first, first + people.count).tolist()
    return people.frame.select(
        pl.lit("个人").alias("subject_kind"),
        pl.col("person_id").alias("subject_id"),
        pl.col("name").alias("holder"),
        pl.Series("account_no", [f"6217{number:015d}" for number in numbers]),
        pl.lit("中国工商银行淄川支行").alias("bank_name"),
        pl.lit("102453000107").alias("bank_code"),
        pl.lit("正常").alias("account_state"),
    ).filter(held)


def _support(chance: np.random.Generator, people: People) -> pl.DataFrame:
    """Let some flexible workers have had the subsidy for the hard to employ, by another system."""
    granted = (people.role == FLEXIBLE) & (chance.random(people.count) < 0.1)
    return _some(people.frame, granted).select(
        pl.lit("灵活就业社保补贴").alias("support_type"),
        pl.lit("个人").alias("subject_kind"),
        pl.col("person_id").alias("subject_id"),
        pl.col("name").alias("subject_name"),
        pl.lit(201701).alias("from_month"),
        pl.lit(201912).alias("to_month"),
        pl.lit(36).alias("months_used"),
        pl.lit(1_200_000).alias("amount_fen"),
    )


def _person_lists(chance: np.random.Generator, people: People, calendar: Calendar) -> pl.DataFrame:
    shares = {"残疾人": 0.012, "就业困难人员": 0.02, "建档立卡": 0.01, "退役军人": 0.02}
    year = int(calendar.months[0]) // 100
    return pl.concat(
        _some(people.frame, chance.random(people.count) < share).select(
            pl.lit(name).alias("list"),
            pl.lit("个人").alias("subject_kind"),
            pl.col("person_id").alias("subject_id"),
            pl.col("name").alias("subject_name"),
            pl.lit(date(year, 1, 1)).alias("valid_from"),
            pl.lit(f"川残联〔{year}〕{number}号").alias("document_no"),
        )
        for number, (name, share) in enumerate(shares.items(), start=1)
    )
