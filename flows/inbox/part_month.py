"""The month of a part, told by the name of its file, else by its rows; the day a name states."""

import re
import unicodedata
from collections.abc import Iterable

from transforms.errors import DropRefusedError
from transforms.extracts.cells import Piece
from transforms.extracts.kinds import Kind
from transforms.extracts.rows import read_piece

YEAR, MONTH = "((?:19|20)[0-9]{2})", "(0?[1-9]|1[0-2])"
NAMED = (
    re.compile(f"(?<![0-9]){YEAR}年{MONTH}月"),
    re.compile(f"(?<![0-9]){YEAR}[-_.]{MONTH}(?![0-9])"),
    re.compile(f"(?<![0-9]){YEAR}(0[1-9]|1[0-2])(?:[0-3][0-9])?(?![0-9])"),
)

DAY = "(0[1-9]|[12][0-9]|3[01])"
# Two numbers joined by a sign may be a year and the number of a file: they state no day.
DAYS_NAMED = (
    re.compile(f"(?<![0-9]){YEAR}年{MONTH}月(?:([0-9]{{1,2}})日)?"),
    re.compile(f"(?<![0-9]){YEAR}(0[1-9]|1[0-2]){DAY}?(?![0-9])"),
    re.compile(f"(?<![0-9]){YEAR}[-_.](0[1-9]|1[0-2])[-_.]{DAY}(?![0-9])"),
)


def months_named(name: str) -> set[str]:
    """Give the months that a file's name holds.

    >>> months_named("2020年3月缴费.csv"), months_named("缴费_20200331.csv"), months_named("a.csv")
    ({'202003'}, {'202003'}, set())
    """
    plain = unicodedata.normalize("NFKC", name)
    return {f"{year}{int(month):02}" for form in NAMED for year, month in form.findall(plain)}


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

    Raises:  DropRefusedError if neither tells one month
    """
    named = months_named(name)
    if len(named) == 1:
        return named.pop(), "name"
    found = months_of_rows(kind, pieces)
    if len(found) == 1:
        return found.pop(), "rows"
    seen = ", ".join(sorted(named or found)[:6]) or "none"
    raise DropRefusedError(
        f"{name}: can't tell which month this part is for (found: {seen}); write one month into "
        "the file's name, as in 2020年3月, and deliver it again"
    )


def months_of_rows(kind: Kind, pieces: Iterable[Piece]) -> set[str]:
    """Give the months that rows are for: of the column `month`, else of what they count from."""
    columns = [name for name in ("month", *(one.column for one in kind.visible_from))]
    column = next((name for name in columns if name in kind.column_named), None)
    if column is None:
        return set()
    months = set[str]()
    for piece in pieces:
        read = read_piece(kind, piece).get(column)
        if read is not None:
            for value in read.reading.values.drop_nulls().unique():
                months.add(str(value) if kind.is_month(column) else f"{value:%Y%m}")
    return months
