"""CSV that a spreadsheet opens right: no cell is a formula, long numbers stay whole."""

import re

import polars as pl

from transforms.amounts import is_amount, yuan_column
from transforms.extracts.kinds import heading
from transforms.visible import FORMULA_STARTS

# A formula; or what a spreadsheet takes for a number and writes otherwise: a long one, one that
# begins with a nought, and digits about an E, as some employer codes are: 91370303100002E120.
UNSAFE = rf"^(?:[{re.escape(''.join(FORMULA_STARTS))}]|(?:[0-9]{{12,}}|0[0-9]+|[0-9]+[Ee][0-9]+)$)"

# Of these the second and third sort stood bare in files of before.
BARE_BEFORE = re.compile(rb"(^|,)'(?=(?:0[0-9]{1,10}|[0-9]+[Ee][0-9]+)(?:,|\r?$))", re.MULTILINE)


def csv_bytes(frame: pl.DataFrame) -> bytes:
    r"""Write a frame as CSV: UTF-8 with BOM, CRLF, headings in words, amounts in yuan.

    >>> csv_bytes(pl.DataFrame({"holder": ["=1+1"], "amount_fen": [-5]})).decode("utf-8-sig")
    "户名,金额(元)\r\n'=1+1,-0.05\r\n"
    """
    cells = guarded(frame).select(
        (yuan_column(name) if is_amount(name) else _text(name)).alias(heading(name))
        for name in frame.columns
    )
    return cells.write_csv(include_bom=True, line_terminator="\r\n").encode()


def as_before(content: bytes) -> bytes:
    r"""Write a CSV as it was written before codes with an E and leading noughts were guarded.

    >>> as_before(b"a,b\r\n'91370303100002E120,'01\r\n'=1,'370302198503151234\r\n")
    b"a,b\r\n91370303100002E120,01\r\n'=1,'370302198503151234\r\n"
    """
    return BARE_BEFORE.sub(rb"\1", content)


def _text(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    return pl.when(text != "").then(text)


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before texts that a spreadsheet takes for a formula or a number.

    >>> guarded(pl.DataFrame({"a": ["=1+1", "01"], "b": ["370302", None]})).rows()
    [("'=1+1", '370302'), ("'01", None)]
    """
    texts = [pl.col(name) for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(text.str.contains(UNSAFE)).then("'" + text).otherwise(text).name.keep()
        for text in texts
    )
