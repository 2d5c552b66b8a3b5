"""The month of a part, told by the name of its file, else by its rows; the day a name states."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from transforms.errors import DropRefusedError
from transforms.extracts.cells import Piece
from transforms.extracts.kinds import Kind
from transforms.extracts.rows import read_piece

YEAR, MONTH = "((?:19|20)[0-9]{2})", "(0?[1-9]|1[0-2])"
DAY = "(0[1-9]|[12][0-9]|3[01])"
WRITTEN = re.compile(f"(?<![0-9]){YEAR}年{MONTH}月(?:([0-9]{{1,2}})日)?")
DIGITS = re.compile(f"(?<![0-9]){YEAR}(0[1-9]|1[0-2]){DAY}?(?![0-9])")
NAMED = (WRITTEN, DIGITS, re.compile(f"(?<![0-9]){YEAR}[-_.]{MONTH}(?:[-_.]{DAY})?(?![0-9])"))
# Two numbers joined by a sign may be a year and the number of a file: they state no day.
JOINED = re.compile(f"(?<![0-9]){YEAR}[-_.](0[1-9]|1[0-2])[-_.]{DAY}(?![0-9])")
DAYS_NAMED = (WRITTEN, DIGITS, JOINED)


def months_named(name: str, of_days: bool = False) -> set[str]:
    """Give the months that a file's name holds; else those of its days, as of an export's.

    >>> months_named("2020年3月缴费.csv"), months_named("缴费_20200331.csv"), months_named("a.csv")
    ({'202003'}, set(), set())
    >>> [months_named(f"{day}.csv", of_days=True) for day in ("20200331", "2020年3月5日", "202003")]
    [{'202003'}, {'202003'}, set()]
    """
    plain = unicodedata.normalize("NFKC", name)
    return {
        f"{year}{int(month):02}"
        for form in NAMED
        for year, month, day in form.findall(plain)
        if bool(day) == of_days
    }


def day_named(name: str, until: str) -> str:
    """Give the latest day or month that a file's name states, as digits; "" if it states none.

    A day after `until`, on which the file was delivered, is a slip or means something else.

    >>> [day_named(f"{day}.csv", "20200331") for day in ("20200315", "2020年3月5日", "2020-1")]
    ['20200315', '20200305', '']
    >>> day_named("失业登记_202003_20201203.csv", "20200331")
    '202003'
    """
    plain = unicodedata.normalize("NFKC", name)
    found = [
        f"{year}{int(month):02}{int(day):02}" if day else f"{year}{int(month):02}"
        for form in DAYS_NAMED
        for year, month, day in form.findall(plain)
    ]
    return max((day for day in found if day <= until[: len(day)]), default="")


def month_of_part(name: str, kind: Kind, pieces: Iterable[Piece]) -> tuple[str, str]:
    """Tell the month of a part, and by what: `name` or `rows`.

    A day in the name may be that of the export: it tells the month only where rows do not.

    Raises:  DropRefusedError if neither tells one month, or no row is of the month named
    """
    named, days = months_named(name), months_named(name, of_days=True)
    if len(named) == 1:
        _expect_some(name, kind, min(named), pieces)
        return named.pop(), "name"
    found = set[str]().union(*months_of_rows(kind, pieces))
    if len(found) == 1:
        return found.pop(), "rows"
    if len(days) == 1 and (days <= found or not found):
        return days.pop(), "name"
    seen = ", ".join(sorted(named or found)[:6]) or "none"
    raise DropRefusedError(
        f"{name}: can't tell which month this part is for (found: {seen}); write one month into "
        "the file's name, as in 2020年3月, and deliver it again"
    )


def _expect_some(name: str, kind: Kind, month: str, pieces: Iterable[Piece]) -> None:
    """Check that some row is of the month named; the rest may be of others (补缴)."""
    found = set[str]()
    for months in months_of_rows(kind, pieces) if "month" in kind.column_named else ():
        if month in months:
            return
        found |= months
    if found:
        seen = ", ".join(sorted(found)[:6])
        raise DropRefusedError(
            f"{name}: its name says {month}, and no row is of that month (found: {seen}); write "
            "the rows' month into its name, or put all rows of the month named into one file"
        )


def months_of_rows(kind: Kind, pieces: Iterable[Piece]) -> Iterator[set[str]]:
    """Give the months that rows are for: of the column `month`, else of what they count from."""
    columns = [name for name in ("month", *(one.column for one in kind.visible_from))]
    column = next((name for name in columns if name in kind.column_named), None)
    if column is None:
        return
    for piece in pieces:
        read = read_piece(kind, piece).get(column)
        if read is not None:
            values = read.reading.values.drop_nulls().unique()
            yield {str(value) if kind.is_month(column) else f"{value:%Y%m}" for value in values}
