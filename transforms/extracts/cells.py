"""The cells of a piece of a file, as every reader hands them over, whatever the format."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.extracts.readers import Reading

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CodedCells:
    """A column as distinct texts and, per row, the place of its text; no codes: one text per row.

    `is_number` marks texts that came as a floating number, not as text. `is_plain` says that all
    texts are known to be filled, with visible ASCII characters only: nothing needs cleaning.
    """

    texts: pl.Series
    codes: npt.NDArray[np.int32] | None = None
    is_number: pl.Series | None = None
    is_plain: bool = False

    def take(self, rows: Rows) -> "CodedCells":
        """Give the same column with only these rows."""
        if self.codes is not None:
            return CodedCells(self.texts, self.codes[rows], self.is_number, self.is_plain)
        numbers = None if self.is_number is None else self.is_number.gather(rows)
        return CodedCells(self.texts.gather(rows), None, numbers, self.is_plain)

    def alone(self, rows: Rows) -> "CodedCells":
        """Give these rows with no text of another: a few can be kept when the piece is gone."""
        places = rows if self.codes is None else self.codes[rows].astype(np.int64)
        return CodedCells(self.texts, None, self.is_number, self.is_plain).take(places)

    def row_texts(self) -> pl.Series:
        """Give the text of each row."""
        return self.texts if self.codes is None else self.texts.gather(self.codes)

    def rows_marked(self, marks: pl.Series) -> Flags:
        """Spread marks on distinct texts over the rows."""
        flags: Flags = marks.to_numpy()
        return flags if self.codes is None else flags[self.codes]


@dataclass(frozen=True)
class TypedCells:
    """A column whose cells came with their type (Parquet): already the values they become."""

    values: pl.Series

    def take(self, rows: Rows) -> "TypedCells":
        """Give the same column with only these rows."""
        return TypedCells(self.values.gather(rows))

    alone = take

    def row_texts(self) -> pl.Series:
        """Give the value of each row as a text."""
        return self.values.cast(pl.String)


Cells = CodedCells | TypedCells


@dataclass(frozen=True)
class Piece:
    """Some rows of one file: its known columns, their line numbers, and what is odd about rows.

    `totals` are rows that sum up, `too_wide` rows with more cells than the header has; `all_cells`
    are the columns in the file's order, those that are kept out too.
    """

    columns: dict[str, Cells]
    all_cells: list[Cells]
    lines: Rows
    totals: Flags | None = None
    too_wide: Flags | None = None

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return len(self.lines)

    def alone(self, rows: Rows) -> "Piece":
        """Give a piece of these rows, which keeps nothing of the others."""
        columns = {name: cells.alone(rows) for name, cells in self.columns.items()}
        marks = (None if flags is None else flags[rows] for flags in (self.totals, self.too_wide))
        return Piece(columns, [], self.lines[rows], *marks)


@dataclass(frozen=True)
class ReadColumn:
    """A column read: its reading over distinct texts, spread over the rows by codes."""

    reading: Reading
    codes: npt.NDArray[np.int32] | None
    texts: pl.Series | None = None
    is_number: pl.Series | None = None

    def rows_where(self, marks: pl.Series) -> Flags | None:
        """Spread marks on distinct texts over the rows; None where nothing is marked."""
        if not marks.any():
            return None
        flags: Flags = marks.to_numpy()
        return flags if self.codes is None else flags[self.codes]

    def bad_rows(self) -> Flags | None:
        """Mark the rows whose cell does not parse."""
        return self.rows_where(self.reading.bad)

    def empty_rows(self) -> Flags | None:
        """Mark the rows whose cell is empty."""
        return self.rows_where(self.reading.values.is_null() & ~self.reading.bad)

    def values(self, rows: Rows | None = None) -> pl.Series:
        """Give the values of some rows, or of all."""
        return self.spread(self.reading.values, rows)

    def spread(self, distinct: pl.Series, rows: Rows | None = None) -> pl.Series:
        """Give what belongs to the texts of some rows, or of all."""
        if self.codes is None and rows is None:
            return distinct
        if self.codes is None:
            places = pl.Series(rows).cast(pl.UInt32)
        else:
            codes = self.codes if rows is None else self.codes[rows]
            # The same bits without a sign: Polars takes them as they are, without a check.
            places = pl.Series(codes.view(np.uint32))
        return distinct.gather(places)
