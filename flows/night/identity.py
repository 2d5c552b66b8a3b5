"""The rows whose person id is damaged, read again as they stood, and the persons they may be."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.ingest.files import DropFile, RawFile
from flows.ingest.kind import open_part
from flows.night.run_record import DAMAGED_ID, RunSoFar
from sql import connect, register_tables
from sql.matching import DAMAGED, READ, can_match, propose_persons
from transforms.extracts.cells import Piece, TypedCells
from transforms.extracts.damaged_ids import read_damaged_ids
from transforms.extracts.kinds import KINDS, Kind
from transforms.extracts.links import row_contents
from transforms.extracts.rows import read_piece

TABLES = ("damaged_rows", "identity_candidates", "identity_weights")
# Under which columns a kind has the name and the month of a row.
NAMES = ("name", "subject_name", "holder")
MONTHS = ("month", "worked_on", "starts_on", "from_month")
UNITS = ("unit_no", "last_unit_no")


def with_proposed(run: RunSoFar, threads: int | None, memory_limit: str | None) -> RunSoFar:
    """Propose persons for the rows quarantined for their id, unless that is off; nobody is joined.

    Rows:    adds  the damaged rows, their candidates, and the counts that the weights rest on
    """
    if run.identity.get("matching") == "off" or not can_match():
        return run
    damaged = damaged_rows(run.snapshot)
    if not damaged.height:
        return run
    with connect(threads, memory_limit, run.home.temporary) as connection:
        register_tables(connection, run.snapshot.tables(), run.as_of)
        proposed = propose_persons(connection, damaged)
    frames = {name: frame.clone for name, frame in zip(TABLES, proposed, strict=True)}
    return replace(run, frames={**run.frames, **frames})


def damaged_rows(snapshot: SnapshotRef) -> pl.DataFrame:
    """Read the rows with a damaged id again from the raw files, and no other files.

    Rows:    returns  sql.matching's DAMAGED and READ, sorted; none of a file that stayed elsewhere
    """
    fallen = pl.read_parquet(snapshot.folder / "quarantine.parquet").filter(
        pl.col("rule") == DAMAGED_ID
    )
    schema = pl.Schema({**DAMAGED, **READ})
    frames = [pl.DataFrame(schema=schema)]
    for entry in snapshot.manifest["files"]:
        wanted = fallen.filter(pl.col("source_file") == entry["name"])
        path = snapshot.folder / "raw" / entry["name"]
        if wanted.height and path.is_file():
            rows = _rows_of_file(path, entry, wanted)
            frames += [frame.select(schema.names()).cast(schema) for frame in rows]
    return pl.concat(frames).sort("kind", "source_file", "line")


def _rows_of_file(
    path: Path, entry: Mapping[str, Any], wanted: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    kind = KINDS[entry["kind"]]
    # Whether a CR stands alone somewhere was not kept: read as if it did, all line ends are right.
    file = DropFile(path, kind, entry["format"])
    part = RawFile(file, entry["sha256"], entry["bytes"], entry["encoding"], True)
    # 1:1: a line falls into quarantine once
    columns = dict(wanted.select("source_line", "column").iter_rows())
    last = max(columns)
    for piece in open_part(part, path, kind)[1]:
        rows = np.flatnonzero(np.isin(piece.lines, list(columns)))
        if len(rows):
            of_row = [columns[line] for line in piece.lines[rows].tolist()]
            frame = _rows_of_piece(kind, piece, rows, of_row)
            yield frame.with_columns(
                kind=pl.lit(kind.name),
                source_file=pl.lit(entry["name"]),
                file_digest=pl.lit(entry["sha256"]),
            )
        if piece.height and piece.lines[-1] >= last:
            return


def _rows_of_piece(kind: Kind, piece: Piece, rows: Any, id_columns: list[str]) -> pl.DataFrame:
    taken = Piece({name: c.take(rows) for name, c in piece.columns.items()}, [], piece.lines[rows])
    stood = {name: _texts(taken, name) for name in taken.columns}
    read = {name: column.values() for name, column in read_piece(kind, taken).items()}
    nothing = pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    ids = pl.Series([stood[name][row] for row, name in enumerate(id_columns)], dtype=pl.String)
    name = next((stood[column] for column in NAMES if column in stood), nothing)
    bare = pl.Series(name).str.normalize("NFKC").str.replace_all(r"\s", "")
    months = next((_month(read[column]) for column in MONTHS if column in read), nothing)
    unit = next((read[column] for column in UNITS if column in read), nothing)
    frame = pl.DataFrame(
        {
            "line": pl.Series(taken.lines, dtype=pl.Int64),
            "content_digest": row_contents(kind, piece, rows),
            "id_text": ids,
            "name": pl.select(pl.when(bare != "").then(bare)).to_series(),
            "unit_no": unit,
            "months": months.cast(pl.String),
            "month": months.cast(pl.Int64),
            **{
                column: read.get(column, nothing)
                for column in ("employer_code", "employer_name", "insurance")
            },
        }
    ).hstack(read_damaged_ids(ids))
    born = pl.col("birth").str.to_date("%Y%m%d", strict=False).cast(pl.String)
    return frame.with_columns(birth_on=born)


def _texts(piece: Piece, name: str) -> pl.Series:
    cells = piece.columns[name]
    if isinstance(cells, TypedCells):
        return cells.values.cast(pl.String)
    return cells.texts if cells.codes is None else cells.texts.gather(cells.codes)


def _month(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Date:
        return values.dt.year() * 100 + values.dt.month()
    return values
