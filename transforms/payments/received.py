"""What a bank sends as lines of text: bytes to lines, lines to cells, days, and refusals."""

import csv
import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from itertools import accumulate
from typing import TypeVar

from transforms.errors import DropRefusedError
from transforms.payments.layouts import Field, Layout
from transforms.sheets.filled import named_rows

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# How a workbook begins: .xlsx, .xls.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# Chinese text of another encoding that happens to be UTF-8 turns into these letters.
MISREAD = re.compile("[\u0080-\u07ff]")
LINE_END = re.compile("\r\n|\n|\r")
# A payment id, whatever stands beside it: fields of fixed width may have nothing between.
PAYMENT = re.compile("P[0-9A-F]{31}", re.IGNORECASE)
SHOWN_LINES = 10
# Separators of files in which a cell that holds one stands in quotes.
QUOTING = ",;\t"
Row = TypeVar("Row")


def read_lines(
    content: bytes, layout: Layout, where: str, row_of: Callable[[dict[str, str], int], Row | None]
) -> list[Row]:
    """Read the lines of a bank's file, each a dictionary of its cells by the layout's words.

    Rows:    row_of   makes a row of a line's cells and its number; none if they are not as expected
             returns  one per line that is not empty, after the heading
    Raises:  DropRefusedError naming every line that is not as expected
    """
    text, encoding = decoded(content, layout.encoding, where)
    rows, wrong = [], []
    _, body, _ = _parts(text, layout)
    for number, line in body:
        row = _row(line, number, layout, encoding, row_of)
        if row is None:
            wrong.append(number)
        else:
            rows.append(row)
    columns = (layout.separator or " ").join(field.word or "…" for field in layout.fields)
    words = ", ".join(layout.words)
    refuse(wrong, where, f"expected {columns} with {words} and date {layout.date_format}")
    return rows


def refuse_unread(
    content: bytes, layout: Layout, where: str, row_of: Callable[[dict[str, str], int], Row | None]
) -> None:
    """Let headings and totals stay unread, but no payment: it would vanish unseen.

    Rows:    row_of  makes a row of a line that would count if it were read; none of others
    Raises:  DropRefusedError naming the lines that make a row, or in which a payment id stands
    """
    text, encoding = decoded(content, layout.encoding, where)
    heading, _, trailing = _parts(text, layout)
    for key, unread in (("heading_lines", heading), ("trailing_lines", trailing)):
        found = [
            number
            for number, line in unread
            if PAYMENT.search(line) or _row(line, number, layout, encoding, row_of) is not None
        ]
        refuse(
            found,
            where,
            f"it stays unread by {key} of the bank's profile, and holds a payment: set {key} to "
            "what the bank's files have, or give the file as the bank gave it",
        )


def decoded(content: bytes, encoding: str, where: str) -> tuple[str, str]:
    """Decode a bank's file: UTF-8 where it is UTF-8, marked or not, else the profile's encoding.

    Rows:    returns  the text, and the encoding it was in

    >>> decoded("成功".encode(), "gb18030", "x"), decoded("目录".encode("gb18030"), "gb18030", "x")
    (('成功', 'utf-8'), ('目录', 'gb18030'))
    """
    if content.startswith(WORKBOOKS):
        raise DropRefusedError(
            f"{where}: is a workbook, and the bank's profile describes lines of text: save it as "
            "text with the profile's separator, or ask the bank for its text file"
        )
    is_marked = content.startswith(BYTE_ORDER_MARK)
    try:
        text = content.decode("utf-8-sig")
        if is_marked or not MISREAD.search(text):
            return text, "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as broken:
        number = content[: broken.start].count(b"\n") + 1
        raise DropRefusedError(
            f"{where}, line {number}: is not {encoding}; ask the bank for the file again"
        ) from broken


def _parts(text: str, layout: Layout) -> tuple[list[tuple[int, str]], ...]:
    """Part a file's lines, numbered and none of them empty: heading, body, what trails it."""
    lines = [(n, line) for n, line in enumerate(LINE_END.split(text), start=1) if line.strip()]
    begin = sum(n <= layout.heading_lines for n, _ in lines)
    end = max(begin, len(lines) - layout.trailing_lines)
    return lines[:begin], lines[begin:end], lines[end:]


def _row(
    line: str,
    number: int,
    layout: Layout,
    encoding: str,
    row_of: Callable[[dict[str, str], int], Row | None],
) -> Row | None:
    cells = _cells(line, layout, encoding)
    return row_of(_said(layout.fields, cells), number) if cells else None


def _cells(line: str, layout: Layout, encoding: str) -> list[str]:
    """Take a line apart; one that does not have its fields has no cells."""
    if layout.separator:
        is_quoted = layout.separator in QUOTING and '"' in line
        split = _unquoted if is_quoted else str.split
        cells = split(line, layout.separator)
        return cells if len(cells) == len(layout.fields) else []
    ends = list(accumulate(field.width for field in layout.fields))
    encoded = line.encode(encoding)
    if len(encoded) != ends[-1]:
        return []
    try:
        return [
            encoded[start:end].decode(encoding)
            for start, end in zip([0, *ends], ends, strict=False)
        ]
    except UnicodeDecodeError:
        return []


def _unquoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _said(fields: Sequence[Field], cells: Sequence[str]) -> dict[str, str]:
    pairs = zip(fields, cells, strict=True)
    return {field.word: cell.strip() for field, cell in pairs if field.word}


@cache
def read_day(text: str, form: str) -> str | None:
    """Read a date as YYYYMMDD, none if it is no such date.

    >>> read_day("2020-04-01", "YYYY-MM-DD"), read_day("2020-4-1", "YYYY-MM-DD")
    ('20200401', None)
    """
    pattern = re.escape(form)
    for part in ("YYYY", "MM", "DD"):
        pattern = pattern.replace(part, f"(?P<{part}>[0-9]{{{len(part)}}})")
    found = re.fullmatch(pattern, text)
    try:
        return found and f"{date(*(int(found[part]) for part in ('YYYY', 'MM', 'DD'))):%Y%m%d}"
    except ValueError:
        return None


def refuse(lines: Sequence[int], where: str, why: str) -> None:
    """Refuse a file whole, naming the lines for which it is refused, if there are any."""
    if lines:
        named = named_rows(lines, SHOWN_LINES)
        raise DropRefusedError(f"{where}, line {named}: {why}; nothing of it was taken")
