"""PDF pages by typst: a template of ours, its content as JSON, fonts of this machine."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from transforms.answers.page import TEMPLATES
from transforms.errors import MachineDeniedError

# The first of these that the machine has; the template names them in the same order.
FONTS = ("Noto Serif CJK SC", "Source Han Serif SC", "SimSun", "Noto Sans CJK SC")
# A fixed stamp: a clock would change the bytes.
MADE_ON = datetime(2020, 1, 1, tzinfo=UTC)


def pdf_of(template: str, content: Mapping[str, Any]) -> bytes:
    """Typeset a template of templates/ with content that it reads as data, never as markup.

    Holds:   the same content on the same machine gives the same bytes
    Raises:  MachineDeniedError if no font here has Chinese
    """
    import typst

    if not set(FONTS) & set(typst.Fonts().families()):
        raise MachineDeniedError(
            f"no font for Chinese is installed (one of {', '.join(FONTS)}): install one, or print "
            "the HTML pages"
        )
    given = {"content": json.dumps(content, ensure_ascii=False), "fonts": json.dumps(FONTS)}
    source = (TEMPLATES / template).read_bytes()
    made: bytes = typst.compile(source, format="pdf", sys_inputs=given, timestamp=MADE_ON)
    return made
