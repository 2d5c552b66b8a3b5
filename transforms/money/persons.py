"""Whether two enrolled names or numbers can be one person's."""

import unicodedata
from functools import cache
from pathlib import Path

from transforms.strict_yaml import read_yaml

LOOK_ALIKES = Path(__file__).with_name("look_alikes.yaml")


def plain_name(name: str) -> str:
    """Return a name as it is compared: NFKC, case folded, nothing but letters and digits.

    >>> plain_name(" Ｌi-Lei\\u200b "), plain_name("阿依·古丽")
    ('lilei', '阿依古丽')
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in folded if unicodedata.category(letter)[0] in "LN")


def plain_number(number: str) -> str:
    """Return a staff number as it is compared: as names are, without leading zeros.

    >>> plain_number("ＨＲ-007"), plain_number("0012") == plain_number("O12")
    ('hroo7', True)
    """
    return _letters(number).lstrip("o") or plain_name(number)[:1]


def same_person(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Say whether two (staff number, name) may be one person: same number, or names look alike.

    >>> same_person(("1", "Wang Xiaoming"), ("2", "XIAOMING  WАNG"))
    True
    """
    return plain_number(one[0]) == plain_number(other[0]) or looks_alike(one[1], other[1])


def looks_alike(one: str, other: str) -> bool:
    """Say whether two names are one but for spelling, letters of one look, or their order.

    >>> looks_alike("王小明", "明小王"), looks_alike("Li Lei", "Lі-Lei"), looks_alike("甲", "乙")
    (True, True, False)
    """
    if plain_name(one) == plain_name(other):
        return True
    return sorted(_letters(one)) == sorted(_letters(other))


def _letters(text: str) -> str:
    """Return a text's letters and digits without marks, each as the letter it looks like."""
    unmarked = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text))
    # Capitals first: Ν looks like N, but its small letter ν like v.
    seen = unmarked.translate(_table()).casefold().translate(_table())
    return "".join(letter for letter in seen if unicodedata.category(letter)[0] in "LN")


@cache
def _table() -> dict[int, str]:
    content = read_yaml(LOOK_ALIKES.read_text(encoding="utf-8"))
    return {
        ord(letter): str(seen_as) for seen_as, letters in content.items() for letter in str(letters)
    }
