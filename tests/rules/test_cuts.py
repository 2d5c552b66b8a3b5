"""Every fact and policy says by what it can be cut: parts of a town, joined, are the whole town.

-- cut by: person       given the rows of some persons, and all rows about no person
-- cut by: employer     given the rows of some employers, and all rows about no employer
-- cut by: household    given the rows of some households, and all rows about no person
-- cut by: whole        it needs everything, or reads no extract at all
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from zlib import crc32

import polars as pl
import pytest

from data_samples.town.scene_rows import paid_lines_of, typed_tables
from flows.night.paid_lines import register_ledger
from sql import FactStore, connect, query, register_frame, register_tables
from sql.plan import CUTS, GIVEN_WHOLE, cuts_of
from sql.policy_runs import run_policy
from sql.texts import (
    fact_names,
    fact_path,
    policy_cards,
    policy_path,
    question_names,
    question_path,
)
from tests.reading.towns import random_town
from transforms.policies.cards import outside_span, reach_of

PARTS = 3
TOWNS = [(1, date(2020, 6, 15)), (2, date(2021, 3, 10))]
Tables = Mapping[str, pl.DataFrame]
FILES = [
    *map(fact_path, fact_names()),
    *map(question_path, question_names()),
    *map(policy_path, policy_cards()),
]


def owner_of(kind: str, row: Mapping[str, object], cut: str, of: Mapping[str, str]) -> str | None:
    """Return the person, employer or household whose row it is; None if it is nobody's."""
    if kind in GIVEN_WHOLE:
        return None
    is_employer = row.get("subject_kind") == "单位"
    if cut == "employer":
        unit = of.get(str(row.get("unit_no") or row.get("last_unit_no")))
        return row.get("employer_code") or unit or (row.get("subject_id") if is_employer else None)
    person = row.get("person_id") or (None if is_employer else row.get("subject_id"))
    return of.get(str(person), person) if cut == "household" else person


def parts_of(tables: Tables, cut: str) -> list[Tables]:
    keys = ("person_id", "household_no") if cut == "household" else ("unit_no", "employer_code")
    named = tables["residents" if cut == "household" else "insured_units"]
    of = dict(named.select(keys).iter_rows())
    places = {
        kind: [
            None if owner is None else crc32(owner.encode()) % PARTS
            for owner in (owner_of(kind, row, cut, of) for row in frame.iter_rows(named=True))
        ]
        for kind, frame in tables.items()
    }
    return [
        {
            kind: frame.filter(
                pl.Series([place in (None, part) for place in places[kind]], dtype=pl.Boolean)
            )
            for kind, frame in tables.items()
        }
        for part in range(PARTS)
    ]


def rows_of(tables: Tables, as_of: date, names: list[str]) -> dict[str, list[tuple[object, ...]]]:
    """Build facts and run policies over tables; return their rows."""
    connection = connect(threads=1)
    register_tables(connection, {}, as_of)
    for kind, frame in tables.items():
        register_frame(connection, f"delivered_{kind}", frame)
    register_ledger(connection, paid_lines_of([]), ())
    store, found = FactStore(connection, {}, as_of), {}
    for name in names:
        card = policy_cards().get(name)
        if card is None:
            store.build(name)
        elif outside_span(card, as_of):
            continue
        else:
            run_policy(store, card, reach_of(card, as_of))
        table = name if card is None else f"determination_{name}"
        found[name] = query(connection, f"select * from {table}").rows()
    return found


@cache
def town_of(seed: int, as_of: date) -> Tables:
    return typed_tables(random_town(seed, as_of, 25).tables)


def joined(seed: int, as_of: date, cut: str, names: list[str]) -> dict[str, set[str]]:
    """Run the parts of a town; return what they give together."""
    together: dict[str, set[str]] = {}
    for part in parts_of(town_of(seed, as_of), cut):
        for name, rows in rows_of(part, as_of, names).items():
            together.setdefault(name, set()).update(map(str, rows))
    return together


@pytest.mark.parametrize("path", FILES)
def test_every_fact_question_and_policy_says_what_it_can_be_cut_by(path: str) -> None:
    cuts = cuts_of(path)
    assert cuts == ("whole",) or (cuts and set(cuts) <= set(CUTS[:3])), cuts


@pytest.mark.parametrize("cut", CUTS[:3])
@pytest.mark.parametrize(("seed", "as_of"), TOWNS)
def test_the_parts_of_a_town_are_the_whole_town(seed: int, as_of: date, cut: str) -> None:
    # households are parts of a town by persons too: who is cut by person is tried with both
    also = {"person": "household"}
    names = [
        name
        for name in (*fact_names(), *policy_cards())
        for path in [fact_path(name) if name in fact_names() else policy_path(name)]
        if cut in {*cuts_of(path), *(also.get(one, "") for one in cuts_of(path))}
    ]
    whole = rows_of(town_of(seed, as_of), as_of, names)
    together = joined(seed, as_of, cut, names)
    for name, rows in whole.items():
        assert together[name] == set(map(str, rows)), f"{name} is not cut by {cut}"
        if name in policy_cards():
            assert len(together[name]) == len(rows)


@pytest.mark.parametrize(
    ("cut", "name"),
    [
        ("employer", "employer_insured_masks"),
        ("employer", "internship_subsidy"),
        ("person", "headcounts"),
        ("person", "zero_employment_household"),
        ("person", "stability_refund"),
    ],
)
def test_a_cut_that_is_none_is_noticed(cut: str, name: str) -> None:
    differs = False
    for seed, as_of in TOWNS:
        whole = rows_of(town_of(seed, as_of), as_of, [name])[name]
        differs |= joined(seed, as_of, cut, [name])[name] != set(map(str, whole))
    assert differs
