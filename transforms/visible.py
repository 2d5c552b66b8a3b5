"""Characters that show nothing, or steer a terminal, and texts without them."""

import unicodedata
from collections.abc import Container, Sequence

# A spreadsheet takes a text that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Controls, invisible signs, halves of characters (of a name that is no UTF-8), line ends.
CONTROL_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def holds_control(text: str) -> bool:
    """Say whether a text holds a control, invisible or line-breaking character.

    >>> holds_control("张三"), holds_control("a\\tb")
    (False, True)
    """
    if text.isprintable():
        return False
    return any(unicodedata.category(letter) in CONTROL_CATEGORIES for letter in text)


def visible(text: str) -> str:
    r"""Write such characters as their escapes; the ends of lines stay.

    >>> visible("张\x1b[31m三\udcff\n")
    '张\\x1b[31m三\\udcff\n'
    """
    if not holds_control(text):
        return text
    return "".join(
        ascii(letter)[1:-1] if letter != "\n" and holds_control(letter) else letter
        for letter in text
    )


def display_width(text: str) -> int:
    """Return how many cells of a terminal a text takes: two for a Chinese sign.

    >>> display_width("批次 B1")
    7
    """
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def table(rows: Sequence[Sequence[str]], to_right: Container[int] = ()) -> list[str]:
    """Lay rows out in columns of equal width, those with numbers to the right.

    >>> table([["政策", "元"], ["a", "1,146.00"]], {1})
    ['政策        元', 'a     1,146.00']
    """
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            padded(cell, widths[place], place in to_right) for place, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def padded(text: str, width: int, to_right: bool = False) -> str:
    """Fill a text up with spaces to a width of cells."""
    spaces = " " * (width - display_width(text))
    return spaces + text if to_right else text + spaces
