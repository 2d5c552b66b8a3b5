"""Words for people: code speaks in codes with values, its words stand once in words.yaml."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import polars as pl

from transforms.amounts import yuan_text
from transforms.errors import ContractError
from transforms.strict_yaml import read_yaml

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
BETWEEN: Mapping[Language, str] = {"zh": "、", "en": ", "}
CATALOGUE = Path(__file__).with_name("words.yaml")
SHOWN_ITEMS = 6
NO_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Said:
    """Something to say: a code of words.yaml and the values of its placeholders.

    Values are what JSON holds (texts, whole numbers, codes, lists of them), or Said themselves.
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Word it in English, as the terminal and scripts read it."""
        return worded(self, "en")

    def content(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def said_of(content: Any) -> Any:
    """Return what `content` wrote as it was.

    >>> said_of(Said("no_budget").content())
    Said(code='no_budget', values={})
    """
    if isinstance(content, list):
        return [said_of(item) for item in content]
    if isinstance(content, Mapping):
        values = {name: said_of(value) for name, value in content["values"].items()}
        return Said(content["code"], values)
    return content


def parse_words(text: str) -> dict[str, Mapping[str, str]]:
    """Read a catalogue: sections, in each code → zh and en; the sections are for the reader only.

    Raises:  ContractError if a code stands twice, or its words are not exactly these two
    """
    catalogue: dict[str, Mapping[str, str]] = {}
    for section in read_yaml(text).values():
        for code, words in section.items():
            if code in catalogue or set(words) != set(LANGUAGES) or not all(words.values()):
                raise ContractError(f"words.yaml: {code} stands twice, or is not said in zh and en")
            catalogue[code] = words
    return catalogue


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return the product's words by code."""
    return parse_words(CATALOGUE.read_text(encoding="utf-8"))


def vocabulary(names: Mapping[str, str] = NO_NAMES) -> dict[str, str]:
    """Return the Chinese words of all codes that are no sentences, and `names`."""
    return {**_plain_words(), **names}


@cache
def _plain_words() -> dict[str, str]:
    return {code: words["zh"] for code, words in catalogue().items() if "{" not in words["en"]}


def word(code: str, language: Language = "zh", names: Mapping[str, str] = NO_NAMES) -> str:
    """Return the word for a code; a code without one is shown as it is: no night stops for it.

    `names` are those of kinds of extract and of policies, which have them in their own files.

    >>> word("duplicate_row"), word("deaths", names={"deaths": "死亡信息"}), word("B1")
    ('重复行', '死亡信息', 'B1')
    """
    words = catalogue().get(code)
    if words:
        return words[language]
    return names.get(code, code) if language == "zh" else code


def worded(said: Said, language: Language = "zh", names: Mapping[str, str] = NO_NAMES) -> str:
    """Word what a stage said.

    >>> worded(Said("list_without_rows", {"list": "严重失信", "policies": ["a", "b"]}))
    '认定名单：名单“严重失信”一行都没有；涉及：a、b'
    """
    return _Wording(language, names).vformat(catalogue()[said.code][language], (), said.values)


def place_words(place: str, names: Mapping[str, str]) -> str:
    """Word a place of a gate: the codes that name it, then its counts as they are.

    >>> place_words("held 2020-03: 5 / 7", {}), place_words("held.csv:7", {})
    ('暂扣 2020-03: 5 / 7', 'held.csv:7')
    """
    named, colon, counts = place.partition(": ")
    return " ".join(word(code, names=names) for code in named.split(" ")) + colon + counts


class _Wording(Formatter):
    """Fills placeholders in; what follows the colon says what sort of value it is."""

    def __init__(self, language: Language, names: Mapping[str, str]) -> None:
        self.language, self.names = language, names

    def format_field(self, value: Any, form: str) -> str:
        """Write a value, or a list of them with what stands between in the language."""
        items = value if isinstance(value, list) else [value]
        shown = items[:SHOWN_ITEMS] if form in ("some", "places") else items
        text = BETWEEN[self.language].join(self._one(item, form) for item in shown)
        if len(shown) == len(items):
            return text
        rest = {"items": text, "count": len(items), "rest": len(items) - len(shown)}
        return worded(Said("and_more", rest), self.language)

    def _one(self, item: Any, form: str) -> str:
        if isinstance(item, Said):
            return worded(item, self.language, self.names)
        if form == "word":
            return word(item, self.language, self.names)
        if form == "places" and self.language == "zh":
            return place_words(item, self.names)
        if form == "yuan":
            return yuan_text(item, "," if self.language == "zh" else "")
        return f"{item:,}" if form == "count" else str(item)


def said_column(code: str, **values: pl.Expr | str) -> pl.Expr:
    """Word a sentence row by row, its values in columns; null where one of them is null."""
    return filled(catalogue()[code]["zh"], **values)


def filled(sentence: str, **given: pl.Expr | str) -> pl.Expr:
    """Fill a sentence in, row by row: each {name} is given, or a column."""
    parts: list[pl.Expr] = []
    for text, name, _, _ in Formatter().parse(sentence):
        parts += [pl.lit(text)] if text else []
        if name:
            value = given.get(name, name)
            parts.append((pl.col(value) if isinstance(value, str) else value).cast(pl.String))
    return pl.concat_str(parts)


def words_column(column: str, names: Mapping[str, str] = NO_NAMES) -> pl.Expr:
    """Word a column of codes, of several with commas between each; others stay as they are."""
    codes = pl.col(column).str.split(",")
    return codes.list.eval(pl.element().replace(vocabulary(names))).list.join(BETWEEN["zh"])
