"""A folder of tables described for others: datapackage.json, as Frictionless Data has it."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.store import file_digest, write_json
from transforms.digest import PiecesDigest
from transforms.extracts.outputs import OLDEST, described_schema
from transforms.policies.cards import PolicyCard

PACKAGE = "datapackage.json"
# The large tables of a run: its determinations, and each policy's rows.
DETERMINATIONS, POLICIES = "determinations", "policies/"
PARQUET = "application/vnd.apache.parquet"


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write a table whose columns say what they mean.

    Holds:   the same rows give the same bytes
    """
    described = described_schema(frame)
    frame.write_parquet(path, compression="zstd", statistics=False, arrow_schema=described)


def write_pieces(
    pieces: Iterable[pl.DataFrame], path: Path, card: PolicyCard | None = None
) -> dict[str, Any]:
    """Write a table that is never in memory whole; count its rows, and digest them.

    `card`: of the policy whose rows these are; its provisions are described by it.

    Rows:    pieces  at least one, if of no rows; in order over all columns
    Holds:   the same pieces give the same bytes; digest: as if the frame were whole
    """
    pieces = iter(pieces)
    piece = next(pieces)
    titles = {entry.name: entry.title for entry in card.provisions} if card else {}
    described = described_schema(piece, titles, OLDEST)
    digest, rows = PiecesDigest(piece), 0
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(stream, described, compression="zstd", write_statistics=False) as writer,
    ):
        for one in chain([piece], pieces):
            writer.write_table(one.to_arrow(compat_level=OLDEST).cast(described))
            digest.add(one)
            rows += one.height
    return {"rows": rows, "digest": digest.hexdigest()}


def scan_tables(folder: Path) -> dict[str, pl.LazyFrame]:
    """Return the tables of a folder by name, none of them read yet."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): pl.scan_parquet(path, glob=False)
        for path in sorted(folder.rglob("*.parquet"))
    }


def write_data_package(folder: Path, name: str, title: str) -> None:
    """Describe every Parquet table of a folder: file, digest, rows, and each field as it says.

    Holds:   the same tables give the same bytes; no cell of a table is in it
    """
    tables: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.parquet")):
        place = path.relative_to(folder)
        if place.parts[0] != "raw":
            is_part = path.name.startswith("bucket-")
            tables[(place.parent if is_part else place.with_suffix("")).as_posix()].append(path)
    content = {
        "profile": "data-package",
        "name": name.lower(),
        "title": title,
        "resources": [_resource(folder, table, paths) for table, paths in sorted(tables.items())],
    }
    write_json(folder / PACKAGE, content)


def _resource(folder: Path, table: str, paths: list[Path]) -> dict[str, Any]:
    names = [path.relative_to(folder).as_posix() for path in paths]
    read = [pq.read_metadata(path) for path in paths]
    is_whole = len(paths) == 1
    return {
        "name": table.replace("/", "."),
        "profile": "data-resource",
        "path": names[0] if is_whole else names,
        "format": "parquet",
        "mediatype": PARQUET,
        "bytes": sum(path.stat().st_size for path in paths),
        **({"hash": f"sha256:{file_digest(paths[0])}"} if is_whole else {}),
        "rows": sum(one.num_rows for one in read),
        "schema": {"fields": [_field(one) for one in pq.read_schema(paths[0])]},
    }


def _field(field: Any) -> dict[str, str]:
    said = {name.decode(): text.decode() for name, text in (field.metadata or {}).items()}
    told = {name: said[name] for name in ("description", "unit", "personal") if said.get(name)}
    return {"name": field.name, "type": type_name(field.type), **told}


def type_name(kind: Any) -> str:
    """Name a column's type as Table Schema does.

    >>> type_name(pa.int64()), type_name(pa.date32()), type_name(pa.large_string())
    ('integer', 'date', 'string')
    """
    named = {
        "integer": pa.types.is_integer(kind),
        "date": pa.types.is_date(kind),
        "boolean": pa.types.is_boolean(kind),
        "array": pa.types.is_large_list(kind) or pa.types.is_list(kind),
        "object": pa.types.is_struct(kind),
    }
    return next((name for name, fits in named.items() if fits), "string")
