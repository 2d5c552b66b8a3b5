"""CSV that a spreadsheet opens right: no cell is a formula, long numbers stay whole."""

import csv
import io
from typing import Any

import polars as pl

from transforms.amounts import is_amount, yuan_column
from transforms.visible import FORMULA_STARTS
from transforms.words import word

LONG_NUMBER_DIGITS = 12
BYTE_ORDER_MARK = "\ufeff"


def csv_bytes(frame: pl.DataFrame) -> bytes:
    r"""Write a frame as CSV: UTF-8 with BOM, CRLF, headings in words, amounts in yuan.

    >>> csv_bytes(pl.DataFrame({"holder": ["=1+1"], "amount_fen": [-5]})).decode("utf-8-sig")
    "户名,金额(元)\r\n'=1+1,-0.05\r\n"
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([word(name) for name in frame.columns])
    cells = [_cells(frame, name) for name in frame.columns]
    writer.writerows(zip(*cells, strict=True))
    return (BYTE_ORDER_MARK + stream.getvalue()).encode()


def _cells(frame: pl.DataFrame, name: str) -> list[Any]:
    if is_amount(name):
        return frame.select(yuan_column(name))[name].to_list()
    return [safe_cell(cell) for cell in frame[name]]


def safe_cell(cell: Any) -> str:
    """Write a cell that no spreadsheet takes for a formula or shortens as a long number.

    >>> safe_cell("370302198503150014"), safe_cell("-3"), safe_cell(12), safe_cell(None)
    ("'370302198503150014", "'-3", '12', '')
    """
    text = "" if cell is None else str(cell)
    if not isinstance(cell, str):
        return text
    is_long_number = text.isdigit() and len(text) >= LONG_NUMBER_DIGITS
    return f"'{text}" if is_long_number or text.startswith(FORMULA_STARTS) else text
