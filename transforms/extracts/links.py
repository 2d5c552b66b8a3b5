"""Apply what clerks decided on rows whose person id is damaged."""

from dataclasses import replace

import numpy as np
import polars as pl

from transforms.digest import content_digest
from transforms.extracts.cells import Cells, Piece, ReadColumn, Rows, TypedCells
from transforms.extracts.kinds import Kind
from transforms.extracts.registers import LINKS
from transforms.words import Said

REPAIR = "clerical_link"


def links_in_force(links: pl.DataFrame) -> pl.DataFrame:
    """Keep of each clerk on one row the newest; of one day that of the home's register, its last.

    Rows:    links  accepted clerical_links; a decision without a person takes an earlier one back
    """
    is_own = pl.col("source_file") == LINKS.named
    key = [pl.col("file_digest").str.to_lowercase(), "line", "decided_by"]
    for rank in (pl.col("decided_on"), is_own, pl.col("source_line") * is_own.cast(pl.Int64)):
        links = links.filter(rank == rank.max().over(key))
    return links


def links_of_file(links: pl.DataFrame | None, kind: Kind, sha256: str) -> pl.DataFrame | None:
    """Give the decisions about one file.

    Rows:    links    accepted clerical_links
             returns  one per line on which clerks agree: line, person_id; None if there are none
    """
    if links is None or "person_id" not in kind.column_named:
        return None
    mine = links.filter(
        pl.col("kind").is_in(list(kind.titles)),
        pl.col("file_digest").str.to_lowercase() == sha256,
    )
    decided = mine.select("line", "person_id").unique()
    # Two decisions that differ, a rejection among them, settle nothing.
    agreed = decided.filter(pl.len().over("line") == 1).drop_nulls().sort("line")
    return agreed if agreed.height else None


def contradicting_links(links: pl.DataFrame) -> list[Said]:
    """Say on which rows clerks contradict each other, without naming a person."""
    decided = links.select("kind", "file_digest", "line", "person_id").unique()
    places = decided.group_by("kind", "file_digest", "line").len().filter(pl.col("len") > 1)
    return [
        Said("links_on_line_differ", {"kind": kind, "line": line})
        for kind, _, line, _ in places.sort("kind", "file_digest", "line").rows()
    ]


def apply_links(
    columns: dict[str, ReadColumn], piece: Piece, links: pl.DataFrame | None
) -> dict[str, ReadColumn]:
    """Put the person a clerk recognised into rows whose own id is damaged; other rows stay."""
    if links is None or not piece.height:
        return columns
    places = np.searchsorted(piece.lines, links["line"].to_numpy())
    inside = np.minimum(places, piece.height - 1)
    read = columns["person_id"]
    damaged = read.values(inside).is_null().to_numpy()
    hit = np.flatnonzero((piece.lines[inside] == links["line"].to_numpy()) & damaged)
    if not len(hit):
        return columns
    count = len(read.reading.values)
    codes = np.arange(count, dtype=np.int32) if read.codes is None else read.codes.copy()
    codes[inside[hit]] = np.arange(count, count + len(hit), dtype=np.int32)
    noted = read.reading.repairs
    assert noted is not None
    reading = replace(
        read.reading,
        values=pl.concat([read.reading.values, links["person_id"].gather(hit)]),
        bad=pl.concat([read.reading.bad, pl.Series(np.zeros(len(hit), np.bool_))]),
        repairs=pl.concat([noted, pl.Series([REPAIR] * len(hit))]),
    )
    return columns | {"person_id": replace(read, reading=reading, codes=codes)}


def row_contents(kind: Kind, piece: Piece, rows: Rows) -> pl.Series:
    """Name some rows by what stands in them: the same cells have one name in every file.

    Rows:    returns  content_digest, one per entry of `rows`, over the known columns in their order
    Holds:   a column that is missing or null is another than an empty one; width and outer spaces
             of the letters make no difference
    """
    height = len(rows)
    nothing = pl.repeat(None, height, dtype=pl.String, eager=True)
    columns = [
        _texts(piece.columns[name], rows) if name in piece.columns else nothing
        for name in kind.column_named
    ]
    named = [content_digest([kind.name, *cells]) for cells in zip(*columns, strict=True)]
    return pl.Series("content_digest", named, pl.String)


def _texts(cells: Cells, rows: Rows) -> pl.Series:
    taken = cells.take(rows)
    if isinstance(taken, TypedCells):
        return taken.values.cast(pl.String)
    texts = taken.texts if taken.codes is None else taken.texts.gather(taken.codes)
    return texts.str.normalize("NFKC").str.strip_chars()
