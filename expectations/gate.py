"""Judge the measures of a boundary with Great Expectations. Only this module imports it.

Measures are taken by SQL (sql/gates), tolerances stand in the YAML files beside this module.
Great Expectations compares the two in a frame of whole numbers, and its result decides: a check
whose measure could not be taken has no column there, so Great Expectations raises on it, and
that is how an error is told from a failure.
"""

import logging
import threading
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import polars as pl

from expectations.suites import Suite, Threshold, load_suite
from transforms.gates import CheckOutcome, GateOutcome, Status, Worst

NOT_MEASURED = "没有测量"
_CONTEXT_LOCK = threading.Lock()


def preload() -> threading.Thread:
    """Start importing Great Expectations beside other work: it takes several seconds."""
    thread = threading.Thread(target=_context, name="preload-expectations")
    thread.start()
    return thread


def judge(boundary: str, measures: pl.DataFrame) -> GateOutcome:
    """Judge what was measured at one boundary against its thresholds.

    Rows:    measures  one per check: check, checked_count, failed_count, bad_rows, note;
                       null counts mean that the measure could not be taken
             returns   one outcome per threshold of the boundary, in the suite's order
    Holds:   passed, failed or errored is what Great Expectations' own result says
    Raises:  ContractError if the boundary is unknown
    """
    suite = load_suite(boundary)
    measured = {row["check"]: row for row in measures.iter_rows(named=True)}
    verdict = _validate(suite, measured)
    statuses = {entry.expectation_config.meta["check"]: _status(entry) for entry in verdict.results}
    checks = tuple(
        _outcome(threshold, measured.get(threshold.check, {}), statuses)
        for threshold in suite.thresholds
    )
    return GateOutcome(boundary, suite.title, checks, _worst(verdict, checks))


def _context() -> Any:
    # Great Expectations keeps one context per process; two threads must not each make one.
    with _CONTEXT_LOCK:
        return _new_context()


@cache
def _new_context() -> Any:
    # Its warnings and bars would drown a run's own lines on stderr.
    logger = logging.getLogger("great_expectations")
    logger.setLevel(logging.CRITICAL)
    # A module of it sets a level of its own again; what it says must not reach the run's handlers.
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        import great_expectations.expectations
        from great_expectations.data_context.types.base import ProgressBarsConfig
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.data_sources.add_pandas("measures")
    return context


def _validate(suite: Suite, measured: Mapping[str, Mapping[str, Any]]) -> Any:
    context = _context()
    import great_expectations as gx

    name = suite.boundary
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored_suite = context.suites.add_or_update(
            gx.ExpectationSuite(name=name, expectations=_expectations(suite))
        )
        definition = gx.ValidationDefinition(
            name=name, data=_batch_definition(context, name), suite=stored_suite
        )
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add_or_update(definition)],
            result_format="BASIC",
        )
        outcome = context.checkpoints.add_or_update(checkpoint).run(
            {"dataframe": _frame(suite.thresholds, measured)}
        )
    return next(iter(outcome.run_results.values()))


def _expectations(suite: Suite) -> list[Any]:
    from great_expectations.expectations import ExpectColumnPairValuesAToBeGreaterThanB

    return [
        ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=_allowed_column(threshold),
            column_B=_failed_column(threshold),
            or_equal=True,
            severity=threshold.severity,
            meta={"check": threshold.check},
        )
        for threshold in suite.thresholds
    ]


def _batch_definition(context: Any, name: str) -> Any:
    source = context.data_sources.get("measures")
    if name not in source.get_asset_names():
        source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
    return source.get_asset(name).get_batch_definition(name)


def _frame(thresholds: Iterable[Threshold], measured: Mapping[str, Mapping[str, Any]]) -> Any:
    import pandas as pd

    columns: dict[str, list[int]] = {}
    for threshold in thresholds:
        row = measured.get(threshold.check, {})
        if _is_measured(row):
            columns[_failed_column(threshold)] = [row["failed_count"]]
            columns[_allowed_column(threshold)] = [threshold.allowed_count(row["checked_count"])]
    return pd.DataFrame(columns, index=[0], dtype="int64")


def _failed_column(threshold: Threshold) -> str:
    return f"{threshold.check}_failed_count"


def _allowed_column(threshold: Threshold) -> str:
    return f"{threshold.check}_allowed_count"


def _is_measured(row: Mapping[str, Any]) -> bool:
    checked_count, failed_count = row.get("checked_count"), row.get("failed_count")
    return checked_count is not None and failed_count is not None and failed_count >= 0


def _status(entry: Any) -> Status:
    if entry.success:
        return "passed"
    return "errored" if _has_raised(entry.exception_info) else "failed"


def _has_raised(exception_info: Mapping[str, Any]) -> bool:
    # One record for the expectation, or one record per metric that it needed.
    if "raised_exception" in exception_info:
        return bool(exception_info["raised_exception"])
    return any(_has_raised(record) for record in exception_info.values())


def _outcome(
    threshold: Threshold, row: Mapping[str, Any], statuses: Mapping[str, Status]
) -> CheckOutcome:
    checked_count, failed_count = row.get("checked_count") or 0, row.get("failed_count") or 0
    return CheckOutcome(
        check=threshold.check,
        title=threshold.title,
        severity=threshold.severity,
        status=statuses.get(threshold.check, "errored"),
        checked_count=checked_count,
        failed_count=failed_count,
        allowed_count=threshold.allowed_count(checked_count),
        threshold=threshold.text,
        reason=threshold.reason,
        action=threshold.action,
        bad_rows=tuple(row.get("bad_rows") or ()),
        note=row.get("note", NOT_MEASURED) or "",
    )


def _worst(verdict: Any, checks: Iterable[CheckOutcome]) -> Worst:
    severity = verdict.get_max_severity_failure()
    if severity is None:
        return "passed"
    stops = any(check.stops_run for check in checks)
    return "critical" if stops or severity.value == "critical" else "warning"
