"""PDF pages by typst: a template of ours, its content as JSON, fonts of this machine."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from transforms.answers.page import TEMPLATES
from transforms.errors import MachineDeniedError

# The first of these that the machine has; every template is given all of them.
FONTS = ("Noto Serif CJK SC", "Source Han Serif SC", "SimSun", "Noto Sans CJK SC")
NO_FONT = (
    f"no font for Chinese is installed (one of {', '.join(FONTS)}), so no PDF was made: install one"
)
# A fixed stamp: a clock would change the bytes.
MADE_ON = datetime(2020, 1, 1, tzinfo=UTC)


def pdf_of(template: str, content: Mapping[str, Any]) -> bytes:
    """Typeset a template of templates/ with content that it reads as data, never as markup.

    Holds:   the same content on the same machine gives the same bytes
    Raises:  MachineDeniedError if no font here has Chinese
    """
    import typst

    if not has_font():
        raise MachineDeniedError(f"{NO_FONT}, or print the HTML pages")
    given = {"content": json.dumps(content, ensure_ascii=False), "fonts": json.dumps(FONTS)}
    source = (TEMPLATES / template).read_bytes()
    made: bytes = typst.compile(
        source, format="pdf", font_paths=_fonts(), sys_inputs=given, timestamp=MADE_ON
    )
    return made


def has_font() -> bool:
    """Say whether this machine has a font for Chinese."""
    return bool(set(FONTS) & set(_fonts().families()))


@cache
def _fonts() -> Any:
    import typst

    return typst.Fonts()
