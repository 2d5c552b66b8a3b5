"""A run that a gate stops: exit 12, what was made is kept, no batch, older drafts stand."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.suites import COUNTS, Suite, load_suite
from flows.money.ledger_store import open_ledger
from flows.night import gates
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.conftest import AS_OF
from transforms.digest import canonical_json, frame_digest, text_digest
from transforms.errors import GateStoppedError, RuleError
from transforms.gates import BOUNDARIES, Measure

KEPT = {
    "extracts": set(),
    "snapshot": {"determinations.parquet"},
    "determinations": {"determinations.parquet"},
    "entitlements": {"determinations.parquet", "entitlements.parquet"},
    "batch": {"determinations.parquet", "entitlements.parquet"},
}


BAD_ROWS = pl.DataFrame({"source_file": ["a.csv"], "source_line": [7]})


def fail_first_check(monkeypatch: pytest.MonkeyPatch, boundary: str) -> str:
    measure = gates.measure
    first = next(t.check for t in load_suite(boundary).thresholds if t.frame == COUNTS)

    def measure_with_one_failure(connection: Any, suite: Suite, as_of: date) -> list[Measure]:
        measures = measure(connection, suite, as_of)
        failed = Measure(first, 1, 1, BAD_ROWS)
        return [failed, *measures[1:]] if suite.boundary == boundary else measures

    monkeypatch.setattr(gates, "measure", measure_with_one_failure)
    return first


def batches_and_states(home: Any) -> tuple[list[str], Any]:
    with open_ledger(home) as ledger:
        return sorted(path.name for path in home.batches.iterdir()), ledger.state_digest()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_critical_failure_keeps_what_was_made_and_drafts_nothing(
    boundary: str, run_home: tuple[Path, Any], home_after_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = batches_and_states(home_after_run)
    check = fail_first_check(monkeypatch, boundary)
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
    kept_rows = f"checks/{check}.parquet"
    assert pl.read_parquet(folder / kept_rows).equals(BAD_ROWS) and kept_rows in manifest["files"]
    page = (folder / "report.html").read_text("utf-8")
    assert "a.csv:7" in page
    assert (
        page.index("没有生成任何付款批次") < page.index("一、未通过的检查") < page.index("二、政策")
    )
    assert batches_and_states(home_after_run) == before


def test_bad_rows_of_an_ordinary_night_are_kept_and_digested(run_home: tuple[Path, Any]) -> None:
    folder = run_home[0] / "runs" / run_home[1]["run_id"]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    page = (folder / "report.html").read_text("utf-8")
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.glob("checks/*"))
    assert kept and kept == sorted(name for name in manifest["files"] if "checks/" in name)
    for name in kept:
        rows = pl.read_parquet(folder / name)
        assert rows.height == manifest["outputs"][name.removesuffix(".parquet")]["rows"] > 0
        assert frame_digest(rows) == manifest["outputs"][name.removesuffix(".parquet")]["digest"]
        for column in {"person_key", "subject_id", "beneficiary_id"} & set(rows.columns):
            assert not any(str(value) in page for value in rows[column].unique())


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 9])
def test_a_digest_is_the_same_however_the_rows_are_cut(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = pl.Series(["a\tb", None, 'q"', "", "n\nl"], dtype=pl.String)
    frame = pl.DataFrame({"text": texts.extend(texts).head(rows), "number": range(rows)})
    whole = frame_digest(frame)
    monkeypatch.setattr("transforms.digest.ROWS", 4)
    assert frame_digest(frame.reverse()) == whole
    text = frame.sort(frame.columns).write_csv(separator="\t", null_value="\\N")
    header = canonical_json([["text", "String"], ["number", "Int64"]])
    assert whole == text_digest(f"{header}\n{text}")


def test_a_card_that_does_not_fit_its_rule_stops_a_night_before_a_file_is_read(
    run_home: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number left on a card was refused once all extracts had been read."""

    def refuse() -> None:
        raise RuleError("takes no x: remove it from its card")

    monkeypatch.setattr(gates, "check_cards", refuse)
    home, seen = Home(run_home[0]), list[str]()
    request = NightRequest(home, AS_OF, drop=home.root / "nowhere")
    with pytest.raises(RuleError, match="remove it"):
        run_night(request, Progress(lambda *told: seen.append(str(told))))
    assert seen == []
