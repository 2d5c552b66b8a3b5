"""Say in Chinese what the code says in English: messages.yaml holds every sentence in both.

The English texts of the code are looked up as they stand there, with a name for each value.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from transforms.errors import ContractError
from transforms.extracts.kinds import names_of_kinds
from transforms.strict_yaml import read_yaml
from transforms.words import LANGUAGES, catalogue

MESSAGES = Path(__file__).parent.with_name("messages.yaml")
# Sentences that were put together are said one by one, with these signs between.
SIGNS = (("; ", "；"), (": ", "："), (", ", "，"))
# What stands around a sentence where several are put together.
AROUND = " ;,:"
# Behind the places that are shown.
MORE = re.compile(r" (and [\d,]+ more)$")
WORDS = re.compile("[A-Za-z]{2,}")
LETTERS = "[A-Za-z]+"
FEW_LETTERS = 5
KEPT = 4096


@dataclass(frozen=True)
class Sentence:
    """A sentence with values: what finds it in English, and its Chinese."""

    literals: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    zh: str


def parse_messages(text: str) -> dict[str, str]:
    """Read the messages, English → Chinese; the sections are for the reader only.

    Raises:  ContractError if one stands twice, or not in both languages with equal values
    """
    messages: dict[str, str] = {}
    for section in read_yaml(text).values():
        for entry in section:
            if set(entry) != set(LANGUAGES) or not all(entry.values()) or entry["en"] in messages:
                raise ContractError(f"messages.yaml: {entry} stands twice, or not in zh and en")
            if values_of(entry["en"]) != values_of(entry["zh"]):
                raise ContractError(f"messages.yaml: {entry} has other values in zh than in en")
            messages[entry["en"]] = entry["zh"]
    return messages


def values_of(template: str) -> set[str]:
    """Name the values of a sentence.

    >>> sorted(values_of("{path}: {count:word} of {{all}}"))
    ['count', 'path']
    """
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@cache
def messages() -> Mapping[str, str]:
    """Return the product's sentences, English → Chinese; those of words.yaml are among them."""
    # Of two codes with the same English the first counts; `and_more` has other values in each.
    words = {
        said["en"]: said["zh"]
        for said in reversed([*catalogue().values()])
        if values_of(said["en"]) == values_of(said["zh"])
    }
    return {**words, **parse_messages(MESSAGES.read_text(encoding="utf-8"))}


@cache
def _sentences() -> tuple[Sentence, ...]:
    """Return the sentences with values, those with most words of their own first."""
    found = [_sentence(en, zh) for en, zh in messages().items() if values_of(en)]
    found = [one for one in found if any(map(WORDS.search, one.literals))]
    return tuple(sorted(found, key=lambda one: -sum(map(len, one.literals))))


@cache
def _by_word() -> Mapping[str, list[int]]:
    """Tell by one of its words which sentences a text may be; "": of those without a whole word."""
    counted = Counter(word for one in _sentences() for word in _whole_words(one))
    by_word: dict[str, list[int]] = {}
    for place, one in enumerate(_sentences()):
        rarest = min(_whole_words(one), key=lambda word: (counted[word], word), default="")
        by_word.setdefault(rarest, []).append(place)
    return by_word


def _whole_words(sentence: Sentence) -> set[str]:
    """Give the words that have another sign on both sides: no value beside makes them others."""
    return {
        word
        for literal in sentence.literals
        for word in re.findall(rf"(?<=[^A-Za-z]){LETTERS}(?=[^A-Za-z])", literal)
    }


def _sentence(en: str, zh: str) -> Sentence:
    literals = tuple(text for text, *_ in Formatter().parse(en) if text)
    # With few words of its own it is taken for another easily: its values are words, then.
    is_short = sum(map(str.isalpha, "".join(literals))) < FEW_LETTERS
    values = [r"\S+"] if is_short else [r"\s*\S.*?", ".*?"]
    return Sentence(literals, tuple(_pattern(en, value) for value in values), zh)


def _pattern(en: str, value: str) -> re.Pattern[str]:
    parts = list(Formatter().parse(en))
    pattern, seen = "", set[str]()
    for place, (literal, name, _, _) in enumerate(parts):
        pattern += re.escape(literal)
        if name:
            # Of two values with nothing between, the first is all there is.
            is_beside = place + 1 < len(parts) and not parts[place + 1][0]
            taken = ".*" if is_beside else ".*?" if not literal and place else value
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{taken})"
            seen.add(name)
    return re.compile(pattern)


@lru_cache(KEPT)
def in_chinese(text: str) -> str:
    """Say a text in Chinese; one that is in no catalogue stays as it is.

    >>> in_chinese("out is no home: check --home; `wuxing init` makes one")
    'out 不是主目录：请核对 --home；用 `wuxing init` 新建'
    >>> in_chinese("张三 (李四)")
    '张三 (李四)'
    >>> in_chinese("养老 in 2020-03"), in_chinese("Show what is in force today")
    ('养老险 2020-03', 'Show what is in force today')
    """
    if "\n" in text:
        return "\n".join(map(in_chinese, text.split("\n")))
    bare = text.strip(AROUND)
    if not bare:
        return text
    said = messages().get(bare) or min([*_whole(bare), *_in_parts(bare), bare], key=_left)
    before, _, after = text.partition(bare)
    return f"{before}{said}{after}"


def _left(text: str) -> int:
    """Count what is left in English: of several ways to say a text the one with least is meant."""
    return len(WORDS.findall(text))


def _whole(text: str) -> Iterator[str]:
    number, _, rest = text.partition(" ")
    if number.isdecimal() and rest in messages():
        yield f"{number} {messages()[rest]}"
    by_word = _by_word()
    words = {"", *re.findall(LETTERS, text)}
    for place in sorted(place for word in words for place in by_word.get(word, ())):
        sentence = _sentences()[place]
        if all(literal in text for literal in sentence.literals):
            tried = (pattern.fullmatch(text) for pattern in sentence.patterns)
            found = next(filter(None, tried), None)
            if found:
                yield _Filling().vformat(sentence.zh, (), found.groupdict())


def _in_parts(text: str) -> Iterator[str]:
    for sign, said_sign in SIGNS:
        for head, rest in _cuts(text, sign):
            first, then = in_chinese(head), in_chinese(rest)
            if (first, then) != (head, rest):
                yield f"{first}{said_sign}{then}"


def _cuts(text: str, sign: str) -> Iterator[tuple[str, str]]:
    # Of several ways to cut, the one that leaves most in one piece comes first.
    for cut in reversed([*re.finditer(re.escape(sign), text)]):
        yield text[: cut.start()], text[cut.end() :]


class _Filling(Formatter):
    """Fills in what was found: sentences are said, `{state:batch_}` is the word batch_<state>."""

    def format_field(self, value: Any, form: str) -> str:
        """Say one value, or several with commas between."""
        text = str(value).strip()
        if form == "word" or form.endswith("_"):
            prefix = form.removesuffix("word")
            return "、".join(_word(prefix, one) for one in text.split(", "))
        if form == "places":
            return "，".join(map(_place, text.split(", ")))
        return in_chinese(text) if " " in text else text


def _place(text: str) -> str:
    """Say a place of a gate: a sentence, or codes and their counts.

    >>> _place("held 2020-03: 5 and 11 more")
    '暂扣 2020-03: 5，另有 11 项'
    """
    if more := MORE.search(text):
        return f"{_place(text[: more.start()])}，{in_chinese(more[1])}"
    said = in_chinese(text)
    if said != text:
        return said
    named, colon, counts = text.partition(": ")
    return " ".join(_word("", code) for code in named.split(" ")) + colon + counts


def _word(prefix: str, code: str) -> str:
    known = catalogue().get(prefix + "_".join(code.split()))
    return known["zh"] if known else names_of_kinds().get(code) or messages().get(code, code)
