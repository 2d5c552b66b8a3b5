"""What people filled in, held against what is asked: taken whole or refused by row number."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from xlsxwriter.utility import xl_col_to_name

from transforms.digest import text_digest
from transforms.errors import DropRefusedError

ROW_NUMBER = "row_number"
SHOWN_NUMBERS = 20
CODE_LENGTH = 12


def refuse_rows(read: pl.DataFrame, faults: Mapping[str, pl.Expr], file_name: str) -> None:
    """Refuse a filled-in sheet for its faulty rows, each under its first fault.

    Rows:    read    with row_number, the sheet's own; faults: what is wrong, where it is true
    Raises:  DropRefusedError naming the rows
    """
    told: list[str] = []
    taken = pl.lit(False)
    for fault, broken in faults.items():
        rows = read.filter(broken & ~taken)[ROW_NUMBER].to_list()
        taken = taken | broken
        if rows:
            told.append(f"in row {named_rows(rows)}: {fault}")
    if told:
        raise DropRefusedError(
            f"{file_name}: nothing was imported; {'; '.join(told)}. "
            "Mend the workbook, then import it again"
        )


def line_codes(cells: pl.DataFrame) -> pl.Series:
    """Digest what each line shows; spaces and ends of lines are a program's, not a clerk's.

    Written beside a line's number, it tells whether both still belong together.
    """
    bare = pl.all().fill_null("").str.extract_all(r"\S+").list.join("")
    text = pl.concat_str(bare, separator="|")
    texts = cells.select(text.alias("cells")).to_series()
    return pl.Series("cells", [text_digest(one)[:CODE_LENGTH] for one in texts], pl.String)


def with_codes(lines: pl.DataFrame, shown: Sequence[str]) -> pl.DataFrame:
    """Write behind the question_no of each line the digest of what it shows."""
    codes = line_codes(lines.select(shown))
    coded = pl.concat_str(pl.col("question_no"), codes, separator="-")
    return lines.with_columns(coded.alias("question_no"))


def without_codes(read: pl.DataFrame, shown: Sequence[str]) -> pl.DataFrame:
    """Take the digests off the numbers: `code` as it stands there, `is_code` as it should be."""
    number = pl.col("question_no").str.strip_chars().str.split("-")
    return read.with_columns(
        number.list.get(0).alias("question_no"),
        number.list.get(1, null_on_oob=True).alias("code"),
        line_codes(read.select(shown)).alias("is_code"),
    )


def refuse_beside(file_name: str, sheet: str, cells: Iterable[tuple[int, int]]) -> None:
    """Refuse a sheet for what stands where nobody reads it.

    Rows:    cells  by row, the sheet's own, and place of the column from 0
    Raises:  DropRefusedError naming the cells
    """
    names = [f"{xl_col_to_name(place)}{row}" for row, place in cells]
    if names:
        raise DropRefusedError(
            f"{file_name}: nothing was imported; sheet {sheet}: nobody reads what was written into "
            f"{named_rows(names)}: write it into the columns to be filled in, then delete it there"
        )


def named_rows(numbers: Sequence[object], most: int = SHOWN_NUMBERS) -> str:
    """Name rows by their numbers, or cells, cut short where there are many."""
    listed = ", ".join(map(str, numbers[:most]))
    more = len(numbers) - most
    return f"{listed} and {more} more" if more > 0 else listed
