"""What was delivered since a batch was drawn up, when it is to be paid."""

import os
import shutil
from datetime import date
from typing import Any

import polars as pl
import pytest

from flows.money.batch_folder import read_batch
from flows.money.ledger_store import open_ledger
from flows.money.newest import expect_nothing_since
from flows.money.release import release_batch
from flows.store import MANIFEST, Home, file_digest, read_manifest, write_manifest
from tests.money.money_town import ANN, BOB, month, night, pay, refund, sign_both
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.extracts.kinds import KINDS, table_schema

ROWS = [
    refund(1000),
    month("benefit_to_retirement", ANN, 171900),
    month("graduate_flexible_insurance", BOB, 500),
]
DEATH = {"name": "安娜", "person_id": ANN, "died_on": date(2020, 4, 1)}
CUSTODY = {"name": "鲍勃", "person_id": BOB, "from_date": date(2020, 4, 1)}
SUPPORT = {
    "support_type": "高校毕业生灵活就业社保补贴",
    "subject_kind": "个人",
    "subject_id": BOB,
    "from_month": 202001,
    "to_month": 202003,
    "months_used": 3,
}

EXTENDED = {
    "name": "安娜",
    "person_id": ANN,
    "from_month": 202001,
    "to_month": 202003,
    "benefit_type": "续发",
}


def deliver(home: Home, kind: str, *rows: dict[str, Any], name: str = "Snewer") -> None:
    """Leave a snapshot that is newer than the batch's own, with such rows in it."""
    (own,) = [path for path in home.snapshots.iterdir() if path.name != name]
    folder = home.snapshots / name
    shutil.copytree(own, folder, dirs_exist_ok=True)
    (folder / "tables").mkdir(exist_ok=True)
    path = folder / "tables" / f"{kind}.parquet"
    schema = table_schema(KINDS[kind])
    pl.DataFrame([*rows], schema=schema).write_parquet(path)
    manifest = read_manifest(folder, "snapshot")
    tables = {**manifest["tables"], kind: {"files": {f"tables/{kind}.parquet": file_digest(path)}}}
    (folder / MANIFEST).unlink()
    write_manifest(folder, {**manifest, "tables": tables})


def signed(home: Home) -> list[str]:
    batches = [batch.batch_id for batch in night(home, "R1", ROWS)[1].batches]
    for batch in batches:
        sign_both(home, batch)
    return batches


@pytest.mark.parametrize(
    ("kind", "row", "policy"),
    [
        ("deaths", DEATH, "benefit_to_retirement"),
        ("deaths", {**DEATH, "person_id": BOB}, "graduate_flexible_insurance"),
        ("custody", CUSTODY, "graduate_flexible_insurance"),
        ("support", SUPPORT, "graduate_flexible_insurance"),
        ("unemployment_benefits", EXTENDED, "benefit_to_retirement"),
    ],
)
def test_what_was_delivered_since_stops_the_line_by_its_name(
    home: Home, kind: str, row: dict[str, Any], policy: str
) -> None:
    batches = signed(home)
    deliver(home, kind, row)
    stopped = []
    for batch in batches:
        try:
            release_batch(home, batch)
        except LedgerForbidsError as told:
            stopped.append(str(told))
    assert len(stopped) == 1 and f"({policy}, " in stopped[0] and kind in stopped[0]
    assert ANN not in stopped[0] and BOB not in stopped[0]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("deaths", {**DEATH, "person_id": "370302199003033456"}),
        ("deaths", {**DEATH, "died_on": date(2999, 1, 1)}),
        ("custody", {**CUSTODY, "from_date": date(2999, 1, 1)}),
        ("support", {**SUPPORT, "to_month": 202001}),
        ("support", {**SUPPORT, "support_type": "公益性岗位"}),
        ("support", {**SUPPORT, "subject_id": ANN}),
        ("unemployment_benefits", {**EXTENDED, "to_month": 202001}),
        ("unemployment_benefits", {**EXTENDED, "benefit_type": "失业保险金"}),
        ("unemployment_benefits", {**EXTENDED, "benefit_type": None}),
        ("unemployment_benefits", {**EXTENDED, "person_id": BOB}),
    ],
)
def test_what_speaks_of_nobody_in_the_batch_stops_nothing(
    home: Home, kind: str, row: dict[str, Any]
) -> None:
    batches = signed(home)
    deliver(home, kind, row)
    for batch in batches:
        release_batch(home, batch)


def test_what_the_batchs_own_snapshot_held_was_judged_already(home: Home) -> None:
    batches = signed(home)
    own = next(home.snapshots.iterdir()).name
    deliver(home, "deaths", DEATH)
    shutil.rmtree(home.snapshots / own)
    shutil.copytree(home.snapshots / "Snewer", home.snapshots / own)
    deliver(home, "deaths", DEATH)
    with open_ledger(home) as ledger:
        books = ledger.books()
    for run_id, run in books.runs.items():
        run["snapshot_manifest"] = file_digest(home.snapshots / own / MANIFEST)
        books.snapshots[own] = {run["snapshot_manifest"]: run_id}
    for batch in batches:
        expect_nothing_since(home, books, read_batch(home, batch), [], "2020-05-01")


@pytest.mark.parametrize(
    ("kind", "row", "policy", "person"),
    [
        ("support", SUPPORT, "graduate_flexible_insurance", BOB),
        ("unemployment_benefits", EXTENDED, "benefit_to_retirement", ANN),
    ],
)
def test_our_own_payment_that_is_delivered_back_stops_nothing(
    home: Home, kind: str, row: dict[str, Any], policy: str, person: str
) -> None:
    paid = pay(home, "R0", [month(policy, person, 500, "2020-01")])[0]
    payment = pl.read_parquet(home.batches / paid / "instructions.parquet")["payment_id"][0]
    batches = signed(home)
    deliver(home, kind, {**row, "payment_id": payment})
    for batch in batches:
        release_batch(home, batch)


def test_a_snapshot_that_a_run_read_is_not_hidden_by_the_days_of_files(
    home: Home,
) -> None:
    batches = signed(home)
    own = next(home.snapshots.iterdir()).name
    deliver(home, "deaths", DEATH)
    os.utime(home.snapshots / own / MANIFEST, ns=(2**62, 2**62))
    for batch in batches:
        with open_ledger(home) as ledger:
            books = ledger.books()
        last = {**[*books.runs.values()][-1], "snapshot_id": "Snewer"}
        last["snapshot_manifest"] = file_digest(home.snapshots / "Snewer" / MANIFEST)
        books.runs["Rlater"] = last
        stored = read_batch(home, batch)
        if ANN in set(stored.frame("lines")["subject_id"]):
            with pytest.raises(LedgerForbidsError, match="deaths of snapshot Snewer"):
                expect_nothing_since(home, books, stored, [], "2020-05-01")
            (home.snapshots / "Snewer" / "tables" / "deaths.parquet").unlink()
            with pytest.raises(DigestDiffersError, match="deaths"):
                expect_nothing_since(home, books, stored, [], "2020-05-01")
