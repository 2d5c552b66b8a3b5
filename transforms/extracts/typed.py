"""Turn Arrow columns, as Parquet gives them, into cells: texts as texts, types as values."""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from transforms.extracts.cell_text import cell_text
from transforms.extracts.cells import Cells, CodedCells, TypedCells
from transforms.extracts.csv_text import coded_cells, codes_of
from transforms.extracts.dates import month_of
from transforms.extracts.kinds import KindColumn

LARGEST_WHOLE = 10**15
FIRST_DAY, LAST_DAY = -719162, 2932896  # 0001-01-01 and 9999-12-31, counted from 1970-01-01


def cells_of_arrow(column: KindColumn, values: pa.ChunkedArray) -> Cells:
    """Turn one Arrow column into cells.

    Units:   money in a drop is in 元 (万元 for wan) whatever the format; typed cells are hundredths
    """
    arrow_type = values.type
    if pa.types.is_dictionary(arrow_type) or _is_text(arrow_type):
        return coded_cells(values)
    typed = _as_values(column, values)
    return TypedCells(typed) if typed is not None else _as_texts(values)


def _is_text(arrow_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_string_view(arrow_type)
    )


def _as_values(column: KindColumn, values: pa.ChunkedArray) -> pl.Series | None:
    """Take the values as they are where the column's type allows it; None where it does not."""
    arrow_type = values.type
    if pa.types.is_date32(arrow_type) and column.type in ("date", "month"):
        days = pl.Series(pl.from_arrow(values))
        if not days.to_physical().is_between(FIRST_DAY, LAST_DAY).all():
            return None
        return days if column.type == "date" else pl.select(month_of(pl.lit(days))).to_series()
    if pa.types.is_decimal128(arrow_type) and column.type in ("money", "wan"):
        return _hundredths_of_decimals(values)
    if pa.types.is_integer(arrow_type) and not pa.types.is_uint64(arrow_type):
        return _as_whole_numbers(column, values)
    return None


def _as_whole_numbers(column: KindColumn, values: pa.ChunkedArray) -> pl.Series | None:
    numbers = pl.Series(pl.from_arrow(values)).cast(pl.Int64)
    if not numbers.is_between(-LARGEST_WHOLE, LARGEST_WHOLE).all():
        return None
    if column.type in ("money", "wan"):
        return numbers * 100
    if column.type == "integer":
        return numbers
    is_month = numbers.is_between(1000_01, 9999_12) & (numbers % 100).is_between(1, 12)
    return numbers if column.type == "month" and is_month.all() else None


def _hundredths_of_decimals(values: pa.ChunkedArray) -> pl.Series | None:
    """Read decimals with at most two places as hundredths, from their digits."""
    scale = values.type.scale
    if not 0 <= scale <= 2:
        return None
    whole = values.combine_chunks()
    words = np.frombuffer(whole.buffers()[1], np.int64)[
        2 * whole.offset : 2 * (whole.offset + len(whole))
    ].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    nulls = whole.is_null().to_numpy(zero_copy_only=False)
    fits = (high == low >> 63) & (low > -LARGEST_WHOLE) & (low < LARGEST_WHOLE)
    if not (fits | nulls).all():
        return None
    return pl.Series(low * 10 ** (2 - scale)).set(pl.Series(nulls), None)


def _as_texts(values: pa.ChunkedArray) -> CodedCells:
    """Write each distinct value as text, as an XLSX cell of its type is."""
    if pa.types.is_timestamp(values.type) and values.type.tz:
        values = pc.local_timestamp(values)
    coded = values.dictionary_encode().unify_dictionaries()
    if coded.num_chunks == 0:
        return CodedCells(pl.Series([], dtype=pl.String), np.zeros(0, np.int32))
    distinct = coded.chunk(0).dictionary
    if pa.types.is_temporal(distinct.type):
        # Python has no days beyond the year 9999.
        distinct = distinct.cast(pa.string())
    cells = [*distinct.to_pylist(), None]
    codes = [codes_of(chunk, len(cells) - 1) for chunk in coded.chunks]
    is_number = pl.Series([isinstance(value, float) for value in cells], dtype=pl.Boolean)
    texts = pl.Series([cell_text(value) for value in cells], dtype=pl.String)
    return CodedCells(texts, np.concatenate(codes), is_number)
