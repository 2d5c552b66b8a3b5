"""Which source rows `wuxing explain` shows: whose they are, whether they count, in which months."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.answers.snapshot_rows import SnapshotRows, table_files
from flows.ingest.tables import buckets_of
from flows.night.against import _without as without
from transforms.answers.source_rows import (
    months_asked_for,
    parties_of,
    rows_asked_for,
    shown_columns,
)
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.identifiers import BUCKETS

AS_OF = date(2020, 3, 31)
PERSON, SPOUSE, STRANGER = "370302198001010014", "370302198001010030", "370302198001010057"
EMPLOYER, OTHER = "91370302MA0000001J", "91370302MA0000002E"
TABLES: dict[str, list[dict[str, Any]]] = {
    "insured_units": [
        {"unit_no": "u1", "employer_code": EMPLOYER, "employer_key": 1},
        {"unit_no": "u2", "employer_code": EMPLOYER, "employer_key": 1},
        {"unit_no": "u3", "employer_code": OTHER, "employer_key": 2},
    ],
    "contributions": [
        {"person_id": PERSON, "employer_key": 1, "month": 202003, "state": "未到账"},
        {"person_id": PERSON, "employer_key": 2, "month": 202002, "state": "缓缴"},
        {"person_id": PERSON, "employer_key": 0, "month": 202001, "state": "缓缴"},
        {"person_id": STRANGER, "employer_key": 1, "month": 202003, "state": "缓缴"},
        {"person_id": PERSON, "employer_key": 1, "month": 202004, "state": "缓缴"},
        {
            "person_id": PERSON,
            "employer_key": 1,
            "month": 202003,
            "state": "已到账",
            "paid_on": date(2020, 4, 1),
        },
    ],
    "unemployment_benefits": [
        {"person_id": SPOUSE, "last_unit_no": "u2", "from_month": 202001},
        {"person_id": SPOUSE, "last_unit_no": "u3", "from_month": 202001},
    ],
    "registrations": [
        {"employer_code": EMPLOYER, "legal_rep_id": STRANGER},
        {"employer_code": OTHER, "legal_rep_id": PERSON},
    ],
    "residents": [
        {"person_id": PERSON, "household_no": "h1"},
        {"person_id": SPOUSE, "household_no": "h1"},
        {"person_id": STRANGER, "household_no": "h2"},
    ],
    "support": [
        {"subject_id": PERSON, "support_type": "公益性岗位", "from_month": 202001},
        {"subject_id": PERSON, "support_type": "就业见习补贴", "from_month": 202001},
        {"subject_id": EMPLOYER, "support_type": "稳岗返还", "from_month": 202001},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    for kind, rows in TABLES.items():
        for number, row in enumerate(rows, start=2):
            row |= {"source_file": f"{kind}.csv", "source_line": number}
            if "person_id" in row:
                row["person_key"] = int(row["person_id"][:17])
        frame = pl.DataFrame(rows, schema=table_schema(KINDS[kind]))
        frame.write_parquet(tmp_path / "tables" / f"{kind}.parquet")
    return tmp_path


def lines_of(folder: Path, spec: dict[str, Any], **changes: str) -> list[int]:
    row = {
        "period": "2020-03",
        "subject_kind": "person",
        "subject_id": PERSON,
        "beneficiary_kind": "employer",
        "beneficiary_id": EMPLOYER,
    } | changes
    source = SnapshotRows(folder, AS_OF)
    source.expect([row])
    return sorted(source.rows_of(spec, row)["source_line"].to_list())


def test_rows_of_both_are_those_of_the_person_at_the_employer(folder: Path) -> None:
    assert lines_of(folder, {"kind": "contributions", "of": "both"}) == [2]


def test_rows_of_the_subject_are_those_anywhere(folder: Path) -> None:
    assert lines_of(folder, {"kind": "contributions", "of": "subject"}) == [2, 3, 4]


def test_rows_of_the_beneficiary_are_those_of_its_units(folder: Path) -> None:
    assert lines_of(folder, {"kind": "contributions", "of": "beneficiary"}) == [2, 5]
    assert lines_of(folder, {"kind": "unemployment_benefits", "of": "beneficiary"}) == [2]


def test_a_row_that_has_not_happened_is_not_shown(folder: Path) -> None:
    """Line 6 is for April; line 7 arrived on 1 April."""
    shown = lines_of(folder, {"kind": "contributions", "of": "subject"})
    assert not {6, 7} & set(shown)


def test_a_person_in_registrations_is_the_legal_representative(folder: Path) -> None:
    assert lines_of(folder, {"kind": "registrations", "of": "subject_as_legal_rep"}) == [3]
    assert lines_of(folder, {"kind": "registrations", "of": "beneficiary"}) == [2]


def test_a_household_stands_for_its_members(folder: Path) -> None:
    house = {
        "subject_kind": "household",
        "subject_id": "h1",
        "beneficiary_kind": "household",
        "beneficiary_id": "h1",
    }
    assert lines_of(folder, {"kind": "residents", "of": "household"}, **house) == [2, 3]
    assert lines_of(folder, {"kind": "contributions", "of": "household"}, **house) == [2, 3, 4]
    spec = {"kind": "registrations", "of": "household_as_legal_rep"}
    assert lines_of(folder, spec, **house) == [3]


def test_only_narrows_to_values_and_months_to_months(folder: Path) -> None:
    spec = {"kind": "support", "of": "subject", "only": {"support_type": ["公益性岗位"]}}
    assert lines_of(folder, spec) == [2]
    spec = {"kind": "contributions", "of": "subject", "months": "period"}
    assert lines_of(folder, spec) == [2]
    assert lines_of(folder, spec | {"months": "month_before"}) == [3]


def test_rows_read_for_one_are_not_taken_for_all(folder: Path) -> None:
    row = dict.fromkeys(("subject_kind", "beneficiary_kind"), "person") | {"period": "2020-03"}
    other, mine = (
        row | dict.fromkeys(("subject_id", "beneficiary_id"), one)
        for one in ("370302197001010011", PERSON)
    )
    source, spec = SnapshotRows(folder, AS_OF), {"kind": "contributions", "of": "subject"}
    found = []
    for one in (other, mine):
        source.expect([one])
        found.append(source.rows_of(spec, one)["source_line"].to_list())
    assert [len(lines) for lines in found] == [0, 3]


def test_a_column_that_a_kind_got_later_is_not_in_the_rows_of_before(folder: Path) -> None:
    path = folder / "tables" / "support.parquet"
    pl.read_parquet(path).drop("months_used").write_parquet(path)
    row = dict.fromkeys(("subject_kind", "beneficiary_kind"), "person") | {"period": "2020"}
    row |= dict.fromkeys(("subject_id", "beneficiary_id"), PERSON)
    source = SnapshotRows(folder, AS_OF)
    source.expect([row])
    rows = source.rows_of({"kind": "support", "of": "subject"}, row)
    assert rows["source_line"].to_list() == [2, 3]
    assert rows.columns == [name for name in shown_columns("support") if name != "months_used"]


def test_no_row_is_new_because_its_kind_got_a_column() -> None:
    """Else every row delivered with it would speak against what was paid by it."""
    old = pl.DataFrame({"died_on": [date(2020, 1, 1)], "source_file": ["a"], "source_line": [2]})
    now = old.with_columns(place=pl.lit("医院")).vstack(
        old.with_columns(pl.lit(date(2020, 2, 1)).alias("died_on"), place=pl.lit("医院"))
    )
    assert without(now, old)["died_on"].to_list() == [date(2020, 2, 1)]
    assert without(old, now).height == 0


def test_months_that_can_not_be_told_are_a_bug_of_the_card() -> None:
    with pytest.raises(ContractError, match="months period"):
        months_asked_for({"kind": "contributions", "months": "period"}, "2020", AS_OF)
    with pytest.raises(ContractError, match="no such kind or role"):
        nobody = parties_of([])
        source = SnapshotRows(Path("/nowhere"), AS_OF)
        rows_asked_for({"kind": "deaths", "of": "cousin"}, nobody, nobody, source.register)


def test_our_own_payments_come_back_are_no_facts(folder: Path) -> None:
    row = {
        "period": "2020",
        "subject_kind": "person",
        "subject_id": PERSON,
        "beneficiary_kind": "person",
        "beneficiary_id": PERSON,
    }
    own = [{"kind": "support", "source_file": "support.csv", "source_line": 3}]
    source = SnapshotRows(folder, AS_OF, own)
    source.expect([row])
    shown = source.rows_of({"kind": "support", "of": "subject"}, row)
    assert shown["source_line"].to_list() == [2]


def test_a_kind_that_was_not_delivered_has_no_rows(folder: Path) -> None:
    assert table_files(folder, "deaths") == []
    assert lines_of(folder, {"kind": "deaths", "of": "subject"}) == []


def test_no_kind_shows_a_persons_name_or_account() -> None:
    for kind in KINDS:
        hidden = {"name", "name_raw", "subject_name", "holder", "account_no"}
        assert not hidden & set(shown_columns(kind))


def test_a_person_is_looked_for_in_one_bucket_only(folder: Path) -> None:
    """The buckets are those that ingest writes; a broken other bucket is never opened."""
    whole = folder / "tables" / "contributions.parquet"
    rows = pl.read_parquet(whole)
    whole.unlink()
    buckets = folder / "tables" / "contributions"
    buckets.mkdir()
    numbers = pl.Series(buckets_of(rows["person_key"]))
    mine = buckets_of(pl.Series([int(PERSON[:17])]))[0]
    for number in range(BUCKETS):
        path = buckets / f"bucket-{number:02d}.parquet"
        if number == mine:
            rows.filter(numbers == number).write_parquet(path)
        else:
            path.write_text("never opened")
    assert lines_of(folder, {"kind": "contributions", "of": "subject"}) == [2, 3, 4]
    assert lines_of(folder, {"kind": "contributions", "of": "both"}) == [2]
