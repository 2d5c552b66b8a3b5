"""Pages on paper: a typst form filled in with content that is data and never a command."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typst

from transforms.errors import DropRefusedError

# Faces for Chinese that machines have, the best first; the form sets its text in the first found.
FACES = (
    *("Noto Sans CJK SC", "Source Han Sans SC", "Noto Serif CJK SC", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "SimSun", "Droid Sans Fallback"),
)
NO_FACE = (
    "this machine has no font for Chinese, so no PDF can be made: install one "
    f"(for example the package fonts-noto-cjk); looked for {', '.join(FACES)}"
)


def pdf_of(form: Path, content: Mapping[str, Any]) -> bytes:
    """Fill a form in: the same content gives the same bytes on the same machine.

    Holds:   the form reads all of it from `sys.inputs.content` as JSON; nothing is put into its
             text, and it has no date and no file but itself
    Raises:  DropRefusedError if the machine has no font for Chinese
    """
    if not has_face():
        raise DropRefusedError(NO_FACE)
    face = next(name for name in FACES if name in _fonts().families())
    inputs = {"content": json.dumps(content, ensure_ascii=False), "face": face}
    made = typst.compile(form.read_bytes(), font_paths=_fonts(), sys_inputs=inputs)
    assert isinstance(made, bytes), "one form makes one file"
    return made


def has_face() -> bool:
    """Say whether this machine has a font for Chinese."""
    return not {*FACES}.isdisjoint(_fonts().families())


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts()
