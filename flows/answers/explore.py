"""`wuxing sql`: which files of a home stand behind which name, and what is asked of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import LISTS
from flows.money.batch import list_batches
from flows.money.batch_folder import FRAMES
from flows.money.ledger_store import books_of
from flows.store import Home, read_manifest
from sql import Connection
from sql.explore import ask, open_views, view_names
from transforms.errors import UsageError
from transforms.sheets.csv_file import guarded

MOST_ROWS = 200
PROMPT, MORE = "wuxing> ", "   ...> "
LEAVE = (".exit", ".quit", "exit", "quit")
STATE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("batch_id", "state", "fund", "run_id", "as_of", "mark"), pl.String()),
    **dict.fromkeys(("line_count", "amount_fen"), pl.Int64()),
}


def open_home(home: Home, run_id: str) -> Connection:
    """Open a home for questions: a run, its snapshot, all batches, and the nights of every run.

    Raises:  DropRefusedError if there is no such run
    """
    run = home.runs / run_id
    manifest = read_manifest(run, "run")
    snapshot = home.snapshots / manifest["snapshot_id"]
    tables = read_manifest(snapshot, "snapshot")["tables"]
    files = {
        f"snapshot.{kind}": [snapshot / name for name in sorted(entry["files"])]
        for kind, entry in sorted(tables.items())
    }
    files |= {f"snapshot.{name}": [snapshot / f"{name}.parquet"] for name in LISTS}
    written = (*run.glob("*.parquet"), *run.glob("policies/*.parquet"))
    files |= {f"run.{path.stem}": [path] for path in sorted(written)}
    batches = sorted(home.batches.glob("B*")) if home.batches.is_dir() else []
    files |= {f"batches.{name}": [path / f"{name}.parquet" for path in batches] for name in FRAMES}
    there = {name: [path for path in paths if path.is_file()] for name, paths in files.items()}
    states = pl.DataFrame(list_batches(home), schema=STATE_SCHEMA)
    return open_views(
        {name: paths for name, paths in there.items() if paths},
        {"batches.states": states},
        list(_nights(home)),
    )


def _nights(home: Home) -> list[tuple[str, str, Path]]:
    return [
        (run_id, recorded["as_of"], path)
        for run_id, recorded in books_of(home).runs.items()
        if (path := home.runs / run_id / "determinations.parquet").is_file()
    ]


def table_text(rows: pl.DataFrame) -> str:
    """Write an answer as a table; long ones are cut, and say so."""
    with pl.Config(
        tbl_rows=MOST_ROWS,
        tbl_cols=-1,
        fmt_str_lengths=80,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        fmt_table_cell_list_len=20,
    ):
        shown = str(rows.head(MOST_ROWS))
    left = rows.height - MOST_ROWS
    counted = f"rows: {rows.height:,}"
    if left > 0:
        counted = f"rows: {rows.height:,}, not shown: {left:,}"
    return f"{shown}\n{counted}"


def flat_csv(rows: pl.DataFrame) -> str:
    """Write an answer as CSV that a spreadsheet opens; a list becomes one cell with | between."""
    lists = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)]
    joined = [pl.col(name).cast(pl.List(pl.String)).list.join("|") for name in lists]
    return guarded(rows.with_columns(joined)).write_csv(include_bom=True)


def converse(
    connection: Connection, read: Callable[[str], str], tell: Callable[[str], None]
) -> None:
    """Answer question after question, each ended by a semicolon, until there are no more."""
    tell(table_text(view_names(connection)))
    waiting: list[str] = []
    while True:
        try:
            line = read(MORE if waiting else PROMPT)
        except EOFError:
            return
        if not waiting and line.strip().rstrip(";").lower() in LEAVE:
            return
        waiting.append(line)
        if line.rstrip().endswith(";"):
            text, waiting = "\n".join(waiting), []
            try:
                tell(table_text(ask(connection, text)))
            except UsageError as refused:
                tell(str(refused))
