"""What depends on damaged rows: a small town says what the whole town would, row by row."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town.labels import file_title, label_of, text_table
from data_samples.town.scene_rows import tables_of
from data_samples.town.scenes import read_scenes
from flows.ingest.drop import SnapshotRef, ingest_drop
from flows.money.standing import Standing
from flows.night import stakes
from flows.night.determine import PAID_LINE_SCHEMA, determine
from flows.night.identity import with_proposed
from flows.night.part import Means
from flows.night.run_record import RunSoFar
from flows.store import Home
from sql import connect, register_tables
from sql.texts import policy_cards
from sql.town import small_town
from tests.conftest import AS_OF
from transforms.answers.identity import CANDIDATES, DAMAGED, STAKES, identity_sheet
from transforms.answers.open_questions import KEY
from transforms.answers.stakes import ROW, changed_lines, held_for_accounts, stakes_of_rows
from transforms.digest import frame_digest
from transforms.errors import ParameterMissingError
from transforms.extracts.kinds import KINDS
from transforms.words import word, worded

NOTHING_PAID = Standing(
    digest="",
    paid=pl.DataFrame(),
    released=pl.DataFrame(schema=PAID_LINE_SCHEMA),
    signed=pl.DataFrame(),
    payment_ids=(),
    installments=pl.DataFrame(),
    spent_fen={},
    determined_by={},
    snapshot_of={},
)
HELD = pl.DataFrame(
    [
        ("benefit_to_retirement", "P1", "person", 5_000, "held", "account_missing"),
        ("benefit_to_retirement", "P1", "person", 7_000, "held", "account_missing"),
        ("youth_training", "P1", "person", 300, "held", "account_not_normal"),
        ("youth_training", "P1", "person", 10, "held", "account_ambiguous"),
        ("youth_training", "P1", "person", 20, "payable", ""),
        ("stability_refund", "P1", "employer", 40, "held", "account_missing"),
        ("youth_training", "P2", "person", 80, "held", "account_missing"),
    ],
    schema=[
        *("policy_id", "beneficiary_id", "beneficiary_kind", "due_fen", "status", "reason"),
    ],
    orient="row",
)
OTHERS = "子丑寅卯辰巳午未申酉"
NAMES = {"甲": "钱大有", "乙": "孙二兰", "丙": "李三水", "丁": "周四方", "戊": "吴名氏"}
NAMES |= {one: f"郑{one}" for one in OTHERS}
SCENE = f"""
as_of: 2020-06-30
people: {{甲: 1984-07-29 男, 乙: 1979-01-02 女, 丙: 1990-11-23 男, 丁: 1971-05-06 女,
          戊: 1966-03-04 男}}
given:
  reg: {{registrations: U1 U2}}
  unit: {{insured_units: U1 U2}}
  insured: {{insured_persons: 甲 乙 丙 丁 {" ".join(OTHERS)}}}
  past: {{contributions: 乙 丙, at: U1, for: 失业, months: 201812..201912}}
  rest: {{contributions: {" ".join(OTHERS)}, at: U2, for: 养老 医疗 失业, months: 201812..202006}}
  contract: {{employment: 甲, at: U1, starts_on: 2020-02-10, ends_on: 2021-02-09}}
  hired: {{contributions: 甲, at: U1, for: 养老, months: 202002}}
  later: {{contributions: 丙, at: U1, for: 失业, months: 201912, unit_yuan: 80, person_yuan: 20,
           entry: 补缴}}
  sooner: {{contributions: 乙, at: U1, for: 失业, months: 201911, unit_yuan: 40, person_yuan: 20,
            entry: 补缴}}
  idle: {{contributions: 丁, at: U2, for: 生育, months: 201901}}
  stray: {{contributions: 戊, months: 201901, for: 生育}}
cases:
  - case: a town
    expect: none
"""
HIRE, REFUND = (policy_cards()[name].title for name in ("new_hire_subsidy", "stability_refund"))
NOTHING, UNKNOWN = word("depends_nothing"), word("depends_unknown")
SHORT = KINDS["contributions"]


def town_of(place: Path, is_damaged: Callable[[Mapping[str, Any]], bool]) -> Path:
    """Write the scene as a drop in which the ids of some contributions are damaged."""
    place.mkdir()
    for kind, rows in tables_of(read_scenes(SCENE, "new_hire_subsidy", 1), ()).items():
        table = rows.with_columns(
            pl.col(name).replace(NAMES) for name in {"name"} & {*rows.columns}
        )
        texts = text_table(kind, table)
        if kind == "contributions":
            label = label_of(SHORT.column_named["person_id"])
            flags = pl.Series([is_damaged(row) for row in table.iter_rows(named=True)])
            lost = pl.col(label).str.head(15) + "000"
            texts = texts.with_columns(pl.when(flags).then(lost).otherwise(label).alias(label))
        texts.write_csv(place / f"{file_title(kind)}.csv")
    return place


def run_over(snapshot: SnapshotRef, home: Home, as_of: date) -> RunSoFar:
    """Determine a snapshot and propose persons for its damaged rows, as the night does."""
    found = determine(snapshot.tables(), as_of, NOTHING_PAID.released, threads=1)
    return proposed(RunSoFar(home, as_of, snapshot, {"run_id": "R1"}, policies=found.policies))


def proposed(run: RunSoFar, threads: int = 1) -> RunSoFar:
    return with_proposed(run, HELD.clear(), NOTHING_PAID, Means(threads, None, run.home.temporary))


def shown(run: RunSoFar) -> list[tuple[str, str, int | None]]:
    """Say what the workbook shows, row by row: whose it is, by name, the policies, fen."""
    waiting, candidates = (run.frames[name]() for name in (DAMAGED, CANDIDATES))
    none = pl.DataFrame(schema=dict.fromkeys(("employer_code", "employer_name"), pl.String))
    found = run.frames[STAKES]() if STAKES in run.frames else None
    page = identity_sheet(waiting, candidates, found, policy_cards(), none, "R1").frame
    return [
        (next(one for one, name in NAMES.items() if name in text), policies, fen)
        for text, policies, fen in page.select("damaged_row", "policies", "stake_fen").rows()
    ]


def is_late(row: Mapping[str, Any]) -> bool:
    return bool(row["entry"] == "补缴")


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> RunSoFar:
    """A night over the scene in which the late contributions' ids are damaged, and the hire's."""
    root = tmp_path_factory.mktemp("late")
    home = Home(root / "home")
    drop = town_of(root / "drop", lambda row: is_late(row) or row["name"] == NAMES["甲"])
    return run_over(ingest_drop(drop, home.snapshots), home, date(2020, 6, 30))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> RunSoFar:
    """One in which one late row alone is damaged, and two that no money depends on."""
    root = tmp_path_factory.mktemp("others")
    home, names = Home(root / "home"), (NAMES["戊"], NAMES["丁"])
    drop = town_of(root / "drop", lambda row: row["name"] in names or row["unit_fen"] == 8000)
    return run_over(ingest_drop(drop, home.snapshots), home, date(2020, 6, 30))


@pytest.mark.parametrize(
    ("night", "told"),
    [
        # Three rows of one employer: each shows what all bring it, half of 160.00 yuan; and the
        # hire is eligible only if somebody insured him.
        (
            "late",
            [("甲", f"{HIRE}、{REFUND}", 108_000), ("乙", REFUND, 8_000), ("丙", REFUND, 8_000)],
        ),
        # Of one that paid 100.00 yuan, half; nothing would change; nobody was found.
        ("others", [("丙", REFUND, 5_000), ("丁", NOTHING, 0), ("戊", UNKNOWN, None)]),
    ],
)
def test_a_row_shows_the_policies_and_the_money_that_depend_on_it(
    request: pytest.FixtureRequest, night: str, told: list[tuple[str, str, int | None]]
) -> None:
    run = request.getfixturevalue(night)
    home = run.home
    assert sorted(shown(run)) == sorted(told)
    assert [fen for *_, fen in shown(run)] == [fen for *_, fen in told], "most money first"
    assert list(home.temporary.glob("*")) == [], "nothing of the small town is left"


def test_a_small_town_has_all_near_a_row_and_every_month_delivered(
    others: RunSoFar, tmp_path: Path
) -> None:
    snapshot = others.snapshot
    whole = pl.read_parquet(snapshot.tables()["contributions"])
    person = whole.filter(pl.col("name") == NAMES["丙"])["person_id"][0]
    row = pl.DataFrame({"person_id": [person], "employer_code": [None]}).cast(pl.String)
    with connect(1) as connection:
        register_tables(connection, snapshot.tables(), date(2020, 6, 30))
        town, parties = small_town(connection, snapshot.tables(), row, tmp_path / "town")
    kept = pl.read_parquet(town["contributions"])
    assert parties["person_id"].unique().to_list() == [person]
    assert parties["party_kind"].to_list() == ["employer"]
    near = {NAMES[one] for one in "甲乙丙"}
    assert near < set(kept["name"]) < set(whole["name"]), "who stood at his employer, and few more"
    for name in near:
        mine = pl.col("name") == name
        assert kept.filter(mine).sort("serial_no").equals(whole.filter(mine).sort("serial_no"))
    parts = [frame.select("insurance", "month").unique().height for frame in (kept, whole)]
    assert parts[0] == parts[1]
    assert town["registrations"] == snapshot.tables()["registrations"]


def test_what_cannot_be_reckoned_is_said_and_stops_nothing(
    late: RunSoFar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_tables: Any, **_words: Any) -> None:
        raise ParameterMissingError("parameter x has no value in force on 1999-01-01")

    monkeypatch.setattr(stakes, "determined", missing)
    run = proposed(replace(late, frames={}, warnings=()))
    assert {one[1:] for one in shown(run)} == {(UNKNOWN, None)} and len(shown(run)) == 3
    (said,) = run.warnings
    assert worded(said, "zh").startswith("证件号损坏的行涉及多少金额，未能测算：parameter x")


EVERY = {"contributions": 400, "payroll": 300, "employment": 15, "attendance": 60, "graduates": 4}
EVERY |= {"insured_persons": 90, "residents": 40, "unemployment": 9}


def planted_drop(place: Path) -> Path:
    """Damage some rows of a sample town, of most kinds; some repeat or contradict whole ones."""
    from data_samples.town.write import write_sample

    write_sample(place, 300, 7, AS_OF, formats="csv-utf8")
    (place / "交接单.csv").unlink()
    for kind, every in EVERY.items():
        path = place / f"{file_title(kind)}.csv"
        paths = [path] if path.is_file() else sorted(place.glob(f"{file_title(kind)}_*.csv"))
        rows = pl.read_csv(paths[0], infer_schema=False)
        label = next(one for one in KINDS[kind].column_named["person_id"].labels if one in rows)
        place_of = pl.int_range(pl.len())
        lost = pl.when(place_of % 2 == 0).then(pl.col(label).str.head(15) + "000")
        wrong = lost.otherwise(pl.col(label).str.head(9) + pl.col(label).str.slice(10))
        hit = rows.filter(place_of % every == 3)
        of_hit = rows.with_columns(pl.when(place_of % every == 3).then(wrong).otherwise(label))
        # Every second has another name, too, than the registers have.
        named = pl.when(place_of % (2 * every) == 3).then(pl.col("姓名") + "甲").otherwise("姓名")
        of_hit = of_hit.with_columns(named.alias("姓名"))
        # One of them stands there whole as well, one under its number says something else.
        whole = hit.head(1)
        paid = {"个人缴费金额", "实发工资"} & {*rows.columns}
        other = hit.tail(1).with_columns(pl.lit("1.00").alias(name) for name in paid)
        pl.concat([of_hit, whole, other]).write_csv(paths[0])
    return place


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, RunSoFar, list[Any]]:
    """A night over the planted drop, and what the rules gave it over the small town."""
    root = tmp_path_factory.mktemp("stakes")
    home, drop, given = Home(root / "home"), planted_drop(root / "drop"), list[Any]()

    def kept(*frames: pl.DataFrame) -> pl.DataFrame:
        given.extend(frames)
        return stakes_of_rows(*frames)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stakes, "stakes_of_rows", kept)
        run = run_over(ingest_drop(drop, home.snapshots), home, AS_OF)
    return home, drop, run, given


def test_a_small_town_says_what_the_whole_town_would_once_clerks_had_said_so(
    planted: tuple[Home, Path, RunSoFar, list[Any]], tmp_path: Path
) -> None:
    home, drop, run, given = planted
    supposed, parties, readers, *small = given
    assert supposed.height > 30 and supposed["kind"].n_unique() == len(EVERY)
    shutil.copytree(drop, tmp_path / "drop")
    said = supposed.select(*ROW, "person_id").with_columns(decided_by=pl.lit("王核"))
    said = said.with_columns(decided_on=pl.lit("2020-03-01"))
    said.write_csv(tmp_path / "drop" / "身份核对结论.csv")
    after = ingest_drop(tmp_path / "drop", home.snapshots)
    whole = [
        determine(snapshot.tables(), AS_OF, NOTHING_PAID.released).determinations.filter(
            pl.col("policy_id").is_in(readers["policy_id"].implode())
        )
        for snapshot in (run.snapshot, after)
    ]
    lines = changed_lines(*whole)
    assert lines.equals(changed_lines(*small)) and lines["policy_id"].n_unique() > 4
    expected = stakes_of_rows(supposed, parties, readers, *whole)
    assert run.frames[STAKES]().equals(expected)
    touched = set(expected["policy_id"])
    assert touched == set(lines["policy_id"]), "no line is lost"
    assert expected["stake_fen"].sum() >= lines["stake_fen"].sum() > 0
    assert small[0].height < whole[0].height


def test_threads_make_no_difference(
    planted: tuple[Home, Path, RunSoFar, list[Any]],
) -> None:
    run = planted[2]
    again = proposed(replace(run, frames={}), threads=2)
    assert frame_digest(again.frames[STAKES]()) == frame_digest(run.frames[STAKES]())


def test_a_line_is_told_at_the_rows_that_are_nearest_to_it() -> None:
    row = {"kind": "contributions", "file_digest": "f"}
    supposed = pl.DataFrame(
        [
            row | {"line": 1, "person_id": "P1", "employer_code": "U1"},
            row | {"line": 2, "person_id": "P2", "employer_code": "U1"},
            row | {"line": 3, "person_id": "P3", "employer_code": None},
        ]
    )
    parties = pl.DataFrame(
        [
            ("P1", "employer", "U1"),
            ("P1", "employer", "U9"),
            ("P2", "household", "H"),
            ("P3", "employer", "U1"),
        ],
        schema=["person_id", "party_kind", "party_id"],
        orient="row",
    )
    readers = pl.DataFrame({"policy_id": ["a"], "kind": ["contributions"]})

    def told(kind: str, subject: str, kind_of: str, beneficiary: str) -> list[tuple[int, int]]:
        line = ("a", "2020", kind, subject, kind_of, beneficiary, "eligible", 700)
        given = pl.DataFrame([line], schema=[*KEY, "outcome", "amount_fen"], orient="row")
        found = stakes_of_rows(supposed, parties, readers, given.clear(), given)
        return found.select("line", "stake_fen").rows()

    assert told("person", "P1", "employer", "U1") == [(1, 700)], "his own row"
    assert told("household", "H", "household", "H") == [(2, 700)]
    assert told("person", "P7", "employer", "U1") == [(1, 700), (2, 700), (3, 700)]
    assert told("employer", "U9", "employer", "U9") == [(1, 700)], "where he stands besides"


def test_a_row_of_accounts_shows_what_is_held_for_want_of_one() -> None:
    rows = [("accounts", "D", 2, "P1"), ("accounts", "D", 3, "P9"), ("payroll", "D", 2, "P1")]
    supposed = pl.DataFrame(rows, schema=[*ROW, "person_id"], orient="row")
    assert held_for_accounts(supposed, HELD).rows() == [
        ("accounts", "D", 2, "benefit_to_retirement", 2, 12_000),
        ("accounts", "D", 2, "youth_training", 1, 300),
    ]
