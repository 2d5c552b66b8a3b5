"""Pages that stand alone: one look, nothing loaded from anywhere, words from the catalogue."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from transforms.amounts import share_in, share_text, yuan_text
from transforms.answers.messages import in_chinese
from transforms.masking import without_long_numbers
from transforms.policies.card_text import kind_word, value_text
from transforms.words import Said, place_words, word, worded

TEMPLATES = Path(__file__).parent / "templates"


def render_page(template: str, **content: Any) -> str:
    """Render a template of templates/; the same content gives the same bytes."""
    return _environment().get_template(template).render(**content)


def _place(place: str | Said, names: Mapping[str, str]) -> str:
    if isinstance(place, Said):
        return without_long_numbers(worded(place, names=names))
    return place_words(place, names)


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
    environment.filters["place"] = _place
    environment.filters["value"] = value_text
    environment.filters["kind_word"] = kind_word
    environment.filters["n"] = "{:,}".format
    return environment
