"""One cell of a workbook or of a typed column as text; it imports nothing heavy."""

from datetime import date, datetime, time
from decimal import Decimal

# Excel itself keeps and shows 15 digits; what a float has beyond them is noise of its own making.
EXCEL_DIGITS = 15
# A control character, in front of what stood there: nothing that may be read begins with it.
MARK = "\x80"
MERGED = f"{MARK}#MERGED"


def cell_text(value: object) -> str:
    """Write a cell as text: dates as ISO dates, numbers without what a float adds.

    >>> cell_text(1146.1000000000001), cell_text(12.0), cell_text(date(2020, 2, 9)), cell_text(None)
    ('1146.1', '12', '2020-02-09', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{EXCEL_DIGITS}g}"
    if isinstance(value, Decimal):
        # Not 0E-8: a nought of many places is a nought.
        return f"{value:f}"
    if isinstance(value, datetime):
        at_midnight = value.time() == time(0)
        return value.date().isoformat() if at_midnight else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
