"""Characters that show nothing, or steer a terminal, and texts without them."""

import unicodedata

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
