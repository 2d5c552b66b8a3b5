"""Judge one boundary with Great Expectations. Only this module imports it.

Two sorts of checks meet here. What SQL counted stands in a frame of whole numbers, a row a check,
where Great Expectations compares each count with its tolerance. What a suite expects of a frame
(the drafted instructions, the entitlements) it judges on the frame itself. Either way its result
decides, and what it could not look at has raised there: that is how an error is told from a
failure.
"""

import importlib
import logging
import sys
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any

import polars as pl

from expectations.suites import COUNTS, Suite, Threshold, load_suite
from transforms.gates import CheckOutcome, GateOutcome, Measure, Status, Worst, places_of
from transforms.words import Said

WITHIN_TOLERANCE = {
    "type": "expect_column_pair_values_a_to_be_greater_than_b",
    "column_A": "allowed_count",
    "column_B": "failed_count",
    "or_equal": True,
}
NOT_MEASURED = Said("not_measured")
# No result holds what stood in a cell: only how many rows failed, and their places in the frame.
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}
_CONTEXT_LOCK = threading.Lock()
# Statistics and charts that no suite of ours asks: a third of what it takes to import.
SELDOM_ASKED = ("scipy.stats", "altair")


class LateModule(ModuleType):
    """Stands for a module that is imported when the first of its words is asked."""

    def __getattr__(self, word: str) -> Any:
        """Import it, and hand on what it has."""
        if word.startswith("__"):
            raise AttributeError(word)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), word)


def preload() -> threading.Thread:
    """Start importing Great Expectations beside other work: it takes several seconds."""
    thread = threading.Thread(target=_try_context, name="preload-expectations")
    thread.start()
    return thread


def _try_context() -> None:
    # Whoever judges meets the same fault again, and tells it.
    with suppress(Exception):
        _context()


def judge(
    boundary: str,
    measures: Iterable[Measure],
    frames: Mapping[str, pl.DataFrame] | None = None,
    totals: Mapping[str, int] | None = None,
) -> GateOutcome:
    """Judge one boundary: what SQL counted, and what is expected of its frames.

    Rows:    frames   those that the suite's expectations name; one that is missing is an error
             returns  one outcome per check of the boundary, in the suite's order
    Units:   totals   fen and counts that expectations name as {$PARAMETER: name}
    Holds:   passed, failed or errored is what Great Expectations' own result says
    Raises:  ContractError if the boundary is unknown
    """
    suite = load_suite(boundary)
    measured = {measure.check: measure for measure in measures}
    statuses = _judge_counts(_counts(suite, measured))
    for name, frame in (frames or {}).items():
        expected = {t.check: t.expect for t in suite.thresholds if t.frame == name}
        for check, entries in _validate(frame, expected, totals or {}).items():
            statuses[check] = _status(entries)
            measured[check] = _found(check, frame, entries)
    checks = tuple(
        _outcome(
            threshold,
            measured.get(threshold.check, Measure(threshold.check, note=NOT_MEASURED)),
            statuses.get(threshold.check, "errored"),
        )
        for threshold in suite.thresholds
    )
    return GateOutcome(boundary, suite.title, checks, _worst(checks))


def _worst(checks: Sequence[CheckOutcome]) -> Worst:
    if any(check.stops_run for check in checks):
        return "critical"
    return "passed" if all(check.status == "passed" for check in checks) else "warning"


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
        for name in SELDOM_ASKED:
            sys.modules.setdefault(name, LateModule(name))
        import great_expectations as gx
        import great_expectations.expectations
        from great_expectations.data_context.types import base
        from great_expectations.execution_engine import pandas_execution_engine
    # It would take a fingerprint of every frame, two seconds a million rows, that nobody reads.
    pandas_execution_engine.HASH_THRESHOLD = 0
    # By itself it would make a folder for pages of its own among the system's temporary files.
    stores = base.InMemoryStoreBackendDefaults()
    config = base.DataContextConfig(store_backend_defaults=stores)
    context = gx.get_context(project_config=config, mode="ephemeral")
    context.variables.progress_bars = base.ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("frames")
    source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("frame")
    return context


def _judge_counts(counts: pl.DataFrame) -> dict[str, Status]:
    """Hold all counts against their tolerances at once: the rows that fail are checks that fail."""
    results = _validate(counts, {COUNTS: [WITHIN_TOLERANCE]}, {}).get(COUNTS, [])
    verdict = _status(results)
    failed = {row for entry in results for row in entry.result.get("unexpected_index_list") or ()}
    if verdict == "failed" and not failed:
        # A verdict that names no row condemns none: nobody could say which check it is.
        verdict = "errored"
    return {
        check: verdict if verdict == "errored" or row in failed else "passed"
        for row, check in enumerate(counts["check"])
    }


def _validate(
    frame: pl.DataFrame,
    expectations: Mapping[str, Sequence[Mapping[str, Any]]],
    totals: Mapping[str, int],
) -> dict[str, list[Any]]:
    """Hold what each check expects against a frame; return the results by check."""
    context = _context()
    import great_expectations as gx

    expected = [
        {
            "type": entry["type"],
            "kwargs": {word: value for word, value in entry.items() if word != "type"},
            "meta": {"check": check},
        }
        for check, entries in expectations.items()
        for entry in entries
    ]
    batches = context.data_sources.get("frames").get_asset("frame").get_batch_definition("frame")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = batches.get_batch({"dataframe": frame.to_pandas()}).validate(
            gx.ExpectationSuite(name="gate", expectations=expected),
            result_format=RESULT_FORMAT,
            expectation_parameters=dict(totals),
        )
    by_check = defaultdict(list)
    for entry in verdict.results:
        by_check[entry.expectation_config.meta["check"]].append(entry)
    return dict(by_check)


def _counts(suite: Suite, measured: Mapping[str, Measure]) -> pl.DataFrame:
    """Lay out the counts that were taken, a row a check, each beside how many may fail."""
    rows: list[tuple[str, int, int]] = []
    for threshold in suite.thresholds:
        measure = measured.get(threshold.check, Measure(threshold.check))
        checked_count, failed_count = measure.checked_count, measure.failed_count
        if checked_count is not None and failed_count is not None and failed_count >= 0:
            rows.append((threshold.check, threshold.allowed_count(checked_count), failed_count))
    schema = {"check": pl.String, "allowed_count": pl.Int64, "failed_count": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def _found(check: str, frame: pl.DataFrame, results: Sequence[Any]) -> Measure:
    """Name the rows of a frame that an expectation of a check failed on; a total is one row."""
    places = {row for entry in results for row in entry.result.get("unexpected_index_list") or ()}
    bad_rows = frame[sorted(places)].sort(frame.columns)
    differing = [e for e in results if not e.success and "observed_value" in e.result]
    if differing:
        stated = [entry.expectation_config.kwargs for entry in differing]
        bad_rows = pl.DataFrame(
            {
                "total": [kwargs.get("column", "rows") for kwargs in stated],
                "found_count": [int(entry.result["observed_value"]) for entry in differing],
                "stated_count": [int(k.get("value", k.get("min_value"))) for k in stated],
            }
        )
    return Measure(check, frame.height, bad_rows.height, bad_rows)


def _status(entries: Sequence[Any]) -> Status:
    if any(_has_raised(entry.exception_info) for entry in entries) or not entries:
        return "errored"
    return "passed" if all(entry.success for entry in entries) else "failed"


def _has_raised(exception_info: Mapping[str, Any]) -> bool:
    # One record for the expectation, or one record per metric that it needed.
    if "raised_exception" in exception_info:
        return bool(exception_info["raised_exception"])
    return any(_has_raised(record) for record in exception_info.values())


def _outcome(threshold: Threshold, measure: Measure, status: Status) -> CheckOutcome:
    checked_count, bad_rows = measure.checked_count or 0, measure.bad_rows
    return CheckOutcome(
        check=threshold.check,
        title=threshold.title,
        severity=threshold.severity,
        status=status,
        checked_count=checked_count,
        failed_count=measure.failed_count or 0,
        allowed_count=threshold.allowed_count(checked_count),
        threshold=threshold.text,
        reason=threshold.reason,
        action=threshold.action,
        places=() if bad_rows is None else places_of(bad_rows),
        note=measure.note,
        bad_rows=bad_rows,
    )
