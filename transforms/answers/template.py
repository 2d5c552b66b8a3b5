"""A workbook to be filled in for a kind of extract: headings, types, words; read as it stands.

The example stands on a sheet of its own, so that nobody delivers it.
"""

import io
from typing import Any

import xlsxwriter

from transforms.columns import ColumnType
from transforms.extracts.kinds import COLUMNS, Kind, KindColumn
from transforms.sheets.workbook import HEADING_HEIGHT, LOOKS, MADE_ON, OPTIONS
from transforms.words import Said, word, worded

# What the type alone does not give an example of.
EXAMPLES = {"list": "就业困难人员", "unit_no": "370302001", "subject_name": "某某公司"}
LAST_ROW = 1_048_575
WIDTH = 18
# How a cell looks, the word for what it holds, and an example.
TYPES: dict[ColumnType, tuple[str, str, str]] = {
    "person_id": ("@", "type_person_id", "370302199001010010"),
    "employer_code": ("@", "type_employer_code", "91370303MA0000001M"),
    "subject_id": ("@", "type_subject_id", "91370303MA0000001M"),
    "any_id": ("@", "type_subject_id", "370302199001010010"),
    "integer": ("0", "type_integer", "12"),
    "account_no": ("@", "type_account_no", "6222000011112222"),
    "bank_code": ("@", "type_bank_code", "102453000012"),
    "wan": ("#,##0.00", "type_wan", "120.50"),
    "money": ("#,##0.00", "type_money", "1234.50"),
    "rate": ("@", "type_rate", "5%"),
    "date": ("yyyy-mm-dd", "type_date", "2020-03-31"),
    "month": ("@", "type_month", "202003"),
    "period": ("@", "type_period", "2020-03"),
    "code": ("@", "type_code", ""),
    "text": ("@", "type_text", "A1"),
    "verbatim": ("@", "type_text", "张三"),
    "name": ("@", "type_name", "张三"),
}


def template_bytes(kind: Kind) -> bytes:
    """Write the workbook of a kind: the sheet to be filled in, and what each column takes.

    Holds:   filled in, the ingest reads its first sheet; the same kind gives the same bytes
    """
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, **OPTIONS})
    book.set_properties({"created": MADE_ON})
    formats = sorted({look for look, *_ in TYPES.values()})
    looks = {look: book.add_format({**LOOKS["field"], "num_format": look}) for look in formats}
    head = book.add_format(LOOKS["head"])
    needed = book.add_format({**LOOKS["head"], "bg_color": "#FFF2CC"})
    page = book.add_worksheet(kind.titles[1])
    page.set_row(0, HEADING_HEIGHT)
    page.freeze_panes(1, 0)
    for place, column in enumerate(kind.columns):
        page.set_column(place, place, WIDTH, looks[TYPES[column.type][0]])
        page.write_string(0, place, column.asked_as, needed if column.required else head)
        page.write_comment(0, place, takes(column), {"author": "", "x_scale": 2})
        if column.codes:
            allowed = {"validate": "list", "source": list(column.codes)}
            page.data_validation(1, place, LAST_ROW, place, allowed)
    how = _explain(book, kind, head, looks["@"])
    for sheet in (page, how):
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
    book.close()
    return stream.getvalue()


def _explain(book: Any, kind: Kind, head: Any, look: Any) -> Any:
    """Write the sheet that says what each column takes, with one example."""
    page = book.add_worksheet(word("sheet_how_to_fill_in"))
    headings = ("heading", "is_required", "takes", "example")
    for place, name in enumerate(headings):
        page.set_column(place, place, (20, 8, 60, 24)[place])
        page.write_string(0, place, word(name), head)
    for row, column in enumerate(kind.columns, start=1):
        cells = (column.asked_as, word("yes") if column.required else "", takes(column))
        for place, cell in enumerate((*cells, example(column))):
            page.write_string(row, place, cell, look)
    return page


def takes(column: KindColumn) -> str:
    """Say what a column takes, for whoever fills it in."""
    unit = COLUMNS[column.name].unit
    said = word(TYPES[column.type][1])
    words = worded(Said("one_of_words", {"words": list(column.codes)})) if column.codes else ""
    return words or said + (f"（{unit}）" if unit and column.type == "integer" else "")


def example(column: KindColumn) -> str:
    """Give a cell that the ingest takes."""
    given = column.codes[0] if column.codes else TYPES[column.type][2]
    return EXAMPLES.get(column.name, given)
