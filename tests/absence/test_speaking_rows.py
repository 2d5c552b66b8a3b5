"""A row of tonight that takes away what was paid is found among the rows that its card names."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town.scene_rows import paid_lines_of, tables_of
from data_samples.town.scenes import read_scenes
from flows.answers.snapshot_rows import SnapshotRows
from flows.night.against import ROW_FOUND, RunThen, cause_of
from flows.night.determine import determine
from tests.rules.golden_run import background, write_tables
from transforms.money.entitlements import KEY

INTERN = """
as_of: 2020-12-31
given:
  reg: {registrations: U1}
  unit: {insured_units: U1}
  host: {designations: U1, list: 就业见习单位, valid_from: 2018-01-01}
  grad: {graduates: 甲, graduated_on: 2019-07-01}
  intern: {employment: 甲, at: U1, contract_type: 就业见习, starts_on: 2019-11-04, \
ends_on: 2020-12-31}
  pay: {payroll: 甲, at: U1, months: 202001..202012, net_yuan: 1146.00}
cases:
  - case: paid in its fourteenth month
    expect: none
  - case: the host insured in the first one
    change: {late: {contributions: 甲, at: U1, for: 养老, months: 201911}}
    expect: none
"""
REFUND = """
as_of: 2020-09-30
given:
  reg: {registrations: U1}
  unit: {insured_units: U1}
  staff: {contributions: 甲 乙, at: U1, for: 失业, months: 201812..201912}
  owed: {contributions: 甲, at: U1, for: 失业, months: 201905, state: 未到账}
cases:
  - case: what was owed arrived
    expect: none
  - case: what arrived was given back
    change: {back: {contributions: 甲, at: U1, for: 失业, months: 201905, entry: 退费, \
unit_yuan: -9999.00, person_yuan: 0.00, paid_on: 2020-08-01}}
    expect: none
"""


@pytest.mark.parametrize(
    ("policy", "text", "period", "provision"),
    [
        ("internship_subsidy", INTERN, "2020-12", "s7_three_months_first"),
        ("stability_refund", REFUND, "2020", "s5_no_arrears"),
    ],
)
def test_the_row_that_takes_it_away_is_found(
    tmp_path: Path, policy: str, text: str, period: str, provision: str
) -> None:
    read, rows = [], []
    for place, scene in enumerate(read_scenes(text, policy, 1)):
        folder = tmp_path / str(place)
        (folder / "tables").mkdir(parents=True)
        object.__setattr__(scene, "number", 1)
        scene.ids.clear()
        tables = {
            kind: table.with_columns(
                source_file=pl.lit(f"{kind}.csv"),
                source_line=pl.int_range(2, pl.len() + 2, dtype=pl.Int64),
            )
            for kind, table in tables_of([scene, background(scene.as_of)], ()).items()
        }
        paths = write_tables(tables, folder / "tables")
        found = determine(paths, scene.as_of, paid_lines_of([scene]), threads=1, only=[policy])
        of_case = pl.col("beneficiary_id") == scene.id_of("U1")
        (row,) = found.determinations.filter(of_case, period=period).to_dicts()
        read.append(SnapshotRows(folder, scene.as_of))
        rows.append(row)
    then, now = rows
    assert (then["outcome"], now["reason_codes"]) == ("eligible", [provision])
    paid_fen = then["amount_fen"]
    claim: dict[str, Any] = {**now, "is_eligible": False, "is_own": True, "row_number": 0}
    claim |= {"determined_fen": 0, "own_fen": paid_fen, "paid_before_fen": paid_fen}
    claim |= {"payments": ["P"], "counted": None}
    for one in read:
        one.expect([claim])
    key = tuple(then[name] for name in KEY)
    is_claim, said, places, _ = cause_of(
        claim, read[1], [RunThen(read[0], {key: paid_fen}, {key: []})]
    )
    assert (is_claim, said) == (True, ROW_FOUND)
    assert places.startswith("contributions.csv:")
