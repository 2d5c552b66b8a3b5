"""Every workbook: one look, amounts as numbers, ids and accounts as text, the same bytes again."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from transforms.amounts import is_amount, is_share, yuan_text
from transforms.extracts.kinds import heading
from transforms.sheets.rows import (
    LINE_POINTS,
    ROW_POINTS,
    Rows,
    display_width,
    fill_sheets,
)
from transforms.words import Said, worded

MADE_ON = datetime(2020, 1, 1)  # a fixed stamp: a clock would change the bytes
OPTIONS = dict.fromkeys(("strings_to_formulas", "strings_to_numbers", "strings_to_urls"), False)
ROWS_A_SHEET = 1_000_000
MEASURED_ROWS = 1_000
NARROWEST, WIDEST = 7, 36
PORTRAIT_WIDTH = 100
MOST_FROZEN = 7
TITLE_HEIGHT, HEADING_HEIGHT, FIELD_HEIGHT, BOX_HEIGHT = 22, 30, 21, 110
A4 = 9
BASE = {"font_name": "宋体", "font_size": 10, "valign": "vcenter"}
BOXED = {**BASE, "border": 1, "border_color": "#BFC7D1"}
COUNT, AMOUNT = {"num_format": "#,##0"}, {"num_format": "#,##0.00"}
SHARE = {"num_format": "0.00%"}
RIGHT = {"align": "right", "indent": 1}
TEXT = {**BOXED, "num_format": "@", "text_wrap": True}
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "title": {**BASE, "bold": True, "font_size": 14},
    "note": {**BASE, "font_color": "#5C6675"},
    "warn": {**BASE, "bold": True, "font_color": "#A4161A", "num_format": "@"},
    "fact": {**BASE, "num_format": "@"},
    "fact_count": {**BASE, **COUNT, "align": "left"},
    "fact_amount": {**BASE, **AMOUNT, "align": "left"},
    "head": {**BOXED, "bold": True, "bg_color": "#DDE6EE", "text_wrap": True, "align": "center"},
    "open": {**TEXT, "bg_color": "#FFF2CC", "locked": False},
    "grey": {**TEXT, "font_color": "#8A94A3", "font_size": 9},
    "centred": {**BASE, "bold": True, "font_size": 18, "align": "center"},
    "label": {**BOXED, "bold": True, "bg_color": "#DDE6EE", "text_wrap": True},
    "field": TEXT,
    "field_count": {**BOXED, **COUNT, "align": "left"},
    "field_amount": {**BOXED, **AMOUNT, "align": "left"},
    "box": {**TEXT, "valign": "top"},
    "text": TEXT,
    "count": {**BOXED, **COUNT, **RIGHT},
    "amount": {**BOXED, **AMOUNT, **RIGHT},
    "share": {**BOXED, **SHARE, **RIGHT},
}
HEIGHTS = {"title": TITLE_HEIGHT, "centred": TITLE_HEIGHT * 2, "field": FIELD_HEIGHT}
HEIGHTS |= {"box": BOX_HEIGHT}
# What may be done all the same on a sheet of which only open columns can be filled in.
# No sorting: of a sheet that is locked, only what is open could be sorted, away from its lines.
ALLOWED = dict.fromkeys(("format_columns", "format_rows", "autofilter"), True)


@dataclass(frozen=True)
class Line:
    """A line beside a table: its look, and its cells from the left; an amount is in yuan.

    `centred` runs over all columns, `field` is labels and values in turn, `box` is to be signed in.
    """

    look: str
    cells: Sequence[str | int | Decimal]


@dataclass(frozen=True)
class Sheet:
    """One sheet: lines above, then a table with a heading; `open_columns` are to be filled in.

    `choices`: columns that take one of a few words. `grey_columns`: for machines, not for people.
    `below`: lines below the table. `widths`: of columns that are not measured. `is_form`: one page,
    nothing frozen or filtered. `is_protected`: only open columns can be changed.
    """

    title: str
    frame: pl.DataFrame
    above: Sequence[Line] = ()
    open_columns: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] | None = None
    below: Sequence[Line] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    is_form: bool = False
    is_protected: bool = False
    grey_columns: Sequence[str] = ()


def said_lines(said: Sequence[Said]) -> list[Line]:
    """Lay out what is said above a table: the first is its title."""
    return [Line("note" if place else "title", [worded(one)]) for place, one in enumerate(said)]


def workbook_bytes(sheets: Sequence[Sheet], title: str = "") -> bytes:
    """Write sheets as an XLSX workbook; a table too long for one sheet goes on in the next.

    Units:   columns *_fen are fen, shown as yuan; other whole numbers are counts; the rest is text
    Holds:   no cell is a formula; the same sheets give the same bytes
    """
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, **OPTIONS})
    book.set_properties({"title": title, "created": MADE_ON})
    looks = {name: book.add_format(look) for name, look in LOOKS.items()}
    tables: dict[int, Rows] = {}
    for sheet in sheets:
        for part, start in enumerate(range(0, max(sheet.frame.height, 1), ROWS_A_SHEET), start=1):
            page = book.add_worksheet(sheet.title if part == 1 else f"{sheet.title}{part}")
            rows = sheet.frame.slice(start, ROWS_A_SHEET)
            widths = [_width(sheet, rows, place) for place in range(rows.width)]
            _lay_out(page, sheet, rows, widths, looks)
            tables[len(book.worksheets())] = Rows(len(sheet.above) + 2, rows, widths)
    book.close()
    return fill_sheets(stream.getvalue(), tables)


def _lay_out(
    page: Any, sheet: Sheet, rows: pl.DataFrame, widths: Sequence[int], looks: Mapping[str, Any]
) -> None:
    """Write all but the rows: lines, heading, and the pattern row that says the rows' looks."""
    for number, line in enumerate(sheet.above):
        _write_line(page, number, line, widths, looks)
    top, last = len(sheet.above), len(sheet.above) + max(rows.height, 1)
    page.set_row(top, HEADING_HEIGHT)
    for place, name in enumerate(rows.columns):
        page.set_column(place, place, widths[place])
        page.write_string(top, place, heading(name), looks["head"])
        look = "grey" if name in sheet.grey_columns else _look(name, rows.schema[name])
        look = "open" if name in sheet.open_columns else look
        page.write_blank(top + 1, place, None, looks[look])
        if sheet.choices and name in sheet.choices:
            allowed = {"validate": "list", "source": list(sheet.choices[name])}
            page.data_validation(top + 1, place, last, place, allowed)
    for number, line in enumerate(sheet.below, start=last + 1):
        _write_line(page, number, line, widths, looks)
    page.ignore_errors({"number_stored_as_text": f"A1:{xl_col_to_name(rows.width - 1)}{last + 1}"})
    if sheet.is_protected:
        page.protect("", ALLOWED)
    _set_up_page(page, sheet, top, last, widths)


def _set_up_page(page: Any, sheet: Sheet, top: int, last: int, widths: Sequence[int]) -> None:
    """Say how a sheet is read and printed: heading frozen and repeated, one page wide, numbered."""
    is_long = top <= MOST_FROZEN and not sheet.is_form
    if not sheet.is_form:
        page.autofilter(top, 0, last, len(widths) - 1)
    if is_long:
        page.freeze_panes(top + 1, 0)
        page.repeat_rows(top)
    if sum(widths) > PORTRAIT_WIDTH and not sheet.is_form:
        page.set_landscape()
    page.set_paper(A4)
    page.fit_to_pages(1, 0 if is_long else 1)
    page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    page.set_footer(f"&C{worded(Said('page_of_pages', {'page': '&P', 'pages': '&N'}))}")


def _write_line(
    page: Any, number: int, line: Line, widths: Sequence[int], looks: Mapping[str, Any]
) -> None:
    height, spans = HEIGHTS.get(line.look), _spans(line, len(widths))
    for place, (cell, (first, last)) in enumerate(zip(line.cells, spans, strict=True)):
        base = "label" if line.look == "field" and place % 2 == 0 else line.look
        kind = "" if isinstance(cell, str) else "_amount" if isinstance(cell, Decimal) else "_count"
        look = looks[base if not kind else f"{'field' if base == 'field' else 'fact'}{kind}"]
        if last > first:
            page.merge_range(number, first, number, last, "", look)
        if isinstance(cell, str):
            page.write_string(number, first, cell, look)
        else:
            page.write_number(number, first, cell, look)
        if line.look == "field":
            room = sum(widths[first : last + 1]) - 2
            lines = -(-display_width(str(cell)) // room)
            height = max(height or 0, lines * LINE_POINTS + 2 * ROW_POINTS)
    page.set_row(number, height)


def _spans(line: Line, columns: int) -> list[tuple[int, int]]:
    """Say from which column to which each cell of a line goes."""
    count = len(line.cells)
    if line.look == "centred":
        return [(0, columns - 1)]
    if line.look == "box":
        return [(place, place if place + 1 < count else columns - 1) for place in range(count)]
    if line.look == "field":
        half = columns // 2
        firsts = [0, 1, half, half + 1][:count]
        return [*zip(firsts, [*(first - 1 for first in firsts[1:]), columns - 1], strict=True)]
    return [(place, place) for place in range(count)]


def _look(name: str, dtype: pl.DataType) -> str:
    if not dtype.is_integer():
        return "text"
    return "amount" if is_amount(name) else "share" if is_share(name) else "count"


def _width(sheet: Sheet, rows: pl.DataFrame, place: int) -> int:
    """Measure a column by its heading (on two lines), its first rows and the cells above it.

    The last cell of a line above may run over the columns to its right.
    """
    column = rows.to_series(place)
    if column.name in sheet.widths:
        return sheet.widths[column.name]
    cells = [_shown(cell, column.name) for cell in column.head(MEASURED_ROWS)]
    lines = [line for line in sheet.above if line.look != "field"]
    cells += [_shown(line.cells[place], "") for line in lines if place + 1 < len(line.cells)]
    headed = display_width(heading(column.name)) // 2
    longest = max([headed, *(display_width(text) for text in cells)]) + 3
    return min(max(longest, NARROWEST), WIDEST)


def _shown(cell: Any, name: str) -> str:
    if isinstance(cell, int) and is_amount(name):
        return yuan_text(cell, ",")
    return f"{cell:,}" if isinstance(cell, int | Decimal) else cell or ""
