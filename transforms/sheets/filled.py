"""What people filled in, held against what is asked: taken whole or refused by row number."""

from collections.abc import Mapping

import polars as pl

from transforms.errors import DropRefusedError

ROW_NUMBER = "row_number"
SHOWN_NUMBERS = 20


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


def named_rows(numbers: list[int]) -> str:
    """Name rows by their numbers, cut short where there are many."""
    listed = ", ".join(map(str, numbers[:SHOWN_NUMBERS]))
    more = len(numbers) - SHOWN_NUMBERS
    return f"{listed} and {more} more" if more > 0 else listed
