"""Derived facts against the rulebook's sentences, written a second time as plain Python."""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sql import (
    Connection,
    DatabaseError,
    FactStore,
    connect,
    query,
    register_frame,
    register_tables,
    view_kind,
)
from sql.texts import files_in, name_of
from tests.rules.engine_tables import EMPLOYER, NO_PAYMENTS, OTHER_EMPLOYER, paid, write_tables
from tests.rules.golden import person_id
from transforms.columns import STORED_AS
from transforms.policies.parameters import months_between

AS_OF = date(2020, 2, 15)
PERSONS = [person_id(2, "1990-01-01", number, "男") for number in range(1, 6)]
# Eras turn at 2018-01 and 2023-01: months on both sides of the first are among these.
MONTHS = [*months_between(201711, 201802), *months_between(201911, 202003)]
EMPLOYER_KEYS = {"": 0, "1": 1, "2": 1, "3": 2}
Key = tuple[str, int, str, int]


def random_bookings(seed: int) -> list[dict[str, Any]]:
    """Make bookings that collide: few persons, units and months, every entry and state."""
    chance = random.Random(seed)
    rows = []
    for number in range(chance.choice([40, 150, 400])):
        entry = chance.choice(["正常", "正常", "正常", "补缴", "退费"])
        state = chance.choice(["已到账", "已到账", "未到账", "未到账", "缓缴"])
        unit = chance.choice(["", "1", "2", "3"])
        sign = -1 if entry == "退费" else 1
        rows.append(
            paid(
                chance.choice(PERSONS),
                chance.choice(MONTHS),
                chance.choice(["养老", "医疗", "失业", "工伤"]),
                number,
                unit_no=unit or None,
                employer_key=EMPLOYER_KEYS[unit],
                entry=entry,
                state=state,
                unit_fen=sign * chance.choice([0, 100, 200]),
                person_fen=sign * chance.choice([0, 50]),
                paid_on=AS_OF + timedelta(chance.choice([-400, -1, 0, 1, 30]))
                if state == "已到账"
                else None,
            )
        )
    return rows


def visible(row: dict[str, Any]) -> bool:
    return row["month"] <= 202002 and (row["state"] != "已到账" or row["paid_on"] <= AS_OF)


def by_key(rows: list[dict[str, Any]]) -> dict[Key, list[dict[str, Any]]]:
    found: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in filter(visible, rows):
        found[row["person_id"], row["employer_key"], row["insurance"], row["month"]].append(row)
    return found


def is_insured(rows: list[dict[str, Any]]) -> bool:
    arrived = [row for row in rows if row["state"] == "已到账"]
    refunded = any(row["entry"] == "退费" for row in arrived) and (
        sum(row["unit_fen"] + row["person_fen"] for row in arrived) <= 0
    )
    return not refunded and any(
        row["entry"] != "退费" and row["state"] in ("已到账", "缓缴") for row in rows
    )


def is_on_time(rows: list[dict[str, Any]]) -> bool:
    return is_insured(rows) and any(
        row["entry"] == "正常" and row["state"] == "已到账" for row in rows
    )


def is_in_arrears(rows: list[dict[str, Any]]) -> bool:
    return not is_insured(rows) and any(
        row["entry"] != "退费" and row["state"] == "未到账" for row in rows
    )


@pytest.fixture(params=range(12))
def town(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Connection, FactStore, dict[Key, list[dict[str, Any]]]]]:
    rows = random_bookings(request.param)
    units = [("1", EMPLOYER), ("2", EMPLOYER), ("3", OTHER_EMPLOYER)]
    keys = {EMPLOYER: 1, OTHER_EMPLOYER: 2}
    tables = write_tables(
        tmp_path,
        {
            "contributions": rows,
            "insured_units": [
                {"unit_no": unit, "employer_code": code, "employer_key": keys[code]}
                for unit, code in units
            ],
            "graduates": [
                {"person_id": person, "graduated_on": date(2019, 1, 1)} for person in PERSONS[:3]
            ],
        },
        buckets=request.param % 3 + 1,
    )
    connection = connect(1)
    register_tables(connection, tables, AS_OF)
    register_frame(connection, "paid_lines", NO_PAYMENTS)
    empty = {name: STORED_AS["text"] for name in ("support_type", "policy_id", "payment_id")}
    register_frame(connection, "policy_support_types", pl.DataFrame(schema=empty))
    register_frame(connection, "ledger_payment_ids", pl.DataFrame(schema=empty))
    yield connection, FactStore(connection, tables, AS_OF), by_key(rows)
    connection.close()


def months_of(store: FactStore, mask: str) -> set[tuple[int, int, str, int]]:
    """Return the (person_key, employer_key, insurance, month) whose bit is set."""
    store.build("insurance_masks")
    months = ", ".join(f"({month})" for month in MONTHS)
    return set(
        query(
            store.connection,
            f"select person_key, employer_key, insurance, month from insurance_masks, "
            f"(values {months}) as asked (month) "
            f"where era = month_era(month) and {mask} & month_bit(month) <> 0",
        ).rows()
    )


def keyed(keys: set[Key]) -> set[tuple[int, int, str, int]]:
    return {(int(person[:17]), employer, kind, month) for person, employer, kind, month in keys}


def test_masks_say_what_the_sentences_say(town: Any) -> None:
    _, store, found = town
    deciding = {key: rows for key, rows in found.items() if key[2] != "工伤"}
    insured = {key for key, rows in deciding.items() if is_insured(rows)}
    on_time = {key for key, rows in deciding.items() if is_on_time(rows)}
    unpaid = {key for key, rows in found.items() if is_in_arrears(rows)}
    assert months_of(store, "insured_mask") == keyed(insured)
    assert months_of(store, "on_time_mask") == keyed(on_time)
    assert months_of(store, "unpaid_mask") == keyed(unpaid)


def test_a_fact_that_was_dropped_is_built_again_where_it_is_asked_again(town: Any) -> None:
    connection, store, _ = town
    store.build("headcounts")
    store.build_under("questions/headcount_of.sql")
    stood = query(connection, "select * from headcounts order by all").rows()
    store.keep({"insurance_masks"})
    assert {"headcounts", "refunded_masks"}.isdisjoint(store.built)
    assert "insurance_masks" in store.built
    with pytest.raises(DatabaseError, match="headcounts"):
        query(connection, "select * from headcounts")
    built: list[str] = []
    store.on_fact = built.append
    store.build("headcounts")
    assert query(connection, "select * from headcounts order by all").rows() == stood
    # What it rests on stands still, and what that rested on is not asked for again.
    assert "insurance_masks" not in built
    assert "refunded_masks" not in built


def test_a_question_that_stands_builds_the_dropped_fact_it_asks(town: Any) -> None:
    connection, store, _ = town
    path = "policies/stability_refund.sql"
    store.build_under(path)
    store.keep(())
    store.build_under(path)
    assert {name_of(other) for other in files_in(path)} <= store.built
    assert query(connection, "select count(*) from headcounts").item() >= 0


def test_headcounts_count_persons_once(town: Any) -> None:
    connection, store, found = town
    expected: dict[tuple[int, str, int], int] = defaultdict(int)
    for (_, employer, kind, month), rows in found.items():
        if employer and kind in ("养老", "失业") and is_insured(rows):
            expected[employer, kind, month] += 1
    store.build("headcounts")
    counted = query(connection, "select employer_key, insurance, month, headcount from headcounts")
    assert {row[:3]: row[3] for row in counted.rows()} == dict(expected)


def is_present(found: dict[Key, list[dict[str, Any]]], key: Key) -> bool:
    person, employer, kind, month = key
    number = month // 100 * 12 + month % 100 - 1
    before = [(n // 12 * 100 + n % 12 + 1) for n in range(number - 3, number)]
    late = [is_in_arrears(found.get((person, employer, kind, m), [])) for m in before]
    return is_insured(found[key]) or (is_in_arrears(found[key]) and not all(late))


def test_late_is_not_gone_but_four_months_late_is(town: Any) -> None:
    connection, store, found = town
    pension = [key for key in found if key[1] and key[2] == "养老"]
    expected = {key for key in pension if is_present(found, key)}
    staff: dict[tuple[int, int], int] = defaultdict(int)
    for _, employer, _, month in expected:
        staff[employer, month] += 1
    store.build("staff_counts")
    months = ", ".join(f"({month})" for month in MONTHS)
    present = query(
        connection,
        "select person_key, employer_key, '养老', month from present_masks, "
        f"(values {months}) as asked (month) "
        "where era = month_era(month) and present_mask & month_bit(month) <> 0",
    )
    assert set(present.rows()) == keyed(expected)
    counted = query(connection, "select employer_key, month, staff from staff_counts")
    assert {row[:2]: row[2] for row in counted.rows()} == dict(staff)


def test_arrears_name_employer_insurance_and_month(town: Any) -> None:
    connection, store, found = town
    expected = {
        ({1: EMPLOYER, 2: OTHER_EMPLOYER}[employer], kind, month)
        for (_, employer, kind, month), rows in found.items()
        if employer and is_in_arrears(rows)
    }
    store.build("arrear_months")
    arrears = query(connection, "select employer_code, insurance, month from arrear_months")
    assert set(arrears.rows()) == expected


def test_payments_sum_all_that_arrived_and_are_never_below_zero(town: Any) -> None:
    connection, store, found = town
    expected = {}
    for (person, employer, kind, month), rows in found.items():
        arrived = [row for row in rows if row["state"] == "已到账"]
        if arrived and month >= 202001 and person in PERSONS[:3] and kind != "工伤":
            expected[int(person[:17]), employer, kind, month] = (
                max(sum(row["unit_fen"] for row in arrived), 0),
                max(sum(row["person_fen"] for row in arrived), 0),
            )
    store.build("person_payments")
    payments = query(connection, "select * from person_payments")
    assert {row[:4]: row[4:] for row in payments.rows()} == expected


@pytest.mark.parametrize("seed", range(3))
def test_macros_of_the_calendar_agree_with_python(seed: int) -> None:
    chance = random.Random(seed)
    connection = connect(1)
    for _ in range(200):
        first = chance.choice(range(1990, 2030)) * 100 + chance.choice(range(1, 13))
        last = chance.choice(range(1990, 2030)) * 100 + chance.choice(range(1, 13))
        month = chance.choice(range(1990, 2030)) * 100 + chance.choice(range(1, 13))
        steps = chance.choice(range(-30, 31))
        row = connection.execute(
            "select months_mask(month_era($m), $a, $b) & month_bit($m) <> 0, "
            "month_plus($m, $n), month_of(month_first_day($m))",
            {"m": month, "a": first, "b": last, "n": steps},
        ).fetchone()
        number = month // 100 * 12 + month % 100 - 1 + steps
        assert row == (first <= month <= last, number // 12 * 100 + number % 12 + 1, month)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (1, 2, 1),
        (0, 7, 0),
        (3, 2, 2),
        (5, 2, 3),
        (249, 100, 2),
        (250, 100, 3),
        (10**30, 10**25, 10**5),
    ],
)
def test_half_a_fen_is_rounded_up(numerator: int, denominator: int, rounded: int) -> None:
    text = f"select half_up({numerator}::hugeint, {denominator}::hugeint)"
    assert connect(1).execute(text).fetchone() == (rounded,)


def test_a_person_key_gives_its_id_back() -> None:
    for person in PERSONS:
        row = connect(1).execute("select person_id_of($key)", {"key": int(person[:17])}).fetchone()
        assert row == (person,)


def test_plans_are_made_by_the_largest_file_of_a_kind(tmp_path: Path) -> None:
    """The database guesses all rows from the first file: 2 + 10 000 are not 4."""
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, rows in zip(files, (2, 10_000), strict=True):
        pl.DataFrame({"value": range(rows)}).write_parquet(path)
    connection = connect()
    view_kind(connection, "delivered_things", files)
    plan = connection.execute("explain select value from delivered_things").fetchall()[0][1]
    assert "~20,000 rows" in plan


def test_a_column_that_a_kind_got_since_is_empty_and_of_its_type(tmp_path: Path) -> None:
    """Tonight's rules are applied to what an earlier run read, too."""
    path = tmp_path / "deaths.parquet"
    pl.DataFrame({"person_id": [PERSONS[0]]}).write_parquet(path)
    connection = connect()
    view_kind(connection, "delivered_deaths", [path])
    asked = "select died_on is null, died_on <= date '2020-01-01' from delivered_deaths"
    assert connection.execute(asked).fetchall() == [(True, None)]
    assert connection.execute("select typeof(died_on) from delivered_deaths").fetchone() == (
        "DATE",
    )
