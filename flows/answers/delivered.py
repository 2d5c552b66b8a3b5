"""Reads again what stood in the cells of source rows before anything was read out of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flows.answers.opened import files_readable
from flows.ingest.files import DropFile, RawFile
from flows.ingest.kind import open_part
from flows.store import Home, expect_digests, read_manifest
from transforms.answers.explanation import SHOWN_ROWS, sources_behind
from transforms.answers.source_rows import AT, shown_columns
from transforms.extracts.cells import CodedCells, Piece
from transforms.extracts.kinds import KINDS

# A larger file would keep a page waiting for seconds: of its rows the stored values are shown.
MOST_BYTES = {"csv": 16 << 20, "xlsx": 256 << 10, "parquet": 256 << 10}


def delivered_cells(snapshot: Path, places: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what stood in the cells of some rows, by file:line and column.

    Rows:    places  file:line; none is returned of a file that is larger than a page can wait for,
                     that a carried night left at home, or whose cells came with their type
    Raises:  DigestDiffersError if a raw file is not the one that was delivered
    """
    lines: dict[str, list[int]] = defaultdict(list)
    for place in sorted(set(places)):
        name, _, line = place.rpartition(":")
        lines[name].append(int(line))
    found: dict[str, dict[str, str]] = {}
    for file in read_manifest(snapshot, "snapshot")["files"]:
        path = snapshot / "raw" / file["name"]
        is_short = file["bytes"] <= MOST_BYTES.get(file["format"], 0)
        if file["name"] in lines and is_short and path.is_file():
            found |= dict(_cells_of(file, path, lines[file["name"]]))
    return found


def _cells_of(
    entry: Mapping[str, Any], path: Path, lines: list[int]
) -> Iterator[tuple[str, dict[str, str]]]:
    expect_digests([(path, entry["sha256"])])
    kind = KINDS[entry["kind"]]
    names = [name for name in shown_columns(kind.name) if name in kind.column_named]
    for piece in rows_again(path, entry, lines):
        cells = {name: piece.columns.get(name) for name in names}
        coded = {name: one.texts for name, one in cells.items() if isinstance(one, CodedCells)}
        for row, line in enumerate(piece.lines.tolist()):
            texts = {name: text for name in coded if (text := coded[name][row] or "").strip()}
            yield f"{path.name}:{line}", texts


def rows_again(path: Path, entry: Mapping[str, Any], lines: Collection[int]) -> Iterator[Piece]:
    """Read rows of a delivered file again, as they stood.

    Rows:    entry    what the snapshot's manifest says of the file
             returns  pieces that hold these lines and no others, one text per row
    """
    wanted, kind = sorted(lines), KINDS[entry["kind"]]
    file = DropFile(path, kind, entry["format"])
    # Whether a CR stands alone was not kept: to look for one is right either way.
    raw = RawFile(file, entry["sha256"], entry["bytes"], entry["encoding"], has_lone_cr=True)
    for piece in open_part(raw, path, kind)[1]:
        rows = np.flatnonzero(np.isin(piece.lines, wanted))
        if len(rows):
            yield piece.alone(rows)
        if piece.height and piece.lines[-1] >= wanted[-1]:
            return


def raw_cells(home: Home, told: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return, by file:line and column, the cells of the rows that a page shows, as delivered."""
    shown = [
        found[AT]
        for policy in told["policies"]
        for row in (*policy["rows"], *policy["claims"])
        for source in sources_behind(row)
        for found in source["rows"][:SHOWN_ROWS]
    ]
    with files_readable(told["run_id"]):
        return delivered_cells(home.snapshots / told["snapshot_id"], shown)
