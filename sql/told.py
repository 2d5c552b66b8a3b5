"""What the database says of an SQL file that it can't run, told with the file that holds it."""

import re

from sql.limits import misfitting_lines
from transforms.errors import ParameterMissingError, RuleError

NO_VALUE = "no value: "
# The author's doing; these quote the file, never a row.
NOT_UNDERSTOOD = ("Catalog Error:", "Binder Error:", "Parser Error:")
# These may quote a row: their words are not told.
MISFIT = ("Conversion Error:", "Mismatch Type Error:", "Out of Range Error:")
SOURCE_COLUMN = re.compile(r"when casting from source column (\w+)")
LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def told(path: str, failure: str) -> RuleError | ParameterMissingError | None:
    """Say which day has no value, or where a file under sql/ is not understood; else nothing.

    >>> print(told("a.sql", "Catalog Error: no is_alve!\\nDid you mean is_alive?\\n\\nLINE 3: …"))
    sql/a.sql:3: Catalog Error: no is_alve!
    """
    missing = failure.partition(NO_VALUE)[2].partition("'")[0]
    if failure.startswith("Conversion Error:") and missing:
        return ParameterMissingError(f"{missing}: add one with its source, or choose another date")
    line, column = LINE.search(failure), SOURCE_COLUMN.search(failure)
    lines = [line[1]] if line else misfitting_lines(path, column[1]) if column else []
    place = f"sql/{path}{':' if lines else ''}{','.join(lines)}"
    if failure.startswith(NOT_UNDERSTOOD):
        return RuleError(f"{place}: {failure.partition(chr(10))[0]}")
    if failure.startswith(MISFIT):
        return RuleError(f"{place}: a value is too large, or not of the type that is asked for")
    return None
