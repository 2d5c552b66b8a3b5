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
            values = cells.values.cast(STORED_AS[column.type])
            columns[column.name] = ReadColumn(_all_good(values), None)
        elif cells is not None:
            columns[column.name] = _read_texts(column, cells)
    if "subject_id" in columns and "subject_kind" in columns:
        _split_subjects(columns)
    return columns


def _all_good(values: pl.Series) -> Reading:
    return Reading(values, pl.Series(np.zeros(len(values), np.bool_)), "unreadable_value")


def _read_texts(column: KindColumn, cells: CodedCells) -> ReadColumn:
    if column.type == "subject_id":
        filled = cells.texts.set(cells.texts.str.strip_chars() == "", None)
        return ReadColumn(_all_good(filled), cells.codes, cells.texts, cells.is_number)
    if cells.is_plain and column.type == "text":
        return ReadColumn(_all_good(cells.texts), cells.codes)
    reading = read_column(column, cells.texts, cells.is_number)
    texts = cells.texts if column.type == "name" else None
    return ReadColumn(reading, cells.codes, texts)


def _split_subjects(columns: dict[str, ReadColumn]) -> None:
    """Read subject_id twice, as a person's and as a unit's, and take what subject_kind says."""
    raw, kinds = columns["subject_id"], columns["subject_kind"].values()
    assert raw.texts is not None
    as_person, as_unit = (
        read_column(KindColumn("subject_id", True, of, ()), raw.texts, raw.is_number)
        for of in ("person_id", "employer_code")
    )
    is_person, is_unit = ((kinds == said).fill_null(False) for said in (PERSON, UNIT))
    values, bad, repairs = (
        raw.spread(of_person).zip_with(is_person, raw.spread(of_unit))
        for of_person, of_unit in zip(_parts(as_person), _parts(as_unit), strict=True)
    )
    columns["subject_id"] = ReadColumn(Reading(values, bad, as_unit.rule, repairs), None)
    for said, is_said, reading in ((PERSON, is_person, as_person), (UNIT, is_unit, as_unit)):
        as_said = replace(reading, bad=raw.spread(reading.bad) & is_said)
        columns[f"subject_id as {said}"] = ReadColumn(as_said, None)


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
