"""Runs one check of a gate: its text is handed in, its bad rows are handed back.

A check's SQL returns its bad rows, one per offence, in a total order. A comment says how many were
looked at: `-- checked: <what stands after from>`, or `-- checked: select …` giving the number.
"""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from sql import Connection, query
from sql.texts import COMMENT, DOLLAR
from transforms.errors import ContractError

CHECKED = re.compile(r"^-- checked: (.*(?:\n--   .*)*)$", re.MULTILINE)


def run_check(
    connection: Connection, text: str, values: Mapping[str, Any]
) -> tuple[int, pl.DataFrame]:
    """Count what a check looks at, and collect what it found.

    Rows:    returns  the number checked, and one row per offence
    Raises:  ContractError if the text says not what it checks, or takes a value that nothing gives
    """
    found = CHECKED.search(text)
    if found is None:
        raise ContractError("a check's SQL needs a line `-- checked: …`")
    counted = found.group(1).replace("\n--", " ")
    if not counted.startswith("select"):
        counted = f"select count(*) from {counted}"
    ((checked_count,),) = run_text(connection, counted, values).iter_rows()
    return int(checked_count or 0), run_text(connection, text, values)


def run_text(connection: Connection, text: str, values: Mapping[str, Any]) -> pl.DataFrame:
    """Run a query that stands outside sql/, with those of the values that occur in it."""
    names = set(DOLLAR.findall(COMMENT.sub("", text)))
    missing = sorted(names - set(values))
    if missing:
        raise ContractError(f"a check takes {', '.join(missing)}, which nothing gives")
    taken = {name: values[name] for name in names}
    return pl.DataFrame(connection.execute(text, taken).to_arrow_table())


def tables_present(connection: Connection) -> frozenset[str]:
    """Name the tables and views that stand in a connection."""
    names = query(connection, "select table_name from information_schema.tables order by all")
    return frozenset(names["table_name"].to_list())
