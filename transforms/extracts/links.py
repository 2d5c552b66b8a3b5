"""Apply what clerks decided on rows whose person id is damaged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from transforms.digest import content_digest
from transforms.extracts.cells import Piece, ReadColumn, Rows
from transforms.extracts.kinds import KINDS, Kind
from transforms.extracts.registers import LINKS
from transforms.words import Said

REPAIR = "clerical_link"
# The rule by which a row falls into quarantine whose person a clerk may recognise.
DAMAGED_ID = "invalid_person_id"
AS_PERSON = "subject_id as 个人"
# A decision with this line names a row by its content, in every file of its kind.
BY_CONTENT = 0
SETTLED = pl.DataFrame(
    schema={
        "line": pl.Int64,
        "person_id": pl.String,
        "decided_by": pl.List(pl.String),
        "decided_on": pl.List(pl.Date),
        "file_digest": pl.List(pl.String),
        "link_line": pl.List(pl.Int64),
    }
)
# By which decisions rows of a snapshot were repaired, under what the decisions say of the row.
LINKED = pl.DataFrame(
    schema={
        "kind": pl.String,
        "source_file": pl.String,
        "source_line": pl.Int64,
        "decided_by": pl.String,
        "decided_on": pl.Date,
        "file_digest": pl.String,
        "link_line": pl.Int64,
    }
)


def id_column(kind: Kind) -> str | None:
    """Return the column whose damaged id a decision mends: a person's, or a subject's who is one.

    >>> from transforms.extracts.kinds import KINDS
    >>> [id_column(KINDS[name]) for name in ("payroll", "support", "insured_units")]
    ['person_id', 'subject_id', None]
    """
    for name in ("person_id", "subject_id"):
        if name in kind.column_named and kind.column_named[name].type == name:
            return None if kind is LINKS.kind else name
    return None


def waiting_for_clerks(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows set aside whose person a clerk may recognise: of links themselves none."""
    mended = [name for name, kind in KINDS.items() if id_column(kind)]
    return quarantine.filter(pl.col("rule") == DAMAGED_ID, pl.col("kind").is_in(mended))


def _told_bad(columns: dict[str, ReadColumn], kind: Kind) -> str | None:
    """Name the column as read that tells which ids of persons do not parse."""
    name = id_column(kind)
    name = AS_PERSON if name == "subject_id" else name
    return name if name in columns else None


def links_in_force(links: pl.DataFrame) -> pl.DataFrame:
    """Keep of each clerk on one row the newest; of one day that of the home's register, its last.

    Rows:    links  accepted clerical_links; a decision without a person takes an earlier one back
    """
    return _newest(links, [pl.col("file_digest").str.to_lowercase(), "line", "decided_by"])


def _newest(links: pl.DataFrame, key: list[pl.Expr | str]) -> pl.DataFrame:
    """Keep the newest under a key; of one day what names the line, then the register's last."""
    is_own = pl.col("source_file") == LINKS.named
    by_line = pl.col("line") != BY_CONTENT
    for rank in (pl.col("decided_on"), by_line, is_own, pl.col("source_line") * is_own):
        links = links.filter(rank == rank.max().over(key))
    return links


def links_of_file(links: pl.DataFrame | None, kind: Kind, sha256: str) -> pl.DataFrame | None:
    """Give the decisions that can be about rows of one file: by its line, or by content.

    Rows:    links  in force; returns  the same, file_digest in small letters; None: there are none
    """
    if links is None or id_column(kind) is None:
        return None
    mine = links.with_columns(pl.col("file_digest").str.to_lowercase()).filter(
        pl.col("kind").is_in(list(kind.titles)),
        (pl.col("file_digest") == sha256) | (pl.col("line") == BY_CONTENT),
    )
    return mine if mine.height else None


def damaged_rows(kind: Kind, piece: Piece, columns: dict[str, ReadColumn]) -> pl.DataFrame:
    """List the rows whose person id does not parse: line, content_digest."""
    told = _told_bad(columns, kind)
    flags = columns[told].bad_rows() if told else None
    rows = np.array([], np.int64) if flags is None else np.flatnonzero(flags)
    contents = row_contents(kind, piece, rows)
    return pl.DataFrame({"line": pl.Series(piece.lines[rows], dtype=pl.Int64)}).with_columns(
        contents
    )


def settle_links(links: pl.DataFrame | None, damaged: pl.DataFrame) -> pl.DataFrame:
    """Say of each row that clerks decided on, by line or by content, what counts.

    Rows:    links    of one file; damaged: line, content_digest, the file's from its beginning
             returns  SETTLED, one per line decided on, in its order: the person, null if it is
                      nobody; and who said so on which days, null where clerks differ
    Holds:   by content one row of a file is known, its first: another like it may be a namesake's
    """
    if links is None:
        return SETTLED
    on_line = links.filter(pl.col("line") != BY_CONTENT).with_columns(row="line")
    on_content = links.filter(pl.col("line") == BY_CONTENT).join(
        damaged.unique("content_digest", keep="first", maintain_order=True).select(
            "content_digest", row="line"
        ),
        left_on="file_digest",
        right_on="content_digest",
    )
    votes = _newest(pl.concat([on_line, on_content.select(on_line.columns)]), ["row", "decided_by"])
    # Who says two things on one day says nothing, but is a clerk who was asked.
    is_clear = pl.col("person_id").fill_null("").n_unique().over("row", "decided_by") == 1
    votes = votes.with_columns(
        clerks=pl.col("decided_by").n_unique().over("row"), is_clear=is_clear
    )
    said = votes.filter("is_clear").unique(["row", "decided_by"]).sort("row", "decided_by")
    voices = pl.len().over("row", pl.col("person_id").fill_null(""))
    # Two must agree; from the third on, more than half do.
    counts = (voices == pl.col("clerks")) | (
        (pl.col("clerks") > 2) & (voices * 2 > pl.col("clerks"))
    )
    settled = (
        said.filter(counts)
        .rename({"line": "link_line"})
        .group_by("row", maintain_order=True)
        .agg(pl.col("person_id").first(), *SETTLED.columns[2:])
    )
    rows = votes.select("row").unique().join(settled, on="row", how="left", validate="1:1")
    return rows.rename({"row": "line"}).select(SETTLED.columns).sort("line")


def unanswered(damaged: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Leave out the damaged rows of which clerks say that they are nobody known.

    Rows:    damaged  as a run keeps them; links: all decisions of its snapshot
    """
    given, waiting = links_in_force(links), [damaged.clear()]
    for (kind, digest), rows in damaged.group_by("kind", "file_digest", maintain_order=True):
        said = settle_links(links_of_file(given, KINDS[str(kind)], str(digest)), rows)
        is_nobody = pl.col("person_id").is_null() & pl.col("decided_by").is_not_null()
        nobody = said.filter(is_nobody)["line"]
        waiting.append(rows.filter(~pl.col("line").is_in(nobody.implode())))
    return pl.concat(waiting)


def links_said(links: pl.DataFrame | None, damaged: Sequence[pl.DataFrame]) -> list[list[Any]]:
    """Say, as JSON can hold it, what decisions about a file come to; damaged: its damaged rows."""
    if links is None or not damaged:
        return []
    persons = settle_links(links, pl.concat(damaged)).with_columns(
        pl.col("decided_on").cast(pl.List(pl.String))
    )
    return [list(row) for row in persons.rows()]


def apply_links(
    kind: Kind, columns: dict[str, ReadColumn], piece: Piece, settled: pl.DataFrame
) -> tuple[dict[str, ReadColumn], pl.DataFrame]:
    """Put the person a clerk recognised into rows whose own id is damaged; other rows stay.

    Rows:    returns  the columns, and of `settled` what is about damaged rows of the piece
    """
    if not settled.height or not piece.height:
        return columns, settled.clear()
    lines = settled["line"].to_numpy()
    inside = np.minimum(np.searchsorted(piece.lines, lines), piece.height - 1)
    name, told = id_column(kind), _told_bad(columns, kind)
    assert name and told
    read = columns[name]
    is_met = (piece.lines[inside] == lines) & read.values(inside).is_null().to_numpy()
    if told != name:
        # The id of a unit is damaged otherwise, and never a person's.
        is_met &= columns[told].reading.bad.to_numpy()[inside]
    met = settled.filter(is_met)
    hit = np.flatnonzero(is_met & settled["person_id"].is_not_null().to_numpy())
    if not len(hit):
        return columns, met
    count = len(read.reading.values)
    codes = np.arange(count, dtype=np.int32) if read.codes is None else read.codes.copy()
    codes[inside[hit]] = np.arange(count, count + len(hit), dtype=np.int32)
    noted = read.reading.repairs
    assert noted is not None
    reading = replace(
        read.reading,
        values=pl.concat([read.reading.values, settled["person_id"].gather(hit)]),
        bad=pl.concat([read.reading.bad, pl.Series(np.zeros(len(hit), np.bool_))]),
        repairs=pl.concat([noted, pl.Series([REPAIR] * len(hit))]),
    )
    mended = columns | {name: replace(read, reading=reading, codes=codes)}
    if told != name:
        bad = columns[told].reading.bad.to_numpy().copy()
        bad[inside[hit]] = False
        as_person = replace(columns[told].reading, bad=pl.Series(bad))
        mended[told] = replace(columns[told], reading=as_person)
    return mended, met


def differing_links(kind: Kind, met: pl.DataFrame) -> list[tuple[str, str, Said]]:
    """Say as findings on which damaged rows clerks differ, without naming a person."""
    lines = met.filter(pl.col("decided_by").is_null())["line"]
    said = [Said("links_on_line_differ", {"kind": kind.name, "line": line}) for line in lines]
    return [("clerical_links_differ", "warning", one) for one in said]


def linked_rows(kind: Kind, file_name: str, met: pl.DataFrame) -> pl.DataFrame:
    """List who decided on the rows that were repaired so: LINKED, one per row and clerk."""
    repaired = met.filter(pl.col("person_id").is_not_null()).explode(SETTLED.columns[2:])
    return repaired.select(
        pl.lit(kind.name).alias("kind"),
        pl.lit(file_name).alias("source_file"),
        pl.col("line").alias("source_line"),
        *SETTLED.columns[2:],
    )


def row_contents(kind: Kind, piece: Piece, rows: Rows) -> pl.Series:
    """Name some rows by what stands in them: the same cells have one name in every file.

    Rows:    returns  content_digest, one per entry of `rows`, over the known columns in their order
    Holds:   a column that is missing or null is another than an empty one; width and outer spaces
             of the letters make no difference
    """
    height = len(rows)
    nothing = pl.repeat(None, height, dtype=pl.String, eager=True)
    columns = [
        piece.columns[name].take(rows).row_texts().str.normalize("NFKC").str.strip_chars()
        if name in piece.columns
        else nothing
        for name in kind.column_named
    ]
    named = [content_digest([kind.name, *cells]) for cells in zip(*columns, strict=True)]
    return pl.Series("content_digest", named, pl.String)
