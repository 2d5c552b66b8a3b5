"""What can still be read of a damaged person id: its first digits, or all but a few."""

import polars as pl

from transforms.identifiers import INVISIBLE
from transforms.wide import narrowed

# 3.70302198503150E+17, as a spreadsheet shows a long number, or a program writes it.
AS_FLOAT = r"^([0-9])(?:\.([0-9]*))?E\+?17$"
# A spreadsheet keeps fifteen digits and writes noughts for the rest.
SHORTENED = r"^[0-9]{15}000$"
# Fewer digits of a number are rounded ones: the last may be another's.
ROUNDED_BETWEEN = (7, 13)


def read_damaged_ids(texts: pl.Series) -> pl.DataFrame:
    """Read what is left of ids that are not valid.

    Rows:    one per text: `prefix`, the first digits where the rest was lost; else `digits`, all
             of them, the 15 of an old id with its century, and `width`, how many a whole id has so;
             `birth`, yyyymmdd, where it stands whole

    >>> read_damaged_ids(pl.Series(["3.70302E+17", "370302850315001"])).rows()
    [('370302', None, 18, None), (None, '37030219850315001', 17, '19850315')]
    >>> read_damaged_ids(pl.Series(["37030219600810231×"]))["digits"].item()
    '37030219600810231?'
    """
    bare = narrowed(texts).str.replace_all(rf"\s|{INVISIBLE}", "")
    clean = bare.str.strip_chars("'").str.to_uppercase().str.replace(r"\.0+$", "")
    # One place stays one byte: what is no ASCII (× for X, Х of another alphabet) is a wrong one.
    seen = pl.DataFrame({"text": clean.str.replace_all(r"[^ -~]", "?")})
    mantissa = pl.concat_str(
        pl.col("text").str.extract(AS_FLOAT, 1),
        pl.col("text").str.extract(AS_FLOAT, 2).fill_null(""),
    )
    is_rounded = mantissa.str.len_chars().is_between(*ROUNDED_BETWEEN)
    prefix = (
        pl.when(pl.col("text").str.contains(SHORTENED))
        .then(pl.col("text").str.head(15))
        .otherwise(pl.when(is_rounded).then(mantissa.str.head(-1)).otherwise(mantissa))
    )
    is_old = pl.col("text").str.contains("^[0-9]{15}$")
    with_century = pl.col("text").str.head(6) + "19" + pl.col("text").str.slice(6)
    read = seen.with_columns(prefix=prefix).select(
        "prefix",
        pl.when(pl.col("prefix").is_null())
        .then(pl.when(is_old).then(with_century).otherwise("text"))
        .alias("digits"),
        pl.when(is_old).then(17).otherwise(18).cast(pl.Int64).alias("width"),
    )
    whole = pl.when(pl.col("digits").str.len_chars() == pl.col("width")).then("digits")
    eight = pl.coalesce("prefix", whole).str.slice(6, 8)
    is_date = eight.str.to_date("%Y%m%d", strict=False).is_not_null()
    return read.with_columns(birth=pl.when((eight.str.len_chars() == 8) & is_date).then(eight))
