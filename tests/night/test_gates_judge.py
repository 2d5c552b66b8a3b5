"""The judge: Great Expectations decides at the exact edge, and tells failed from errored."""

import ast
import inspect
from typing import Any

import polars as pl
import pytest

from expectations import gate, suites
from expectations.suites import Threshold, load_suite, thresholds_digest
from flows.night.gates import MEASURE_SCHEMA, stop_if_critical
from transforms.errors import ContractError, GateStoppedError
from transforms.gates import BOUNDARIES, GateOutcome, failures_first


def measures(
    boundary: str, over: int = 0, **changed: tuple[int | None, int | None]
) -> pl.DataFrame:
    """Measure every check exactly at its tolerance, plus `over`; some as told instead."""
    rows: list[dict[str, Any]] = []
    for threshold in load_suite(boundary).thresholds:
        failed: int | None = threshold.allowed_count(1000) + over
        checked, failed = changed.get(threshold.check, (1000, failed))
        rows.append(
            {
                "check": threshold.check,
                "checked_count": checked,
                "failed_count": failed,
                "bad_rows": [],
                "note": "",
            }
        )
    return pl.DataFrame(rows, schema=MEASURE_SCHEMA)


def statuses(outcome: GateOutcome) -> set[str]:
    return {check.status for check in outcome.checks}


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_exactly_at_the_tolerance_passes_and_one_more_fails(boundary: str) -> None:
    at_the_edge = gate.judge(boundary, measures(boundary))
    assert statuses(at_the_edge) == {"passed"} and at_the_edge.worst == "passed"
    beyond = gate.judge(boundary, measures(boundary, over=1))
    assert statuses(beyond) == {"failed"} and beyond.worst == "critical" and beyond.stops_run


def test_only_warnings_do_not_stop_the_run() -> None:
    soft = [t.check for t in load_suite("snapshot").thresholds if t.severity == "warning"]
    outcome = gate.judge("snapshot", measures("snapshot", **dict.fromkeys(soft, (1000, 1000))))
    assert outcome.worst == "warning" and not outcome.stops_run
    stop_if_critical(outcome, "report.html")


@pytest.mark.parametrize("counts", [(None, None), (10, None), (None, 0), (10, -1)])
def test_a_measure_without_counts_is_errored_and_stops_even_a_warning(
    counts: tuple[int | None, int | None],
) -> None:
    outcome = gate.judge("snapshot", measures("snapshot", names_agree=counts))
    assert [c.check for c in outcome.checks if c.status == "errored"] == ["names_agree"]
    assert outcome.worst == "critical" and outcome.stops_run


def test_a_check_that_nobody_measured_is_errored() -> None:
    outcome = gate.judge("batch", measures("batch").head(3))
    assert [check.status for check in outcome.checks][:4] == ["passed"] * 3 + ["errored"]
    assert outcome.checks[-1].note == gate.NOT_MEASURED


def test_great_expectations_own_result_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    def expect_nothing(_suite: suites.Suite) -> list[Any]:
        return []

    monkeypatch.setattr(gate, "_expectations", expect_nothing)
    assert statuses(gate.judge("batch", measures("batch"))) == {"errored"}


def test_counts_far_beyond_what_a_float_holds_are_judged_exactly() -> None:
    far = 2**60
    edge = {"rows_accounted": (far, 0), "quarantine_recorded": (far, far)}
    outcome = gate.judge("extracts", measures("extracts", **edge))
    assert [check.status for check in outcome.checks[:2]] == ["passed", "failed"]


def test_the_message_names_checks_and_counts_and_where_to_look() -> None:
    places = [f"fund {n}: 1" for n in range(4)]
    measured = measures("batch", payment_ids_unique=(7, 2)).with_columns(
        pl.lit(places).alias("bad_rows")
    )
    outcome = gate.judge("batch", measured)
    with pytest.raises(GateStoppedError) as stopped:
        stop_if_critical(outcome, "runs/R1/report.html")
    message = str(stopped.value)
    assert "payment_ids_unique (2 of 7, allowed ≤ 0; fund 0: 1, fund 1: 1, fund 2: 1)" in message
    assert "runs/R1/report.html" in message and "no batch was drafted" in message
    assert stopped.value.exit_code == 12


def test_failures_that_stop_come_first() -> None:
    changed = {"accounts_not_shared": (5, 5), "totals_by_two_routes": (1, 1)}
    outcome = gate.judge("batch", measures("batch", **changed))
    names = [check.check for _gate, check in failures_first([outcome])]
    assert names == ["totals_by_two_routes", "accounts_not_shared"]


def test_judging_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    gate.judge("batch", measures("batch", payment_ids_unique=(None, None)))
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
    threshold = Threshold("x", "x", "warning", count, permille, "", "", {}, ())
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


def test_the_digest_of_thresholds_is_stable() -> None:
    assert thresholds_digest() == thresholds_digest() and len(thresholds_digest()) == 64
