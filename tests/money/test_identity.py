"""Two ids that may be one person, one id that may be two: held until a clerk decides."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data_samples.town.naming import person_names
from flows.money import identity as stage
from flows.money.identity import SET_ASIDE, rows_set_aside
from flows.store import Home
from sql import FactStore, connect, query, register_frame, register_tables, run_sql
from tests.answers.identity_rows import candidate, damaged_row, frames_of
from tests.money.money_town import (
    AS_OF,
    ONE,
    Town,
    account,
    answer,
    entitle,
    month,
    pay,
    statuses,
)
from transforms.extracts.kinds import KINDS, table_schema
from transforms.extracts.links import DAMAGED_ID
from transforms.extracts.registers import LINKS
from transforms.identifiers import with_check_character

FLEXIBLE, HIRE = "graduate_flexible_insurance", "graduate_hire_insurance"
BENEFIT = "benefit_to_retirement"
ANN = with_check_character("37030219900101123")
TWIN = with_check_character("37010419900101567")
DAY_AFTER = with_check_character("37010419900102567")
BROTHER = with_check_character("37010419900101568")
SLIP = with_check_character("37030219900101523")
SWAP = with_check_character("37032019900101123")
AT_ONE = 7


def named(*persons: str, name: str = "安娜") -> list[dict[str, Any]]:
    return [{"person_id": person, "name": name} for person in persons]


def household(*persons: str, number: str = "户一") -> list[dict[str, Any]]:
    return [one | {"household_no": number} for one in named(*persons)]


def insured(
    person: str, *months: int, employer: int = AT_ONE, **other: Any
) -> list[dict[str, Any]]:
    row = {"employer_key": employer, "entry": "正常", "state": "已到账", "insurance": "养老"}
    row |= {"paid_on": AS_OF}
    return [row | {"person_id": person, "month": one} | other for one in months]


def town_of(other: str = TWIN, **extracts: Any) -> Town:
    """Both have a name, an account and nothing else, but what is given."""
    accounts = [account(ANN, "安娜"), account(other, "安娜", account_no="62220001")]
    return Town(**{"insured_persons": named(ANN, other), "accounts": accounts} | extracts)


def held(home: Home, town: Town, *persons: str) -> set[str]:
    """Return the persons whose line is held, of those who have one tonight."""
    rows = [month(FLEXIBLE, person, 5) for person in persons or (ANN, TWIN)]
    found = entitle(home, rows, town).entitlements.filter(pl.col("status") == "held")
    assert set(found["reason"]) <= {"identity_conflict"}
    return set(found["subject_id"])


def test_name_birth_date_and_sex_alone_hold_nobody(home: Home) -> None:
    assert held(home, town_of()) == set()


@pytest.mark.parametrize(
    "evidence",
    [
        {"residents": household(ANN, TWIN)},
        {"accounts": [account(ANN, "安娜"), account(TWIN, "安娜", account_no="622202199001011")]},
        {"contributions": insured(ANN, 201911, 201912) + insured(TWIN, 202001, 202002)},
    ],
    ids=["one household", "one account", "one employer, one after the other"],
)
def test_what_speaks_for_one_person_holds_both(home: Home, evidence: dict[str, Any]) -> None:
    town = town_of(**evidence)
    town.accounts[0]["account_no"] = "622202199001011"
    assert held(home, town) == {ANN, TWIN}


@pytest.mark.parametrize(
    ("other", "name"),
    [(DAY_AFTER, "安娜"), (BROTHER, "安娜"), (TWIN, "安妮")],
    ids=["born a day later", "of the other sex", "of another name"],
)
def test_one_household_holds_nobody_who_differs_in_name_birth_or_sex(
    home: Home, other: str, name: str
) -> None:
    persons = named(ANN) + named(other, name=name)
    homes = [*household(ANN), {"person_id": other, "name": name, "household_no": "户一"}]
    accounts = [account(ANN, "安娜"), account(other, name, account_no="62220001")]
    town = Town(insured_persons=persons, residents=homes, accounts=accounts)
    assert held(home, town, ANN, other) == set()


@pytest.mark.parametrize(
    ("rows", "is_held"),
    [
        (insured(TWIN, 202001), True),
        (insured(TWIN, 202002), False),
        (insured(TWIN, 201912, 202001), False),
        (insured(TWIN, 202001, employer=8), False),
        (insured(TWIN, 202001, employer=0), False),
        (insured(TWIN, 202001, state="未到账"), False),
    ],
    ids=["next month", "a month between", "a month in common", "elsewhere", "self", "not paid"],
)
def test_jobs_at_one_employer_follow_each_other_by_the_month(
    home: Home, rows: list[dict[str, Any]], is_held: bool
) -> None:
    for first, last in ((ANN, TWIN), (TWIN, ANN)):
        swapped = [row | {"person_id": last} for row in rows]
        town = town_of(contributions=insured(first, 201911, 201912) + swapped)
        assert held(home, town) == ({ANN, TWIN} if is_held else set())


@pytest.mark.parametrize("other", [SLIP, SWAP])
def test_ids_a_slip_apart_are_told_and_hold_nobody_alone(home: Home, other: str) -> None:
    assert held(home, town_of(other), ANN, other) == set()
    town = town_of(other, residents=household(ANN, other))
    found = entitle(home, [month(FLEXIBLE, ANN, 5), month(FLEXIBLE, other, 5)], town).findings
    assert found.height == 2 and set(found["finding"]) == {"identity_conflict"}
    for detail in found["detail"]:
        assert "one digit or in two neighbours swapped, in one household" in detail


def test_the_other_id_must_have_money_tonight_or_both_a_job(home: Home) -> None:
    town = town_of(residents=household(ANN, TWIN))
    assert held(home, town, ANN) == set()
    town.contributions = insured(ANN, 201801)
    assert held(home, town, ANN) == set()
    town.employment = [{"person_id": TWIN, "starts_on": AS_OF}]
    assert held(home, town, ANN) == {ANN}


def test_an_employers_line_for_one_of_the_two_is_held(home: Home) -> None:
    town = town_of(residents=household(ANN, TWIN))
    rows = [month(HIRE, ANN, 5, payee=ONE), month(HIRE, TWIN, 5, payee=ONE)]
    assert {row[3] for row in statuses(entitle(home, rows, town))} == {"identity_conflict"}


def one_person(is_yes: bool, one: str = ANN, other: str = TWIN, policy: str = "identity") -> Any:
    return answer(policy, one, is_yes, other, "same_person")


@pytest.mark.parametrize(
    ("answers", "is_held"),
    [
        ([one_person(False)], False),
        ([one_person(False, TWIN, ANN)], False),
        ([one_person(True)], True),
        ([one_person(False), one_person(False, policy="any")], False),
        ([one_person(False), one_person(True)], True),
        ([one_person(False), one_person(True, TWIN, ANN)], True),
        ([one_person(False, ANN, SLIP)], True),
        ([], True),
    ],
    ids=["no", "no, the other way round", "yes", "no twice", "no and yes", "both ways",
         "of another pair", "withdrawn"],
)  # fmt: skip
def test_a_clerk_who_says_no_lifts_the_hold_and_two_who_differ_settle_nothing(
    home: Home, answers: list[dict[str, Any]], is_held: bool
) -> None:
    town = town_of(residents=household(ANN, TWIN), answers=answers)
    assert held(home, town) == ({ANN, TWIN} if is_held else set())


def test_what_is_answered_is_no_doubt_any_more_but_a_yes_is_told(home: Home) -> None:
    rows = [month(FLEXIBLE, ANN, 5), month(FLEXIBLE, TWIN, 5)]
    told = town_of(residents=household(ANN, TWIN), answers=[one_person(True)])
    assert set(entitle(home, rows, told).findings["detail"]) == {
        f"a clerk decided that this id and {other} are one person: until only one stands in the "
        "extracts (all that name persons), or it is withdrawn"
        for other in (ANN, TWIN)
    }
    told.answers = [one_person(False)]
    assert entitle(home, rows, told).findings.height == 0


NAMING = ("payroll", "attendance", "unemployment", "unemployment_benefits", "graduates")
NAMING += ("designations", "deaths", "custody", "support")


def one_left(**changes: Any) -> Town:
    """Make a town whose registers were put right: of two linked ids only one stands in them."""
    town = Town(insured_persons=named(ANN), accounts=[account(ANN, "安娜")])
    town.answers, town.other = [one_person(True)], {kind: [] for kind in NAMING} | changes
    return town


def place_of(kind: str) -> dict[str, Any]:
    return {"kind": kind, "source_file": "台账.csv", "source_line": 2}


def test_of_two_ids_of_one_person_the_one_that_is_left_is_paid(home: Home) -> None:
    made = entitle(home, [month(FLEXIBLE, ANN, 5)], one_left())
    assert [line["status"] for line in made.entitlements.to_dicts()] == ["payable"]
    assert made.findings.height == 0
    chain = one_left()
    chain.answers.append(one_person(True, TWIN, BROTHER))
    assert held(home, chain, ANN) == {ANN}, "what was paid under the third is not asked for"


@pytest.mark.parametrize("kind", ["deaths", "support", "payroll", "accounts"])
def test_a_kind_that_was_not_delivered_frees_no_money(home: Home, kind: str) -> None:
    town = one_left()
    town.other.pop(kind, None)
    if kind == "accounts":
        town.accounts = None
    assert held(home, town, ANN) == {ANN}


@pytest.mark.parametrize("kind", ["custody", "unemployment_benefits", "support", "designations"])
def test_wherever_the_other_id_still_stands_the_line_is_held(home: Home, kind: str) -> None:
    who = {"person_id": TWIN} | ({"subject_kind": "个人", "subject_id": TWIN})
    known = KINDS[kind].column_named
    row = {name: value for name, value in who.items() if name in known} | place_of(kind)
    del row["kind"]
    town = one_left(**{kind: [row]})
    assert held(home, town, ANN) == {ANN}
    town.own_rows = [place_of(kind)]
    is_own = kind in ("unemployment_benefits", "support")
    assert held(home, town, ANN) == (set() if is_own else {ANN}), (
        "our own payments name it for ever"
    )
    town = one_left()
    town.registrations = [{"employer_code": ONE, "employer_name": "一", "legal_rep_id": TWIN}]
    assert held(home, town, ANN) == {ANN}


@pytest.mark.parametrize("ids", [(ANN, TWIN), (TWIN, ANN)])
def test_what_was_paid_under_the_other_id_is_not_paid_again(
    home: Home, ids: tuple[str, str]
) -> None:
    """Nor what excludes it, nor what is limited: the months of both count for one person."""
    one, gone = ids
    before = [month(BENEFIT, gone, 5, "2020-01"), month(FLEXIBLE, gone, 5, "2019-12")]
    pay(home, "R1", before, town=town_of())
    town = one_left()
    town.insured_persons, town.accounts = named(one), [account(one, "安娜")]
    rows = [month(BENEFIT, one, 5, "2020-01"), month(BENEFIT, one, 5, "2020-02")]
    rows += [month(FLEXIBLE, one, 5, "2020-03")]
    made = entitle(home, rows, town)
    found = made.entitlements.filter(subject_id=one).sort("period")
    assert found.select("status", "reason").rows() == [
        ("held", "paid_under_other"),
        ("payable", ""),
        ("held", "paid_under_other"),
    ]
    (told,) = made.findings.filter(finding="identity_conflict")["detail"]
    assert told.endswith("what was paid under it is not paid again")


def two_persons(**changes: Any) -> Town:
    return town_of(
        **{"insured_persons": [{"person_id": ANN, "name": "安娜", "sex": "男"}]} | changes
    )


@pytest.mark.parametrize("persons", [two_persons().insured_persons, named(ANN)])
def test_jobs_in_two_towns_alone_hold_nobody(home: Home, persons: list[dict[str, Any]]) -> None:
    """The sex is stated as the id says it, or not at all; the names are the same."""
    town = two_persons(in_two_towns=[ANN], insured_persons=persons, residents=household(ANN))
    assert held(home, town, ANN) == set()


def test_another_sex_holds_only_with_jobs_in_two_towns(home: Home) -> None:
    woman = [{"person_id": ANN, "name": "安娜", "sex": "女"}]
    assert held(home, two_persons(insured_persons=woman), ANN) == set()
    town = two_persons(insured_persons=woman, in_two_towns=[ANN])
    assert held(home, town, ANN) == {ANN}
    (told,) = entitle(home, [month(FLEXIBLE, ANN, 5)], town).findings["detail"]
    assert told == (
        "the rows of this id are perhaps two persons': "
        "the stated sex is not that of the id, jobs in two towns at once"
    )


@pytest.mark.parametrize(
    ("answers", "is_held"),
    [
        ([one_person(True, ANN, ANN)], False),
        ([one_person(False, ANN, ANN)], True),
        ([one_person(True, ANN, ANN), one_person(False, ANN, ANN)], True),
        ([one_person(True, TWIN, TWIN)], True),
        ([one_person(True, ANN, TWIN)], True),
    ],
    ids=["one person", "two persons", "differing", "of another id", "of a pair"],
)
def test_a_clerk_who_says_one_person_lifts_the_hold_on_differing_names(
    home: Home, answers: list[dict[str, Any]], is_held: bool
) -> None:
    town = two_persons(residents=[{"person_id": ANN, "name": "安妮"}], answers=answers)
    assert held(home, town, ANN) == ({ANN} if is_held else set())


def test_a_clerk_who_says_two_persons_holds_until_it_is_withdrawn(home: Home) -> None:
    town = two_persons(answers=[one_person(False, ANN, ANN)])
    assert held(home, town, ANN) == {ANN}


def test_few_pairs_are_proposed_in_a_town_with_names_as_in_life(tmp_path: Path) -> None:
    """Half of the town's people bear ids of one district; homonyms are as common as in life."""
    chance, count = np.random.default_rng(13), 200_000
    names = person_names(chance, count)
    born = 19_550_101 + chance.integers(0, 50, count) * 10_000
    born += chance.integers(0, 12, count) * 100 + chance.integers(0, 28, count)
    district = np.where(chance.random(count) < 0.5, 370302, 370301 + chance.integers(0, 9, count))
    keys = district * 10**11 + born * 1000 + chance.integers(1, 400, count)
    persons = pl.DataFrame(
        {"person_key": keys, "name": names, "household_no": chance.integers(0, count // 3, count)}
    ).unique("person_key", keep="first", maintain_order=True)
    ids = [with_check_character(str(key)) for key in persons["person_key"]]
    persons = persons.with_columns(
        pl.Series("person_id", ids), pl.col("household_no").cast(pl.String)
    )
    employers = chance.zipf(1.3, persons.height) % 20_000 + 1
    jobs = persons.select(
        "person_key",
        pl.Series("employer_key", employers).cast(pl.Int32),
        pl.lit("正常").alias("entry"),
        pl.lit("缓缴").alias("state"),
        (202_000 + pl.Series("month", chance.integers(1, 4, persons.height))).alias("month"),
    )
    planted = persons.head(40).with_columns(pl.col("person_key") + 500)
    planted = planted.with_columns(
        pl.Series("person_id", [with_check_character(str(k)) for k in planted["person_key"]])
    )
    everybody = pl.concat([persons, planted])
    connection = connect(threads=2)
    register_tables(connection, {}, AS_OF)
    for kind, rows in (("residents", everybody), ("contributions", jobs)):
        empty = pl.DataFrame(schema=table_schema(KINDS[kind]))
        whole = pl.concat([empty, rows], how="diagonal_relaxed")
        register_frame(connection, f"delivered_{kind}", whole)
    register_frame(connection, "concerned_persons", everybody.select("person_id"))
    FactStore(connection, {}, AS_OF).build("insurance_masks")
    pairs = run_sql(connection, "money/one_person_pairs.sql", {})
    true = {
        tuple(sorted(ids))
        for ids in zip(planted["person_id"], persons["person_id"][:40], strict=True)
    }
    found = set(pairs.select("one_id", "other_id").iter_rows())
    others = len(found - true)
    print(
        f"\n{everybody.height:,} persons: {len(found & true)} of 40 planted pairs, {others} others"
    )
    assert true <= found
    assert others * 10_000 <= everybody.height * 0.5


def test_stored_rules_of_before_there_were_pairs_give_the_cause_in_words(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "rules"
    (old / "money").mkdir(parents=True)
    told = "insured_persons and residents name this person differently"
    text = f"select person_id, '{told}' as cause from concerned_persons order by person_id"

    def as_then(connection: Any, path: str, values: Any) -> pl.DataFrame:
        return query(connection, text) if path == stage.CONFLICTS else run(connection, path, values)

    run = stage.run_sql
    monkeypatch.setattr(stage, "FOLDER", old)
    monkeypatch.setattr(stage, "run_sql", as_then)
    rows = [month(FLEXIBLE, ANN, 5)]
    made = entitle(home, rows, town_of())
    assert [status for _, status, *_ in statuses(made)] == ["held"]
    assert told in made.findings["detail"].to_list()


def test_a_row_whose_id_is_damaged_is_told_of_whom_it_likely_means(tmp_path: Path) -> None:
    likely, far, nobody = (damaged_row(line, kind="deaths") for line in (12, 13, 14))
    people = [
        candidate(likely, 1, ANN, (-12000, 9000, 6500)),
        candidate(likely, 2, TWIN, (-12000, 9000, 5000)),
        candidate(far, 1, TWIN, (-12000, 9000, -1500)),
        candidate(nobody, 1, TWIN, (-12000, 9000, 6500)),
    ]
    for name, frame in frames_of([likely, far, nobody], people).items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    fallen = [("deaths", "a.csv", 12, DAMAGED_ID, None), ("custody", "b.csv", 2, "x", TWIN)]
    schema = {**dict.fromkeys(SET_ASIDE, pl.String()), "source_line": pl.Int64()}
    listed = pl.DataFrame(fallen, schema=schema, orient="row")
    listed.write_parquet(tmp_path / "quarantine.parquet")
    said = {"file_digest": nobody["file_digest"], "line": 14, "kind": "deaths"}
    link = {**said, "decided_by": "王核", "decided_on": date(2020, 3, 1)}
    link |= {"source_file": "links.csv", "source_line": 2}
    path = tmp_path / "clerical_links.parquet"
    pl.DataFrame([link], schema=table_schema(LINKS.kind)).write_parquet(path)
    with connect(threads=1) as connection:
        register_tables(connection, {"clerical_links": [path]}, date(2020, 3, 31))
        told = rows_set_aside(connection, tmp_path, tmp_path / "quarantine.parquet")
        alone = rows_set_aside(connection, tmp_path / "none", tmp_path / "quarantine.parquet")
    assert told["subject_id"].to_list() == [None, TWIN, ANN]
    assert alone.equals(listed)
