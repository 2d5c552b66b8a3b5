"""What keeps memory small: a folder to spill to that no other database has, rows in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from sql import Connection

PIECE_ROWS = 100_000


def spill_apart(connection: Connection, folder: Path) -> None:
    """Let a database spill to a folder of its own; it makes it when it must, and takes it away.

    Files of two databases have the same names: in one folder each would read the other's for its
    own, and nobody would notice. A thread's number is one on the machine, a connection's in it.
    """
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = folder / f"spill-{get_native_id()}-{id(connection)}"
    connection.execute(f"set temp_directory = {quoted(mine)}")


def quoted(text: object) -> str:
    """Write a text, a path as SQL does, in quotes."""
    return "'" + str(text).replace("'", "''") + "'"


def query_pieces(connection: Connection, text: str) -> Iterator[pl.DataFrame]:
    """Run a query that the program itself wrote, and give its rows as they come, never all.

    Rows:    returns  at least one piece, if of no rows; until the last was taken, nothing else may
                      be asked of the connection
    """
    reader = connection.execute(text).to_arrow_reader(PIECE_ROWS)
    yield pl.DataFrame(reader.schema.empty_table())
    for batch in reader:
        yield pl.DataFrame(batch)
