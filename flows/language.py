"""In which language a person is spoken to: Chinese where the environment says so, else English."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from transforms.answers.messages import in_chinese
from transforms.extracts.kinds import names_of_kinds
from transforms.words import BETWEEN, LANGUAGES, Language, word

# As for every program on the machine, but one may be set for this one alone.
VARIABLE = "WUXING_LANG"
VARIABLES = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
OPTION = "--lang"
ID = re.compile("[a-z]+(?:_[a-z]+)+")


def language() -> Language:
    """Return the language asked for."""
    asked = next(filter(None, map(os.environ.get, VARIABLES)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


def said(text: str) -> str:
    """Say an English text of the program in the language asked for."""
    return in_chinese(text) if language() == "zh" else text


def policy_word(policy_id: str) -> str:
    """Return a policy's title in Chinese, else its id; what is no policy's is a code of its own."""
    return word(policy_id, language(), policy_titles())


def warned(warnings: Iterable[str]) -> list[str]:
    """Say each of the warnings in a line; where Chinese is spoken, policies by their titles."""
    return [f"warning: {with_titles(one)}" for one in warnings]


def with_titles(text: str) -> str:
    """Put titles for the ids of policies in a text, where Chinese is spoken."""
    known = policy_titles() if language() == "zh" else {}
    return ID.sub(lambda found: known.get(found[0], found[0]), text)


def policy_titles() -> dict[str, str]:
    """Return the titles of the policies by their ids."""
    from sql.texts import policy_cards

    return {name: card.title for name, card in policy_cards().items()}


def headings(*codes: str) -> list[str]:
    """Word what stands above columns in the language asked for."""
    return [word(code, language()) for code in codes]


def counted(counts: Mapping[str, int]) -> str:
    """Write how many of each there are, the codes in words."""
    spoken = language()
    told = (f"{word(code, spoken, names_of_kinds())} {n:,}" for code, n in counts.items())
    return BETWEEN[spoken].join(told) or word("none", spoken)


@contextmanager
def speaking(arguments: list[str], *streams: TextIO | None) -> Iterator[None]:
    """Speak as a command line asks for; English where a stream can't hold Chinese."""
    before = os.environ.get(VARIABLE)
    asked = asked_in(arguments)
    if asked in LANGUAGES:
        os.environ[VARIABLE] = asked
    if language() == "zh" and not all(map(_holds_chinese, streams)):
        os.environ[VARIABLE] = "en"
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def asked_in(arguments: list[str]) -> str | None:
    """Read the language before a command.

    >>> asked_in(["--lang", "zh", "run"]), asked_in(["--lang=en"]), asked_in(["run", "--lang"])
    ('zh', 'en', None)
    """
    for place, given in enumerate(arguments):
        if given == OPTION:
            return next(iter(arguments[place + 1 :]), None)
        if given.startswith(f"{OPTION}="):
            return given.partition("=")[2]
        if not given.startswith("-"):
            return None
    return None


def _holds_chinese(stream: TextIO | None) -> bool:
    try:
        "无形".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
