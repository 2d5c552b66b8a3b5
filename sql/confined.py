"""A database that goes by rules of elsewhere: it reads and writes in folders named to it alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sql.spilling import quoted

if TYPE_CHECKING:
    from sql import Connection

# Lies beside the packages of a program that was laid out with the texts of a night.
WITHIN = ".wuxing-within"
NAMED = Path(__file__).parent.parent / WITHIN


def confine(connection: Connection) -> None:
    """Shut a database into the folders that are named beside the program, if any are: for good.

    Links are followed before: what they lead to must lie there, too. No extension is loaded.
    """
    if not NAMED.is_file():
        return
    named = ", ".join(quoted(folder) for folder in NAMED.read_text(encoding="utf-8").split("\0"))
    connection.execute(f"set allowed_directories = [{named}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
