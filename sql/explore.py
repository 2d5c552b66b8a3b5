"""The home's tables as named views, to be asked and never written; nothing else can be reached.

The files are opened here, by Arrow; the database itself may open no file and change no setting.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow.dataset as arrow_dataset

from sql import Connection, DatabaseError, connect, query, register_frame
from transforms.errors import ContractError, UsageError

# What a fault of its own adds, by the addresses of its code.
STACK = "\n\nStack Trace:"
NAME = re.compile(r"([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]*")
LOCKED = (
    # Else a join asks the Arrow rows for what they can't tell of their texts.
    "set disabled_optimizers = 'join_filter_pushdown'",
    # Else DuckDB 1.5 breaks at a `limit` of filtered Arrow rows; these are the same each time.
    "set preserve_insertion_order = true",
    "set python_enable_replacements = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


def open_views(
    files: Mapping[str, Sequence[Path]],
    frames: Mapping[str, pl.DataFrame],
    nights: Sequence[tuple[str, str, Path]],
) -> Connection:
    """Open a database in which each name is a view over some Parquet files, or a small frame.

    Rows:    nights  run, as-of date and determinations of each; view `nights` is all of them
    Holds:   no file can be read or written by what is asked afterwards
    """
    connection = connect()
    for schema in sorted({name.partition(".")[0] for name in [*files, *frames] if "." in name}):
        connection.execute(f"create schema {_checked(schema)}")
    for number, (name, paths) in enumerate(files.items()):
        _show(connection, f"files_{number}", paths)
        connection.execute(f"create view {_checked(name)} as select * from files_{number}")
    for number, (name, frame) in enumerate(frames.items()):
        connection.register(f"frame_{number}", frame.to_arrow())
        connection.execute(f"create table {_checked(name)} as select * from frame_{number}")
    parts = []
    for number, (run_id, as_of, path) in enumerate(nights):
        _show(connection, f"night_{number}", [path])
        known = pl.DataFrame({"run_id": [run_id], "as_of": [as_of]})
        register_frame(connection, f"night_of_{number}", known)
        parts.append(
            f"select run_id, cast(as_of as date) as as_of, night_{number}.* "
            f"from night_{number} cross join night_of_{number}"
        )
    if parts:
        connection.execute(f"create view nights as {' union all by name '.join(parts)}")
    for setting in LOCKED:
        connection.execute(setting)
    return connection


def _show(connection: Connection, name: str, paths: Sequence[Path]) -> None:
    listed = [str(path) for path in paths]
    connection.register(name, arrow_dataset.dataset(listed, format="parquet"))


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ContractError(f"{name!r} is no name of a view")
    return name


def ask(connection: Connection, text: str) -> pl.DataFrame:
    """Answer what somebody asks.

    Raises:  UsageError with what the database says of it
    """
    try:
        return query(connection, text)
    except DatabaseError as refused:
        raise UsageError(str(refused).partition(STACK)[0].rstrip()) from None
    except pl.exceptions.DuplicateError as twice:
        raise UsageError(f"two columns of the answer have one name: {twice}") from None


def view_names(connection: Connection) -> pl.DataFrame:
    """List the views and their columns.

    Rows:    one per view: name, columns
    """
    return query(
        connection,
        "select case when schema_name = 'main' then '' else schema_name || '.' end || table_name "
        "as name, string_agg(column_name, ', ' order by column_index) as columns "
        "from duckdb_columns() where not internal "
        "and not regexp_matches(table_name, '^(files|frame|night|night_of)_[0-9]+$') "
        "group by all order by name",
    )
