"""CSV that a spreadsheet opens right: no cell is a formula, long numbers stay whole."""

import re

import polars as pl

from transforms.amounts import is_amount, yuan_column
from transforms.extracts.kinds import heading
from transforms.visible import FORMULA_STARTS

UNSAFE = rf"^(?:[{re.escape(''.join(FORMULA_STARTS))}]|[0-9]{{12,}}$)"


def csv_bytes(frame: pl.DataFrame) -> bytes:
    r"""Write a frame as CSV: UTF-8 with BOM, CRLF, headings in words, amounts in yuan.

    >>> csv_bytes(pl.DataFrame({"holder": ["=1+1"], "amount_fen": [-5]})).decode("utf-8-sig")
    "户名,金额(元)\r\n'=1+1,-0.05\r\n"
    """
    cells = frame.select(
        (yuan_column(name) if is_amount(name) else _safe(name, dtype)).alias(heading(name))
        for name, dtype in frame.schema.items()
    )
    return cells.write_csv(include_bom=True, line_terminator="\r\n").encode()


def _safe(name: str, dtype: pl.DataType) -> pl.Expr:
    """Write cells that no spreadsheet takes for a formula or shortens as a long number."""
    text = pl.col(name).cast(pl.String)
    if dtype == pl.String:
        quoted = pl.concat_str(pl.lit("'"), text)
        text = pl.when(text.str.contains(UNSAFE)).then(quoted).when(text != "").then(text)
    return text
