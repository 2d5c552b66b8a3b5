"""The gates' shell: what it registers of a snapshot, of policies and of drafts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.night import gates
from sql import connect, policy_cards, query, register_tables
from sql.checks import run_check
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.gates import GateOutcome
from transforms.money.batches import INSTRUCTION_SCHEMA, LINE_SCHEMA, DraftBatch


@dataclass(frozen=True)
class Snapshot:
    """A snapshot folder with one kind in it."""

    folder: Path

    def tables(self) -> Mapping[str, Sequence[Path]]:
        return {"deaths": [self.folder / "deaths.parquet"]}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    lines = list(range(2, 62))
    file = {"name": "deaths.csv", "kind": "deaths", "sha256": "x", "encoding": "utf-8"}
    manifest = {
        "files": [{**file, "rows": 120, "accepted": 60, "quarantined": 60, "totals_rows": 0}]
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    deaths = [{"source_file": "deaths.csv", "source_line": line} for line in lines]
    frame = pl.DataFrame(deaths, schema=table_schema(KINDS["deaths"]))
    frame.write_parquet(tmp_path / "deaths.parquet")
    pl.DataFrame(
        {
            "kind": ["deaths"] * 60,
            "source_file": ["deaths.csv"] * 60,
            "source_line": [line + 60 for line in lines],
            "rule": ["invalid_person_id"] * 60,
            "column": ["person_id"] * 60,
            "message": ["is no valid person id"] * 60,
        }
    ).write_parquet(tmp_path / "quarantine.parquet")
    for name in ("repairs", "findings"):
        pl.DataFrame(schema=gates.FRAMES[name]).write_parquet(tmp_path / f"{name}.parquet")
    return Snapshot(tmp_path)


def failed(outcome: GateOutcome) -> list[str]:
    return [check.check for check in outcome.checks if check.status != "passed"]


def test_a_snapshot_that_lost_half_a_kind_is_stopped_at_the_first_gate(snapshot: Snapshot) -> None:
    with gates.connected(snapshot, date(2020, 6, 30)) as connection:
        outcome = gates.judge_boundary(connection, "extracts", date(2020, 6, 30))
    assert failed(outcome) == ["unusable_rows_share", "quarantined_by_rule", "kinds_delivered"]
    assert outcome.stops_run
    (stopping,) = [check for check in outcome.checks if check.stops_run]
    assert stopping.places == ("deaths: 60 / 120",)


def test_a_row_missing_from_a_table_is_stopped(snapshot: Snapshot) -> None:
    path = snapshot.folder / "deaths.parquet"
    pl.read_parquet(path).head(59).write_parquet(path)
    with gates.connected(snapshot, date(2020, 6, 30)) as connection:
        outcome = gates.judge_boundary(connection, "extracts", date(2020, 6, 30))
    assert "accepted_rows_stored" in failed(outcome) and outcome.stops_run


def test_policies_nobody_spoke_of_did_not_run() -> None:
    connection = connect(threads=1)
    gates.register_policy_runs(connection, {"new_hire_subsidy": "ran"}, date(2026, 6, 30))
    rows = query(connection, "select * from policy_runs order by all")
    assert rows.height == len(policy_cards())
    assert rows.filter(pl.col("status") == "ran")["policy_id"].to_list() == ["new_hire_subsidy"]
    in_force = rows.filter("is_in_force")["policy_id"].to_list()
    assert "benefit_to_retirement" in in_force and "new_hire_subsidy" not in in_force
    caps = query(connection, "select * from amount_caps where policy_id = 'new_hire_subsidy'")
    assert ("new_hire_subsidy", "2020", 100_000) in caps.rows()


@pytest.mark.parametrize("count", [0, 2])
def test_drafts_of_any_number_are_registered_with_their_control_totals(count: int) -> None:
    connection = connect(threads=1)
    register_tables(connection, {}, date(2020, 6, 30))
    control = {"instruction_count": 0, "line_count": 0, "amount_fen": 0, "by_policy": []}
    empty = pl.DataFrame(schema=INSTRUCTION_SCHEMA), pl.DataFrame(schema=LINE_SCHEMA)
    batches = [
        DraftBatch(f"B{n}", "就业补助资金", "", *empty, empty[1], {"control": control})
        for n in range(count)
    ]
    gates.register_drafts(connection, batches)
    rows = query(connection, "select batch_id, amount_fen from batches order by all")
    assert rows["batch_id"].to_list() == [f"B{n}" for n in range(count)]


def test_a_check_counts_what_it_says_it_looks_at_and_refuses_a_text_that_says_nothing() -> None:
    connection = connect(threads=1)
    text = "-- checked: range(10)\nselect range as n from range(10) where range > $most order by 1"
    checked_count, bad_rows = run_check(connection, text, {"most": 7})
    assert (checked_count, bad_rows["n"].to_list()) == (10, [8, 9])
    with pytest.raises(ContractError, match="needs a line"):
        run_check(connection, "select 1", {})
    with pytest.raises(ContractError, match="takes most"):
        run_check(connection, text, {})
