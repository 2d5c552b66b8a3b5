"""Pages that stand alone: one look, nothing loaded from anywhere, words from the catalogue."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from transforms.amounts import share_in, share_text, yuan_text
from transforms.answers.messages import in_chinese
from transforms.masking import without_long_numbers
from transforms.policies.card_text import value_text
from transforms.words import Said, word, worded

TEMPLATES = Path(__file__).parent / "templates"


def render_page(template: str, **content: Any) -> str:
    """Render a template of templates/; the same content gives the same bytes."""
    return _environment().get_template(template).render(**content)


def place_words(place: str | Said, names: Mapping[str, str]) -> str:
    """Word a place of a gate: the codes that name it, then its counts as they are.

    >>> place_words("held 2020-03: 5 / 7", {}), place_words("held.csv:7", {})
    ('暂扣 2020-03: 5 / 7', 'held.csv:7')
    """
    if isinstance(place, Said):
        return without_long_numbers(worded(place, names=names))
    named, colon, counts = place.partition(": ")
    return " ".join(word(code, names=names) for code in named.split(" ")) + colon + counts


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yuan"] = partial(yuan_text, grouping=",")
    environment.filters["share_in"] = share_in
    environment.filters["share"] = share_text
    environment.filters["word"] = word
    environment.filters["worded"] = worded
    environment.filters["in_chinese"] = in_chinese
    environment.filters["place"] = place_words
    environment.filters["value"] = value_text
    environment.filters["n"] = "{:,}".format
    return environment
