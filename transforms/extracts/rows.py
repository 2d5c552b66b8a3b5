"""Read a piece of a file column by column, and lay accepted rows out as a table."""

from dataclasses import replace

import numpy as np
import polars as pl

from transforms.columns import STORED_AS
from transforms.extracts.cells import CodedCells, Piece, ReadColumn, Rows, TypedCells
from transforms.extracts.kinds import Kind, KindColumn, table_schema
from transforms.extracts.readers import Reading, read_column
from transforms.identifiers import person_keys

PERSON, UNIT = "个人", "单位"


def read_piece(kind: Kind, piece: Piece) -> dict[str, ReadColumn]:
    """Read every known column of a piece; subject_id is judged apart, by subject_kind."""
    columns = {}
    for column in kind.columns:
        cells = piece.columns.get(column.name)
        if isinstance(cells, TypedCells):
            columns[column.name] = _as_read(column, cells)
        elif cells is not None:
            columns[column.name] = _read_texts(column, cells)
    if "subject_id" in columns and "subject_kind" in columns:
        _split_subjects(columns)
    return columns


def _as_read(column: KindColumn, cells: TypedCells) -> ReadColumn:
    values = cells.values.cast(STORED_AS[column.type])
    return ReadColumn(_all_good(values), None)


def _all_good(values: pl.Series) -> Reading:
    return Reading(values, _never(len(values)), "unreadable_value")


def _never(count: int) -> pl.Series:
    return pl.Series(np.zeros(count, dtype=np.bool_))


def _read_texts(column: KindColumn, cells: CodedCells) -> ReadColumn:
    if column.type == "subject_id":
        return ReadColumn(_unread(cells.texts), cells.codes, cells.texts, cells.is_number)
    if cells.is_plain and column.type == "text":
        return ReadColumn(_all_good(cells.texts), cells.codes)
    reading = read_column(column, cells.texts, cells.is_number)
    texts = cells.texts if column.type == "name" else None
    return ReadColumn(reading, cells.codes, texts)


def _unread(texts: pl.Series) -> Reading:
    values = texts.zip_with(texts.str.strip_chars() != "", pl.Series([None], dtype=pl.String))
    return _all_good(values)


def _split_subjects(columns: dict[str, ReadColumn]) -> None:
    """Read subject_id twice, as a person's and as a unit's, and take what subject_kind says."""
    raw, kinds = columns["subject_id"], columns["subject_kind"].values()
    assert raw.texts is not None
    as_person = read_column(
        KindColumn("subject_id", True, "person_id", ()), raw.texts, raw.is_number
    )
    as_unit = read_column(
        KindColumn("subject_id", True, "employer_code", ()), raw.texts, raw.is_number
    )
    both = {PERSON: as_person, UNIT: as_unit}
    is_person = kinds == PERSON
    chosen = [
        raw.spread(as_person_series).zip_with(
            is_person.fill_null(False), raw.spread(as_unit_series)
        )
        for as_person_series, as_unit_series in zip(_parts(as_person), _parts(as_unit), strict=True)
    ]
    columns["subject_id"] = ReadColumn(Reading(chosen[0], chosen[1], as_unit.rule, chosen[2]), None)
    for said, reading in both.items():
        bad = raw.spread(reading.bad) & (kinds == said).fill_null(False)
        columns[f"subject_id as {said}"] = ReadColumn(replace(reading, bad=bad), None)


def _parts(reading: Reading) -> tuple[pl.Series, pl.Series, pl.Series]:
    assert reading.repairs is not None
    return reading.values, reading.bad, reading.repairs


def lay_out(
    kind: Kind, piece: Piece, columns: dict[str, ReadColumn], rows: Rows, file_name: str
) -> pl.DataFrame:
    """Lay some rows of a piece out in the columns of the kind's table.

    Rows:    returns  one per entry of `rows`, in that order; employer_key still empty
    """
    height, laid = len(rows), dict[str, pl.Series | pl.Expr]()
    for name, dtype in table_schema(kind).items():
        if name == "name_raw" and "name" in columns:
            names = columns["name"]
            # Most names are written as they are meant: then there is nothing to spread again.
            raw = names.texts
            as_meant = raw is None or raw.equals(names.reading.values)
            laid[name] = laid["name"] if raw is None or as_meant else names.spread(raw, rows)
        elif name == "person_key" and "person_id" in columns:
            ids = columns["person_id"]
            laid[name] = ids.spread(person_keys(ids.reading.values), rows)
        elif name == "source_file":
            laid[name] = pl.repeat(file_name, height, dtype=pl.String, eager=True)
        elif name == "source_line":
            laid[name] = pl.Series(piece.lines[rows])
        elif name in columns:
            laid[name] = columns[name].values(rows)
        else:
            laid[name] = pl.repeat(None, height, dtype=dtype, eager=True)
    return pl.DataFrame([laid[name].alias(name) for name in laid], strict=True)


def list_repairs(
    kind: Kind, piece: Piece, columns: dict[str, ReadColumn], file_name: str
) -> pl.DataFrame:
    """List every cell that was repaired: kind, source_file, source_line, column, repair."""
    found = []
    for column in kind.columns:
        read = columns.get(column.name)
        if read is None or read.reading.repairs is None:
            continue
        repairs = read.reading.repairs
        flags = read.rows_where(repairs.is_not_null())
        if flags is None:
            continue
        rows = np.flatnonzero(flags)
        found.append(
            pl.DataFrame(
                {
                    "kind": pl.repeat(kind.name, len(rows), eager=True),
                    "source_file": pl.repeat(file_name, len(rows), eager=True),
                    "source_line": pl.Series(piece.lines[rows]),
                    "column": pl.repeat(column.name, len(rows), eager=True),
                    "repair": read.spread(repairs, rows),
                }
            )
        )
    return pl.concat([REPAIRS, *found])


REPAIRS = pl.DataFrame(
    schema={
        "kind": pl.String(),
        "source_file": pl.String(),
        "source_line": pl.Int64(),
        "column": pl.String(),
        "repair": pl.String(),
    }
)
