"""The judge: Great Expectations decides at the exact edge, and tells failed from errored."""

import ast
import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations import gate, suites
from expectations.suites import COUNTS, Threshold, load_suite, thresholds_digest
from flows.night.gates import stop_if_critical
from transforms.errors import ContractError, GateStoppedError
from transforms.gates import (
    BOUNDARIES,
    CheckOutcome,
    GateOutcome,
    Measure,
    failures_first,
    gate_warnings,
    places_of,
)


def measures(
    boundary: str, over: int = 0, **changed: tuple[int | None, int | None]
) -> list[Measure]:
    """Measure every check exactly at its tolerance, plus `over`; some as told instead."""
    return [
        Measure(t.check, *changed.get(t.check, (1000, t.allowed_count(1000) + over)))
        for t in load_suite(boundary).thresholds
        if t.frame == COUNTS
    ]


def measured_checks(outcome: GateOutcome) -> GateOutcome:
    """Leave out the checks that are expectations of frames: these tests hand in none."""
    expected = {t.check for t in load_suite(outcome.boundary).thresholds if t.frame != COUNTS}
    checks = tuple(check for check in outcome.checks if check.check not in expected)
    return replace(outcome, checks=checks, worst=gate._worst(checks))


def judge(boundary: str, measured: list[Measure]) -> GateOutcome:
    return measured_checks(gate.judge(boundary, measured))


def statuses(outcome: GateOutcome) -> set[str]:
    return {check.status for check in outcome.checks}


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_exactly_at_the_tolerance_passes_and_one_more_fails(boundary: str) -> None:
    at_the_edge = judge(boundary, measures(boundary))
    assert statuses(at_the_edge) == {"passed"} and at_the_edge.worst == "passed"
    beyond = judge(boundary, measures(boundary, over=1))
    assert statuses(beyond) == {"failed"} and beyond.worst == "critical" and beyond.stops_run


def test_only_warnings_do_not_stop_the_run() -> None:
    soft = [t.check for t in load_suite("snapshot").thresholds if t.severity == "warning"]
    outcome = judge("snapshot", measures("snapshot", **dict.fromkeys(soft, (1000, 1000))))
    assert outcome.worst == "warning" and not outcome.stops_run
    stop_if_critical(outcome, "report.html")


@pytest.mark.parametrize("counts", [(None, None), (10, None), (None, 0), (10, -1)])
def test_a_measure_without_counts_is_errored_and_stops_even_a_warning(
    counts: tuple[int | None, int | None],
) -> None:
    outcome = judge("snapshot", measures("snapshot", names_agree=counts))
    assert [c.check for c in outcome.checks if c.status == "errored"] == ["names_agree"]
    assert outcome.worst == "critical" and outcome.stops_run


def test_a_check_that_nobody_measured_is_errored() -> None:
    outcome = judge("batch", measures("batch")[:3])
    assert [check.status for check in outcome.checks][:4] == ["passed"] * 3 + ["errored"]
    assert outcome.checks[-1].note == gate.NOT_MEASURED


def test_great_expectations_own_result_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def expect_nothing(*_words: Any) -> dict[str, list[Any]]:
        return {}

    monkeypatch.setattr(gate, "_validate", expect_nothing)
    assert statuses(judge("batch", measures("batch"))) == {"errored"}


def test_counts_far_beyond_what_a_float_holds_are_judged_exactly() -> None:
    far = 2**60
    edge = {"rows_accounted": (far, 0), "quarantine_recorded": (far, far)}
    outcome = judge("extracts", measures("extracts", **edge))
    assert [check.status for check in outcome.checks[:2]] == ["passed", "failed"]


def test_the_message_names_checks_and_counts_and_where_to_look() -> None:
    measured = measures("batch", payable_drafted=(7, 4))
    bad_rows = pl.DataFrame({"policy_id": [f"policy_{n}" for n in range(4)], "subject_id": "P1"})
    measured = [replace(m, bad_rows=bad_rows) if m.failed_count else m for m in measured]
    outcome = judge("batch", measured)
    with pytest.raises(GateStoppedError) as stopped:
        stop_if_critical(outcome, "runs/R1/report.html")
    message = str(stopped.value)
    counts = "(4 of 7 fail, ≤ 0; policy_0: 1, policy_1: 1, policy_2: 1)"
    assert f"payable_drafted {failed_title(outcome)} {counts}" in message
    assert "runs/R1/report.html" in message and "no batch was drafted" in message
    assert stopped.value.exit_code == 12


def failed_title(outcome: GateOutcome) -> str:
    return next(check.title for check in outcome.checks if check.status == "failed")


def test_failures_that_stop_come_first() -> None:
    changed = {"payees_not_shared": (5, 5), "control_totals_agree": (1, 1)}
    outcome = judge("batch", measures("batch", **changed))
    names = [check.check for _gate, check in failures_first([outcome])]
    assert names == ["control_totals_agree", "payees_not_shared"]


def test_judging_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    gate.judge("batch", measures("batch", payable_drafted=(None, None)))
    assert capfd.readouterr() == ("", "")


def test_the_judge_is_imported_late() -> None:
    tree = ast.parse(inspect.getsource(gate))
    at_the_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "great_expectations" not in " ".join(ast.unparse(node) for node in at_the_top)


@pytest.mark.parametrize(
    ("count", "permille", "checked", "allowed"),
    [
        (0, 0, 999, 0),
        (0, 10, 99, 0),
        (0, 10, 100, 1),
        (0, 10, 199, 1),
        (5, 10, 100, 5),
        (5, 10, 900, 9),
    ],
)
def test_a_tolerance_is_the_larger_of_count_and_share(
    count: int, permille: int, checked: int, allowed: int
) -> None:
    threshold = Threshold("x", "x", "warning", count, permille, "", "", {}, (), "", ())
    assert threshold.allowed_count(checked) == allowed


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_every_threshold_has_a_reason_and_says_what_to_do(boundary: str) -> None:
    for threshold in load_suite(boundary).thresholds:
        assert len(threshold.reason) >= 10 and threshold.reason[-1] in "。", threshold.check
        assert len(threshold.action) >= 10 and threshold.action[-1] in "。？", threshold.check


SOUND = {
    "check": "x",
    "title": "t",
    "severity": "warning",
    "max_failed": 0,
    "reason": "r",
    "action": "a",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": None},
        {"max_failed": None},
        {"severity": "fatal"},
        {"max_failed": 1.5},
        {"max": 1},
        {"max_failed": -1},
        {"max_failed": True},
        {"frame": "lines"},
        {"expect": [{"type": "expect_column_to_exist", "column": "x"}], "frame": "lines"},
        {"expect": [{"type": "expect_column_to_exist", "column": "x"}], "max_failed": None},
    ],
)
def test_a_threshold_without_its_words_is_refused(changed: dict[str, Any]) -> None:
    assert suites._threshold("b", SOUND).max_failed == 0
    entry = {key: value for key, value in {**SOUND, **changed}.items() if value is not None}
    with pytest.raises(ContractError):
        suites._threshold("b", entry)


def test_an_unknown_boundary_is_refused() -> None:
    with pytest.raises(ContractError):
        load_suite("release")


@pytest.mark.parametrize("name", ["batch/suite.yaml", "snapshot/names_agree.sql"])
def test_the_digest_covers_every_suite_and_its_sql(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = thresholds_digest()
    shutil.copytree(suites.FOLDER, tmp_path / "expectations")
    monkeypatch.setattr(suites, "FOLDER", tmp_path / "expectations")
    assert thresholds_digest() == before
    with (tmp_path / "expectations" / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert thresholds_digest() != before


TOTALS = {"instruction_count": 3, "amount_fen": 1}
PERSONAL = {
    "payment_id": ["P1", "P1", "p1"],
    "holder": ["王小明", " ", None],
    "account_no": ["6222021234567890", "6222O", None],
    "bank_code": ["105453000012", "1054530000", None],
    "beneficiary_id": ["370302199001011234"] * 3,
    "amount_fen": [7770001, -5, None],
}


def test_results_hold_no_values_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    validate = gate._validate

    def listen(*words: Any) -> dict[str, list[Any]]:
        found = validate(*words)
        said.extend(json.dumps(e.to_json_dict()) for entries in found.values() for e in entries)
        return found

    monkeypatch.setattr(gate, "_validate", listen)
    columns = ["fund", "batch_id", "policy_id", "beneficiary_kind", "bank_name", "amount_cap_fen"]
    frame = pl.DataFrame(PERSONAL).with_columns(pl.lit("x").alias(name) for name in columns)
    outcome = gate.judge("batch", measures("batch"), {"instructions": frame}, TOTALS)
    by_name = {check.check: check for check in outcome.checks}
    assert by_name["payment_ids_unique"].failed_count == 3
    assert by_name["destinations_complete"].status == "failed" and len(said) > 15
    values = [str(v) for column in PERSONAL.values() for v in column if v and len(str(v)) > 2]
    assert [value for value in values for text in [*said, str(outcome)] if value in text] == []


def test_an_expectation_that_cannot_be_looked_at_is_errored() -> None:
    frame = pl.DataFrame({"payment_id": ["P1"]})
    outcome = gate.judge("batch", measures("batch"), {"instructions": frame}, TOTALS)
    by_name = {check.check: check.status for check in outcome.checks}
    assert by_name["payment_ids_unique"] == "passed" and by_name["amounts_positive"] == "errored"
    assert by_name["lines_total"] == "errored" and outcome.stops_run


def test_only_columns_that_name_nobody_are_shown() -> None:
    rows = {"kind": ["deaths"], "person_key": [37030219900101123], "paid_fen": [7], "name": ["甲"]}
    assert places_of(pl.DataFrame(rows)) == ("deaths: 1",)
    assert places_of(pl.DataFrame({"person_key": [37030219900101123]})) == ("1",)


def test_a_check_that_failed_and_stops_nothing_is_a_warning_that_names_who_reads_it() -> None:
    stale = pl.DataFrame({"insurance": ["养老"], "month": [202003]})
    outcome = CheckOutcome(
        *("contributions_recent", "缴费明细更新到接近基准月", "warning", "failed", 3, 1, 0),
        *("最多 0 处", "", "", ("养老, 202003: 1",)),
        bad_rows=stale,
    )
    other = replace(outcome, check="names_agree", bad_rows=None)
    nowhere = replace(other, places=())
    stops, passed = replace(other, severity="critical"), replace(other, status="passed")
    gate = GateOutcome("snapshot", "", (outcome, other, nowhere, stops, passed), "critical")
    read_by = {
        "养老": ["benefit_to_retirement", "internship_subsidy"],
        "医疗": ["stability_refund"],
    }
    told = [str(said) for said in gate_warnings([gate], read_by)]
    assert told == [
        "check contributions_recent (缴费明细更新到接近基准月): 1 of 3 fail (养老, 202003: 1); "
        "touches benefit_to_retirement, internship_subsidy",
        "check names_agree (缴费明细更新到接近基准月): 1 of 3 fail (养老, 202003: 1)",
        "check names_agree (缴费明细更新到接近基准月): 1 of 3 fail",
    ]
