"""The people of the background, a chunk at a time: who they are and what they do."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from data_samples.town.employers import Employers
from data_samples.town.naming import Flags, Ints, person_ids, person_names

CHILD, STUDENT, EMPLOYEE, FLEXIBLE, UNEMPLOYED, INACTIVE, PENSIONER = range(7)
WORKING_SHARES = (0.72, 0.10, 0.07, 0.11)
YOUNGEST_DENSE, OLDEST_DENSE = 18, 59
OLDEST = 88


@dataclass(frozen=True)
class People:
    """One chunk of people as arrays, all of the same length.

    Rows:    frame  person_id, name, sex, born
    Units:   months count from the first month of the histories; wage_fen is a month's pay
    """

    frame: pl.DataFrame
    born: np.ndarray
    is_male: Flags
    role: Ints
    employer: Ints
    employer_before: Ints
    hired: Ints
    left: Ints
    switched: Ints
    wage_fen: Ints

    @property
    def count(self) -> int:
        """Return the number of people."""
        return self.frame.height


def make_people(
    chance: np.random.Generator,
    first: int,
    count: int,
    months: int,
    as_of: date,
    employers: Employers,
    dense: bool,
) -> People:
    """Draw people number `first` to `first + count`; dense: everybody is an employee all along."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    youngest, oldest = (YOUNGEST_DENSE, OLDEST_DENSE) if dense else (0, OLDEST)
    days = (oldest - youngest) * 365
    last_birthday = np.datetime64(as_of, "D") - np.timedelta64(youngest * 366 + 1, "D")
    born = last_birthday - (numbers * 7919 % days).astype("timedelta64[D]")
    age = ((np.datetime64(as_of, "D") - born).astype(np.int64) // 365.25).astype(np.int64)
    is_male = chance.random(count) < 0.5
    role = np.full(count, EMPLOYEE) if dense else _roles(chance, age, is_male)
    frame = pl.DataFrame(
        {
            "person_id": person_ids(numbers // days, born, is_male),
            "name": person_names(chance, count),
            "sex": np.where(is_male, "男", "女"),
            "born": born,
        }
    )
    before_all = chance.random(count) < (1.0 if dense else 0.75)
    hired = np.where(before_all, -chance.integers(1, 60, count), chance.integers(0, months, count))
    leaves = (chance.random(count) < 0.08) & ~np.full(count, dense)
    left = np.where(leaves, chance.integers(1, months, count), months)
    return People(
        frame=frame,
        born=born,
        is_male=is_male,
        role=role,
        employer=chance.choice(len(employers.weights), size=count, p=employers.weights),
        employer_before=chance.choice(len(employers.weights), size=count, p=employers.weights),
        hired=np.where(left < hired, hired - months, hired),
        left=left,
        switched=np.where(chance.random(count) < 0.1, chance.integers(1, months, count), 0),
        wage_fen=np.rint(np.exp(chance.normal(8.35, 0.35, count))).astype(np.int64) * 100,
    )


def _roles(chance: np.random.Generator, age: Ints, is_male: Flags) -> Ints:
    working = chance.choice([EMPLOYEE, FLEXIBLE, UNEMPLOYED, INACTIVE], len(age), p=WORKING_SHARES)
    retires = np.where(is_male, 60, 55)
    role = np.where(age < 16, CHILD, working)
    role = np.where((age >= 16) & (age < 20) & (chance.random(len(age)) < 0.8), STUDENT, role)
    return np.where(age >= retires, PENSIONER, role).astype(np.int64)
