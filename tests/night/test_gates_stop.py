"""A run that a gate stops: exit 12, what was made is kept, no batch, older drafts stand."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.money.ledger_store import open_ledger
from flows.night import gates
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from tests.conftest import AS_OF
from transforms.errors import GateStoppedError
from transforms.gates import BOUNDARIES

KEPT = {
    "extracts": set(),
    "snapshot": {"determinations.parquet"},
    "determinations": {"determinations.parquet"},
    "entitlements": {"determinations.parquet", "entitlements.parquet"},
    "batch": {"determinations.parquet", "entitlements.parquet"},
}


def fail_first_check(monkeypatch: pytest.MonkeyPatch, boundary: str) -> None:
    measure = gates.measure

    def measure_with_one_failure(connection: Any, name: str, as_of: date) -> pl.DataFrame:
        measures = measure(connection, name, as_of)
        if name != boundary:
            return measures
        is_first = pl.int_range(pl.len()) == 0
        failed = pl.when(is_first).then(1).otherwise("failed_count").cast(pl.Int64)
        return measures.with_columns(failed.alias("failed_count"))

    monkeypatch.setattr(gates, "measure", measure_with_one_failure)


def batches_and_states(home: Any) -> tuple[list[str], Any]:
    with open_ledger(home) as ledger:
        return sorted(path.name for path in home.batches.iterdir()), ledger.state_digest()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_critical_failure_keeps_what_was_made_and_drafts_nothing(
    boundary: str, run_home: tuple[Path, Any], home_after_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = batches_and_states(home_after_run)
    fail_first_check(monkeypatch, boundary)
    snapshot_id = json.loads(
        (run_home[0] / "runs" / run_home[1]["run_id"] / "manifest.json").read_text("utf-8")
    )["snapshot_id"]
    request = NightRequest(home_after_run, AS_OF + timedelta(days=1), snapshot_id=snapshot_id)
    with pytest.raises(GateStoppedError) as stopped:
        run_night(request, Progress())
    assert stopped.value.exit_code == 12 and f"gate {boundary} stopped" in str(stopped.value)
    (folder,) = [
        path for path in home_after_run.runs.iterdir() if path.name != run_home[1]["run_id"]
    ]
    kept = {path.name for path in folder.iterdir()}
    assert KEPT[boundary] <= kept and "report.html" in kept
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert (manifest["stopped_at"], manifest["batches"]) == (boundary, [])
    page = (folder / "report.html").read_text("utf-8")
    assert (
        page.index("没有生成任何付款批次") < page.index("一、未通过的检查") < page.index("二、政策")
    )
    assert batches_and_states(home_after_run) == before
