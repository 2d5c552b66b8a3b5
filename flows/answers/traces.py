"""The last trace of a person in an explained line, with the source rows that left it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows
from transforms.answers.explanation import row_list
from transforms.answers.source_rows import shown_columns
from transforms.answers.traces import PAID, rows_left_by, without_refunded
from transforms.money.entitlements import KEY
from transforms.policies.parameters import Parameter, value_on


def traces_of_rows(
    folder: Path, source: SnapshotRows, entitled: pl.DataFrame, shared: Mapping[str, Parameter]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Tell of each line that is paid, or was, by what its person was last seen.

    Rows:    entitled  entitlements of the run in `folder`, all of them expected by `source`
             shared    the numbers that the run was made by
             returns   by policy and key; nothing of a run of before there were traces
    """
    path = folder / "traces.parquet"
    if not path.is_file():
        return {}
    paid = entitled.filter(pl.col("status").is_in(PAID)).select(KEY)
    found = pl.scan_parquet(path).join(paid.lazy(), on=KEY, how="semi").collect()
    told = {tuple(row[name] for name in KEY): row for row in found.iter_rows(named=True)}
    kinds = {one["trace"]: one for one in value_on(shared["trace_kinds"], source.as_of).value}
    return {
        key: _told(told[key], source, kinds) if key in told else {"is_person": False}
        for key in paid.iter_rows()
    }


def _told(
    row: Mapping[str, Any], source: SnapshotRows, kinds: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Tell the last trace, and the last strong one where that is another."""
    left = [(row["trace"], row["trace_on"], row["strength"])]
    strong = (row["strong_trace"], row["strong_on"], "strong")
    left += [strong] if strong[0] and strong not in left else []
    return {
        "is_person": True,
        "until_on": row["until_on"].isoformat(),
        "backing": row["backing"],
        "traces": [
            {
                "trace": trace,
                "trace_on": on.isoformat(),
                "strength": strength,
                "age_days": (row["until_on"] - on).days,
                **{name: kinds[trace][name] for name in ("kind", "reason")},
                **row_list(_rows(source, kinds[trace]["kind"], trace, on, row), row),
            }
            for trace, on, strength in left
            # Of a run whose numbers its home does not keep, today's may not name it.
            if trace in kinds and trace
        ],
    }


def _rows(
    source: SnapshotRows, kind: str, trace: str, on: date, row: Mapping[str, Any]
) -> pl.DataFrame:
    rows = source.rows_of_person(kind, row["subject_id"])
    if kind == "contributions":
        rows = without_refunded(rows)
    return rows.filter(rows_left_by(trace, on)).select(shown_columns(kind))
