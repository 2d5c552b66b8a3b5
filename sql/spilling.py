"""Where a database spills what does not fit into memory: a folder that no other one has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql import Connection


def spill_apart(connection: Connection, folder: Path) -> None:
    """Let a database spill to a folder of its own; it makes it when it must, and takes it away.

    Files of two databases have the same names: in one folder each would read the other's for its
    own, and nobody would notice. A thread's number is one on the machine, a connection's in it.
    """
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = folder / f"spill-{get_native_id()}-{id(connection)}"
    connection.execute("set temp_directory = '{}'".format(str(mine).replace("'", "''")))
