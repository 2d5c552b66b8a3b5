"""Says which rows fell out: a workbook for each supplier, a list of those with a damaged id."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.delivered import rows_again
from flows.ingest.drop import SnapshotRef
from flows.money.ledger_store import books_of
from flows.store import Home, read_manifest
from transforms.answers.returns import (
    MOST_LINES,
    PLACE,
    errors_of,
    may_be_shown,
    return_sheets,
)
from transforms.extracts.cells import TypedCells
from transforms.extracts.headers import IN_FORCE_NAME
from transforms.extracts.kinds import KINDS
from transforms.extracts.links import waiting_for_clerks
from transforms.extracts.registers import REGISTERS
from transforms.sheets.workbook import workbook_bytes

RETURNS = "returns"
NIGHTS = 14
REVIEW_COLUMNS = {"kind": "数据类别", "file_digest": "文件摘要", "line": "行号"}
# What stood in a cell is looked up again in files of this size at most.
LOOKED_UP_BYTES = 64 << 20


def write_returns(folder: Path, home: Home, snapshot: SnapshotRef, as_of: date) -> None:
    """Write returns/<supplier>.xlsx for each who had errors in the last nights.

    Holds:   the same snapshot, day and earlier nights give the same bytes
    """
    day = as_of.isoformat()
    nights = {**_nights_before(home, day), day: snapshot.folder}
    counted = pl.concat(_counted(night, nights[night]) for night in sorted(nights)[-NIGHTS:])
    errors = _errors(snapshot.folder).sort("kind", *PLACE).collect()
    for (supplier,), mine in counted.group_by("supplier", maintain_order=True):
        if not mine.filter(pl.col("rule") != "").height:
            continue
        own = errors.filter(pl.col("supplier") == supplier).head(MOST_LINES)
        stood = pl.concat(_stood(snapshot, may_be_shown(own)))
        sheets = return_sheets(str(supplier), own, stood, counted, day)
        path = folder / RETURNS / f"{supplier}.xlsx"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(workbook_bytes(sheets))


def rows_with_damaged_ids(snapshot: SnapshotRef) -> pl.DataFrame:
    """List the rows whose person id is damaged: they wait for a clerk's decision.

    Rows:    one per quarantined row with a damaged person id; no name, no id
    """
    digests = {entry["name"]: entry["sha256"] for entry in snapshot.manifest["files"]}
    digest = pl.col("source_file").replace(digests).alias("file_digest")
    return (
        waiting_for_clerks(pl.read_parquet(snapshot.folder / "quarantine.parquet"))
        .select("kind", digest, pl.col("source_line").alias("line"), "source_file", "column")
        .sort("kind", "source_file", "line")
        .rename(REVIEW_COLUMNS)
    )


def _nights_before(home: Home, day: str) -> dict[str, Path]:
    """Return the snapshot of the last run of each earlier day."""
    runs = books_of(home).runs.values()
    found = {run["as_of"]: home.snapshots / run["snapshot_id"] for run in runs}
    return {night: place for night, place in found.items() if night < day and place.is_dir()}


def _suppliers(folder: Path) -> dict[str, str]:
    """Say who delivered each file of a snapshot: as in_force.csv says, else the kind's title."""
    own = {register.named for register in REGISTERS.values()}
    files = read_manifest(folder, "snapshot")["files"]
    titles = {f["name"]: KINDS[f["kind"]].titles[1] for f in files if f["kind"] in KINDS}
    said = folder / "raw" / IN_FORCE_NAME
    if said.is_file():
        with said.open(encoding="utf-8", newline="") as rows:
            titles |= {row["file"]: row["supplier"] for row in csv.DictReader(rows)}
    return {name: supplier for name, supplier in titles.items() if name and name not in own}


def _errors(folder: Path) -> pl.LazyFrame:
    suppliers, files = _suppliers(folder), read_manifest(folder, "snapshot")["files"]
    of_kind: dict[str, set[str]] = {}
    for file in files:
        if file["name"] in suppliers:
            of_kind.setdefault(file["kind"], set()).add(suppliers[file["name"]])
    shared = [kind for kind, names in of_kind.items() if len(names) > 1]
    return errors_of(pl.scan_parquet(folder / "quarantine.parquet"), suppliers, shared)


def _counted(night: str, folder: Path) -> pl.DataFrame:
    """Count a night's rows and errors by supplier, rule "" being all that were delivered."""
    rows = pl.len().cast(pl.Int64).alias("rows")
    fallen = _errors(folder).group_by("supplier", "rule").agg(rows).collect()
    suppliers = _suppliers(folder)
    files = read_manifest(folder, "snapshot")["files"]
    delivered = pl.DataFrame(
        [(suppliers[f["name"]], "", f["rows"]) for f in files if f["name"] in suppliers],
        schema=fallen.schema,
        orient="row",
    )
    return (
        pl.concat([delivered, fallen])
        .group_by("supplier", "rule")
        .agg(pl.col("rows").sum())
        .select(pl.lit(night).alias("as_of"), "supplier", "rule", "rows")
        .sort("supplier", "rule")
    )


def _stood(snapshot: SnapshotRef, wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Look up in the files themselves what stood in some cells."""
    schema = dict.fromkeys([*PLACE, "stood"], pl.String()) | {"source_line": pl.Int64()}
    yield pl.DataFrame(schema=schema)
    entries = {entry["name"]: entry for entry in snapshot.manifest["files"]}
    for (name,), cells in wanted.unique().group_by("source_file"):
        entry = entries[str(name)]
        if entry["bytes"] <= LOOKED_UP_BYTES:
            found = list(_cells_of(snapshot.folder / "raw" / str(name), entry, cells))
            yield pl.DataFrame(found, schema=schema, orient="row")


def _cells_of(
    path: Path, entry: Mapping[str, Any], wanted: pl.DataFrame
) -> Iterator[tuple[str, int, str, str]]:
    for piece in rows_again(path, entry, wanted["source_line"].to_list()):
        for row, line in enumerate(piece.lines.tolist()):
            for column in wanted.filter(source_line=line)["column"]:
                cells = piece.columns.get(column)
                if cells is not None:
                    texts = cells.values if isinstance(cells, TypedCells) else cells.texts
                    yield entry["name"], line, column, str(texts[row])
