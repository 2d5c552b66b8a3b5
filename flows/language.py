"""In which language a person is spoken to: Chinese where the environment says so, else English."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from transforms.messages import in_chinese
from transforms.words import LANGUAGES, Language

# As for every program on the machine, but one may be set for this one alone.
VARIABLE = "WUXING_LANG"
VARIABLES = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
OPTION = "--lang"


def language() -> Language:
    """Return the language asked for."""
    asked = next(filter(None, map(os.environ.get, VARIABLES)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


def said(text: str) -> str:
    """Say an English text of the program in the language asked for."""
    return in_chinese(text) if language() == "zh" else text


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
    for place, word in enumerate(arguments):
        if word == OPTION:
            return next(iter(arguments[place + 1 :]), None)
        if word.startswith(f"{OPTION}="):
            return word.partition("=")[2]
        if not word.startswith("-"):
            return None
    return None


def _holds_chinese(stream: TextIO | None) -> bool:
    try:
        "无形".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
