"""Workbooks and CSV for people: no cell is a formula, ids stay text, same rows same bytes."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import xlsxwriter

MADE_ON = datetime(2020, 1, 1)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LONG_NUMBER_DIGITS = 12
# Writing a workbook takes 25 µs a cell: what people can read, the files beside it hold the rest.
MOST_ROWS_OF_SHEET = 5_000
BYTE_ORDER_MARK = "\ufeff"
WIDEST = 60


@dataclass(frozen=True)
class Sheet:
    """One sheet: lines of text above, then a header and rows; `open_columns` are to be filled in.

    `choices`: columns that take one of a few words. `rest`: where the rows are that do not fit.
    """

    title: str
    frame: pl.DataFrame
    lines_above: Sequence[str] = ()
    open_columns: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] | None = None
    rest: str = ""

    @property
    def notes(self) -> list[str]:
        """Return the lines above, with what is cut off said first."""
        if self.frame.height <= MOST_ROWS_OF_SHEET:
            return list(self.lines_above)
        cut = f"本表只列前 {MOST_ROWS_OF_SHEET:,} 行，共 {self.frame.height:,} 行。{self.rest}"
        return [cut, *self.lines_above]


def csv_bytes(frame: pl.DataFrame) -> bytes:
    r"""Write a frame as CSV that a spreadsheet opens right: UTF-8 with BOM, CRLF, safe cells.

    >>> csv_bytes(pl.DataFrame({"a": ["=1+1"]})).decode("utf-8-sig")
    "a\r\n'=1+1\r\n"
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows([safe_cell(cell) for cell in row] for row in frame.iter_rows())
    return (BYTE_ORDER_MARK + stream.getvalue()).encode()


def safe_cell(cell: Any) -> str:
    """Write a cell that no spreadsheet takes for a formula or shortens as a long number.

    >>> safe_cell("370302198503150014"), safe_cell("-3"), safe_cell(12), safe_cell(None)
    ("'370302198503150014", "'-3", '12', '')
    """
    text = plain_text(cell)
    is_text = isinstance(cell, str)
    if is_text and text.startswith(FORMULA_STARTS):
        return f"'{text}"
    return f"'{text}" if is_text and text.isdigit() and len(text) >= LONG_NUMBER_DIGITS else text


def plain_text(cell: Any) -> str:
    """Return a cell as text; empty for nothing."""
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def workbook_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Write sheets as an XLSX workbook; every cell is text, or a whole number where it counts.

    Holds:   the same sheets give the same bytes
    """
    stream = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"created": MADE_ON})
    forms = {
        "head": book.add_format({"bold": True, "bg_color": "#DDDDDD", "text_wrap": True}),
        "note": book.add_format({"italic": True}),
        "text": book.add_format({"num_format": "@"}),
        "open": book.add_format({"num_format": "@", "bg_color": "#FFF2CC"}),
    }
    for sheet in sheets:
        _write_sheet(book.add_worksheet(sheet.title), sheet, forms)
    book.close()
    return stream.getvalue()


def _write_sheet(page: Any, sheet: Sheet, forms: Mapping[str, Any]) -> None:
    notes = sheet.notes
    top = len(notes)
    for number, line in enumerate(notes):
        page.write_string(number, 0, line, forms["note"])
    last = top + max(min(sheet.frame.height, MOST_ROWS_OF_SHEET), 1)
    for place, name in enumerate(sheet.frame.columns):
        form = forms["open" if name in sheet.open_columns else "text"]
        cells = [plain_text(cell) for cell in sheet.frame[name].head(MOST_ROWS_OF_SHEET)]
        page.set_column(place, place, _width(name, cells), forms["text"])
        page.write_string(top, place, name, forms["head"])
        for number, text in enumerate(cells, start=top + 1):
            if text:
                page.write_string(number, place, text, form)
            else:
                page.write_blank(number, place, None, form)
        if sheet.choices and name in sheet.choices:
            allowed = {"validate": "list", "source": list(sheet.choices[name])}
            page.data_validation(top + 1, place, last, place, allowed)
    page.freeze_panes(top + 1, 0)
    page.autofilter(top, 0, last, max(sheet.frame.width - 1, 0))


def _width(name: str, cells: Sequence[str]) -> int:
    """Measure a column by its first rows; a Chinese character is two wide."""
    longest = max((_display_width(text) for text in [name, *cells[:200]]), default=0)
    return min(longest + 2, WIDEST)


def _display_width(text: str) -> int:
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)
