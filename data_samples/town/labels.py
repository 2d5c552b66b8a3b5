"""Make canonical tables look like a bureau's export: Chinese labels, yuan, plain dates."""

import polars as pl
import pyarrow as pa

from transforms.extracts.kinds import KINDS, Kind, KindColumn


def label_of(column: KindColumn) -> str:
    """Return the first Chinese label of a column."""
    return column.labels[1] if len(column.labels) > 1 else column.name


def file_title(kind: str) -> str:
    """Return the Chinese name that starts the files of a kind."""
    return KINDS[kind].titles[1]


def text_table(kind: str, table: pl.DataFrame) -> pl.DataFrame:
    """Write every cell as text under Chinese labels; money in yuan with two decimals."""
    return table.select(
        _text(column).fill_null("").alias(label_of(column)) for column in KINDS[kind].columns
    )


def _text(column: KindColumn) -> pl.Expr:
    cell = pl.col(column.name)
    if column.type in ("money", "wan"):
        sign = pl.when(cell < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        whole, rest = cell.abs() // 100, cell.abs() % 100
        return pl.concat_str(
            sign, whole.cast(pl.String), pl.lit("."), rest.cast(pl.String).str.zfill(2)
        )
    if column.type == "rate":
        return _rate(cell)
    if column.type == "date":
        return cell.dt.strftime("%Y-%m-%d")
    return cell.cast(pl.String)


def _rate(cell: pl.Expr) -> pl.Expr:
    """Write rates by turns as `12`, `12%` and `0.12`; with % where it would be misread."""
    rest = (cell % 100).cast(pl.String).str.zfill(2)
    per_cent = pl.concat_str((cell // 100).cast(pl.String), pl.lit("."), rest)
    fraction = pl.concat_str(pl.lit("0."), cell.cast(pl.String).str.zfill(4))
    plain, fraction = (
        text.str.strip_chars_end("0").str.strip_chars_end(".") for text in (per_cent, fraction)
    )
    turn = pl.int_range(pl.len()) % 3
    return (
        pl.when((turn == 1) | ~cell.is_between(100, 9_999))
        .then(plain + "%")
        .when(turn == 2)
        .then(fraction)
        .otherwise(plain)
    )


def typed_table(kind: str, table: pl.DataFrame) -> pa.Table:
    """Keep the types a database would export: money as decimals of yuan, dates as dates.

    Holds:   fen become yuan by their scale alone, so nothing is rounded
    """
    declared: Kind = KINDS[kind]
    arrays = [_array(column, table[column.name]) for column in declared.columns]
    return pa.table(arrays, names=[label_of(column) for column in declared.columns])


def _array(column: KindColumn, values: pl.Series) -> pa.Array:
    if column.type in ("money", "wan"):
        whole = values.to_arrow().cast(pa.decimal128(20, 0))
        return pa.Array.from_buffers(pa.decimal128(18, 2), len(whole), whole.buffers())
    if column.type == "rate":
        # A number of 1 would be read as 1 %.
        texts = values.to_frame(column.name).select(_text(column)).to_series()
        return texts.to_arrow().cast(pa.string())
    if column.type == "month":
        return values.cast(pl.String).to_arrow().cast(pa.string())
    array = values.to_arrow()
    return array.cast(pa.string()) if values.dtype == pl.String else array
