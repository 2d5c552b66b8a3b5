"""The rows whose person id is damaged, read again as they stood, and the persons they may be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.ingest.files import DropFile, RawFile
from flows.ingest.kind import open_part
from flows.money.standing import Standing
from flows.night.part import Means
from flows.night.run_record import RunSoFar
from flows.night.stakes import stakes_of
from sql.matching import DAMAGED, READ, can_match, clerical_links, propose_persons
from sql.opening import connect_to
from sql.town import can_weigh
from transforms.answers.identity import STAKES
from transforms.errors import WuxingError
from transforms.extracts.cells import Piece
from transforms.extracts.damaged_ids import read_damaged_ids
from transforms.extracts.kinds import KINDS
from transforms.extracts.links import row_contents, unanswered, waiting_for_clerks
from transforms.extracts.rows import read_piece
from transforms.words import Said

TABLES = ("damaged_rows", "identity_candidates", "identity_weights")
# Under which columns a kind has the name and the month of a row.
NAMES = ("name", "subject_name", "holder")
MONTHS = ("month", "worked_on", "starts_on", "from_month")
UNITS = ("unit_no", "last_unit_no")


@dataclass(frozen=True)
class DamagedRows:
    """The damaged rows of one piece of a file, and in which column the id of each should stand."""

    file: RawFile
    piece: Piece
    columns: Sequence[str]


def with_proposed(
    run: RunSoFar, entitlements: pl.DataFrame, standing: Standing, means: Means
) -> RunSoFar:
    """Propose persons for the rows quarantined for their id, unless that is off; nobody is joined.

    Rows:    adds  the damaged rows, their candidates, the counts that the weights rest on, and what
                   would be determined otherwise if the rows were their first candidates'
    """
    if run.identity.get("matching") == "off" or not can_match():
        return run
    pieces = list(damaged_pieces(run.snapshot))
    if not pieces:
        return run
    with connect_to(run.snapshot.tables(), run.as_of, **vars(means)) as connection:
        proposed = propose_persons(connection, damaged_rows(pieces))
        waiting = unanswered(proposed[0], clerical_links(connection))
    frames = {name: frame.clone for name, frame in zip(TABLES, proposed, strict=True)}
    run = replace(run, frames={**run.frames, **frames})
    if not can_weigh():
        return run
    first = proposed[1].filter(pl.col("rank") == 1)
    read = [(one.file, one.piece) for one in pieces]
    try:
        stakes = stakes_of(run, entitlements, standing, means, read, waiting, first)
    except WuxingError as fault:
        # What the rows would bring must not stop a night that does without them.
        told = Said("stakes_not_reckoned", {"why": str(fault)})
        return replace(run, warnings=(*run.warnings, told))
    return replace(run, frames={**run.frames, STAKES: stakes.clone})


def damaged_pieces(snapshot: SnapshotRef) -> Iterator[DamagedRows]:
    """Read the rows with a damaged id again from the raw files, and no other files.

    Holds:   nothing comes of a file that stayed elsewhere
    """
    fallen = waiting_for_clerks(pl.read_parquet(snapshot.folder / "quarantine.parquet"))
    for entry in snapshot.manifest["files"]:
        wanted = fallen.filter(pl.col("source_file") == entry["name"])
        path = snapshot.folder / "raw" / entry["name"]
        if wanted.height and path.is_file():
            yield from _pieces_of_file(path, entry, wanted)


def _pieces_of_file(
    path: Path, entry: Mapping[str, Any], wanted: pl.DataFrame
) -> Iterator[DamagedRows]:
    kind = KINDS[entry["kind"]]
    # Whether a CR stands alone somewhere was not kept: read as if it did, all line ends are right.
    file = DropFile(path, kind, entry["format"], entry["name"])
    part = RawFile(file, entry["sha256"], entry["bytes"], entry["encoding"], True)
    # 1:1: a line falls into quarantine once
    columns = dict(wanted.select("source_line", "column").iter_rows())
    last = max(columns)
    for piece in open_part(part, path, kind)[1]:
        rows = np.flatnonzero(np.isin(piece.lines, list(columns)))
        if len(rows):
            of_row = [columns[line] for line in piece.lines[rows].tolist()]
            yield DamagedRows(part, piece.alone(rows), of_row)
        if piece.height and piece.lines[-1] >= last:
            return


def damaged_rows(pieces: Sequence[DamagedRows]) -> pl.DataFrame:
    """Say what stands in damaged rows.

    Rows:    returns  sql.matching's DAMAGED and READ, sorted
    """
    schema = pl.Schema({**DAMAGED, **READ})
    frames = [_rows_of_piece(one).select(schema.names()).cast(schema) for one in pieces]
    return pl.concat(frames).sort("kind", "source_file", "line")


def _rows_of_piece(damaged: DamagedRows) -> pl.DataFrame:
    file, piece = damaged.file.file, damaged.piece
    assert file.kind is not None
    rows = np.arange(piece.height)
    stood = {name: cells.row_texts() for name, cells in piece.columns.items()}
    read = {name: column.values() for name, column in read_piece(file.kind, piece).items()}
    nothing = pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    ids = pl.Series([stood[name][row] for row, name in enumerate(damaged.columns)], dtype=pl.String)
    name = next((stood[column] for column in NAMES if column in stood), nothing)
    bare = pl.Series(name).str.normalize("NFKC").str.replace_all(r"\s", "")
    months = next((_month(read[column]) for column in MONTHS if column in read), nothing)
    unit = next((read[column] for column in UNITS if column in read), nothing)
    frame = pl.DataFrame(
        {
            "line": pl.Series(piece.lines, dtype=pl.Int64),
            "content_digest": row_contents(file.kind, piece, rows),
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
    return frame.with_columns(
        birth_on=born,
        kind=pl.lit(file.kind.name),
        source_file=pl.lit(file.name),
        file_digest=pl.lit(damaged.file.sha256),
    )


def _month(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Date:
        return values.dt.year() * 100 + values.dt.month()
    return values
