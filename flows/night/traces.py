"""The last traces of the persons of a run's paid lines, from the facts that the night has built."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from sql import Connection, FactStore, register_frame, run_sql, shared_parameters
from sql.checks import tables_present
from sql.texts import FOLDER, fact_names
from transforms.answers.traces import TRACE_SCHEMA, traced_lines

PARTS, LAST = ("of_months", "of_days"), "traces/last.sql"


def last_traces(
    connection: Connection,
    tables: Mapping[str, Sequence[Path]],
    as_of: date,
    entitlements: pl.DataFrame,
) -> pl.DataFrame | None:
    """Find the last trace of each person for whom a line is paid; None by rules that ask for none.

    Rows:    returns  TRACE_SCHEMA, one per line that is paid, or was, for a person
    """
    if not (FOLDER / LAST).is_file():
        return None
    lines = traced_lines(entitlements, as_of)
    if not lines.height:
        return pl.DataFrame(schema=TRACE_SCHEMA)
    built = tables_present(connection) & set(fact_names())
    store = FactStore(connection, tables, as_of, built=set(built))
    register_frame(connection, "traced_lines", lines)
    for part in PARTS:
        path = f"traces/{part}.sql"
        store.build_under(path)
        text, values = store.statement(path, {})
        store.execute(path, f"create or replace table traces_{part} as {text}", values)
    found = run_sql(connection, LAST, store.statement(LAST, shared_parameters())[1])
    return found.cast(pl.Schema(TRACE_SCHEMA))
