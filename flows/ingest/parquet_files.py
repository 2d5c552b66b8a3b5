"""Read a Parquet file in pieces of bounded size."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.ingest.files import RawFile
from transforms.errors import DropRefusedError
from transforms.extracts.cells import Cells, Piece
from transforms.extracts.headers import Header, find_header
from transforms.extracts.kinds import Kind
from transforms.extracts.totals import piece_of
from transforms.extracts.typed import cells_of_arrow

ROWS_AT_ONCE = 1_000_000


def open_parquet(raw: RawFile, path: Path, kind: Kind) -> tuple[Header, Iterator[Piece]]:
    """Open a Parquet file: its header, and its rows in pieces.

    Raises:  DropRefusedError if it is no Parquet file, or lacks a required column
    """
    try:
        labels = pq.read_schema(path).names
        _, header = find_header(kind, [labels], raw.file.name)
        known = {labels[position]: name for name, position in header.positions.items()}
        coded = [label for label, name in known.items() if name not in kind.key]
        file = pq.ParquetFile(path, read_dictionary=coded)
    except (pa.ArrowInvalid, OSError) as broken:
        raise DropRefusedError(
            f"{raw.file.name}: is no Parquet file that can be read; have it exported again"
        ) from broken
    in_order = [label for label in labels if label in known]
    return header, _pieces(raw, file, kind, {label: known[label] for label in in_order})


def _pieces(
    raw: RawFile, file: pq.ParquetFile, kind: Kind, known: dict[str, str]
) -> Iterator[Piece]:
    first_line = 1
    for table in _tables(raw, file, list(known)):
        cells: list[Cells] = [
            cells_of_arrow(kind.column_named[name], table.column(label))
            for label, name in known.items()
        ]
        lines = np.arange(first_line, first_line + table.num_rows, dtype=np.int64)
        yield piece_of(list(known.values()), cells, lines)
        first_line += table.num_rows


def _tables(raw: RawFile, file: pq.ParquetFile, labels: list[str]) -> Iterator[pa.Table]:
    """Give tables of about one size, however small the file's own row groups are."""
    waiting, rows = list[pa.RecordBatch](), 0
    try:
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=labels):
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(waiting)
                waiting, rows = [], 0
    except (pa.ArrowInvalid, OSError) as broken:
        raise DropRefusedError(
            f"{raw.file.name}: breaks off in the middle; have it exported again"
        ) from broken
    if waiting:
        yield pa.Table.from_batches(waiting)
