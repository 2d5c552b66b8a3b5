"""By which names and in which towns parties of lists, letters and batches are known."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.lists import names_of
from flows.audit.again import Night
from flows.audit.recompute import Computed, Mixture
from flows.audit.whatif import beneficiary_towns
from flows.store import Home
from sql import run_sql, show_frame
from sql.opening import connect_to
from tests.rules.engine_tables import EMPLOYER, MAN, OTHER_EMPLOYER, WOMAN, write_tables

AS_OF = date(2020, 3, 31)
SUBJECT = ["subject_kind", "subject_id"]
Rows = dict[str, list[dict[str, Any]]]


def names(folder: Path, rows: Rows, *subjects: tuple[str, str]) -> dict[str, str]:
    listed = pl.DataFrame(subjects, schema=SUBJECT, orient="row")
    with connect_to(write_tables(folder, rows), AS_OF) as connection:
        return dict(names_of(listed, connection).select("subject_id", "subject_name").iter_rows())


def towns(folder: Path, rows: Rows, *subjects: tuple[str, str]) -> dict[str, Any]:
    listed = pl.DataFrame(subjects, schema=SUBJECT, orient="row")
    with connect_to(write_tables(folder, rows), AS_OF) as connection:
        show_frame(connection, "listed_subjects", listed)
        found = run_sql(connection, "review/party_towns.sql", {})
    return {row["subject_id"]: (row["division_code"], row["town"]) for row in found.to_dicts()}


def on_list(kind: str, subject: str, name: str, since: date = AS_OF) -> dict[str, Any]:
    who = {"subject_kind": kind, "subject_id": subject, "subject_name": name}
    return {"list": "建档立卡", "valid_from": since, **who}


def resident(person: str, name: str, division: str | None = None) -> dict[str, Any]:
    return {"person_id": person, "name": name, "household_no": "户1", "division_code": division}


def test_who_is_named_by_a_list_or_contributions_alone_has_a_name(tmp_path: Path) -> None:
    paid = {"person_id": WOMAN, "unit_no": "1", "month": 202001, "state": "未到账"}
    rows = {
        "designations": [on_list("个人", MAN, "贫困甲"), on_list("单位", EMPLOYER, "分流厂")],
        "contributions": [paid | {"name": "分流乙"}],
    }
    both = [("person", MAN), ("person", WOMAN), ("employer", EMPLOYER)]
    found = names(tmp_path, rows, *both, ("employer", OTHER_EMPLOYER))
    assert found == {MAN: "贫困甲", WOMAN: "分流乙", EMPLOYER: "分流厂"}
    rows["designations"] = [on_list("个人", MAN, "后", date(2020, 4, 1))]
    assert names(tmp_path, rows, *both) == {WOMAN: "分流乙"}, "not visible yet"


def test_the_registers_name_before_lists_and_contributions_do(tmp_path: Path) -> None:
    rows = {
        "registrations": [{"employer_code": EMPLOYER, "employer_name": "一厂"}],
        "unemployment": [{"person_id": MAN, "name": "登记", "registered_on": AS_OF}],
        "designations": [on_list("个人", MAN, "名单"), on_list("单位", EMPLOYER, "名单")],
        "contributions": [{"person_id": MAN, "name": "A", "month": 202001, "state": "未到账"}],
    }
    asked = [("person", MAN), ("employer", EMPLOYER)]
    assert names(tmp_path, rows, *asked) == {MAN: "登记", EMPLOYER: "一厂"}


def test_a_household_is_named_by_its_living_members_and_the_dead_by_their_own(
    tmp_path: Path,
) -> None:
    rows = {
        "residents": [resident(MAN, "老父"), resident(WOMAN, "户主")],
        "deaths": [{"person_id": MAN, "died_on": date(2019, 12, 31)}],
    }
    asked = [("household", "户1"), ("person", MAN)]
    assert names(tmp_path, rows, *asked) == {"户1": "户主", MAN: "老父"}
    rows["deaths"][0]["died_on"] = date(2020, 4, 1)
    assert names(tmp_path, rows, *asked) == {"户1": "老父、户主", MAN: "老父"}


def test_a_party_has_its_code_and_the_town_that_the_code_lies_in(tmp_path: Path) -> None:
    rows = {
        "registrations": [
            {"employer_code": EMPLOYER, "division_code": "370302005002"},
            {"employer_code": OTHER_EMPLOYER, "division_code": "370302"},
        ],
        "residents": [resident(MAN, "甲", "370302114"), resident(WOMAN, "乙", "370302")],
    }
    asked = [("employer", EMPLOYER), ("employer", OTHER_EMPLOYER)]
    asked += [("person", MAN), ("person", WOMAN), ("household", "户1")]
    expected = {
        EMPLOYER: ("370302005002", "370302005"),
        OTHER_EMPLOYER: ("370302", None),
        MAN: ("370302114", "370302114"),
        WOMAN: ("370302", None),
        "户1": ("370302", "370302114"),
    }
    assert towns(tmp_path, rows, *asked) == expected
    sides = [(*subject, *subject) for subject in asked]
    ends = pl.DataFrame(
        sides, schema=[*SUBJECT, "beneficiary_kind", "beneficiary_id"], orient="row"
    )
    night = Night(Home(tmp_path), {}, {}, {}, 0)
    law = Mixture(AS_OF, write_tables(tmp_path, rows), {}, night)
    found = beneficiary_towns(law, Computed(ends, ends), Computed(ends, ends[:1]))
    assert {row["beneficiary_id"]: row["town"] for row in found.to_dicts()} == {
        party: town for party, (_, town) in expected.items()
    }
