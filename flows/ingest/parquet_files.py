"""Read a Parquet file in pieces of bounded size."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from flows.ingest.decoded import decode
from flows.ingest.files import RawFile
from transforms.extracts.cells import Cells, Piece
from transforms.extracts.headers import Header, find_header
from transforms.extracts.kinds import Kind
from transforms.extracts.totals import piece_of
from transforms.extracts.typed import cells_of_arrow

ROWS_AT_ONCE = 1_000_000


def open_parquet(raw: RawFile, path: Path, kind: Kind) -> tuple[Header, Iterator[Piece]]:
    """Open a Parquet file: its header, and its rows in pieces.

    Raises:  DropRefusedError if it can't be taken apart, or lacks a required column
    """
    found: list[Header] = []

    def choose(labels: list[str]) -> dict[str, list[str]]:
        _, header = find_header(kind, [labels], raw.file.name)
        found.append(header)
        known = [(label, name) for label, name in zip(labels, header.names, strict=True) if name]
        return {
            "columns": [label for label, _ in known],
            "coded": [label for label, name in known if name not in kind.key],
        }

    batches = decode("parquet", path, raw.file.name, choose)
    next(batches)
    return found[0], _pieces(batches, kind, [name for name in found[0].names if name])


def _pieces(batches: Iterator[pa.RecordBatch], kind: Kind, names: list[str]) -> Iterator[Piece]:
    first_line = 1
    for table in _tables(batches):
        cells: list[Cells] = [
            cells_of_arrow(kind.column_named[name], column)
            for name, column in zip(names, table.columns, strict=True)
        ]
        lines = np.arange(first_line, first_line + table.num_rows, dtype=np.int64)
        yield piece_of(names, cells, lines)
        first_line += table.num_rows


def _tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Give tables of about one size, however small the file's own row groups are."""
    waiting, rows = list[pa.RecordBatch](), 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
