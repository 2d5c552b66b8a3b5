"""A database opened over the extracts of a snapshot."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from sql import Connection, connect, register_tables

# Of fewer bytes of Parquet, dividing the work takes longer than doing it.
SMALL = 2 << 20


def connect_to(
    tables: Mapping[str, Sequence[Path]],
    as_of: date,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_folder: Path | None = None,
) -> Connection:
    """Open a database over extracts: of a small town by one thread, unless told by how many.

    Rows:    tables  the Parquet files of each kind, as `register_tables` takes them
    Raises:  ContractError for a kind that does not exist
    """
    if threads is None and _size(tables) < SMALL:
        threads = 1
    connection = connect(threads, memory_limit, temp_folder)
    register_tables(connection, tables, as_of)
    return connection


def _size(tables: Mapping[str, Sequence[Path]]) -> int:
    return sum(path.stat().st_size for paths in tables.values() for path in paths)
