"""Writes, for suppliers, what files of each kind must be like, and workbooks to fill in."""

import json
from pathlib import Path

from expectations.supplier import README, supplier_suites
from flows.store import replace_file
from transforms.answers.template import template_bytes
from transforms.extracts.kinds import KINDS
from transforms.extracts.registers import REGISTERS


def write_suites(folder: Path) -> list[Path]:
    """Write one Great Expectations suite per kind of extract, and how to use them.

    Holds:   the same kinds give the same bytes
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{name}.json": json.dumps(suite, ensure_ascii=False, indent=2) + "\n"
        for name, suite in supplier_suites().items()
    }
    texts["README.md"] = README.read_text(encoding="utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in sorted(texts)]


def write_templates(folder: Path) -> list[Path]:
    """Write one workbook per kind of extract, to be filled in; registers have their own commands.

    Holds:   the same kinds give the same bytes
    """
    own = [register.kind for register in REGISTERS.values()]
    written = []
    for kind in KINDS.values():
        if kind not in own:
            written.append(folder / f"{kind.titles[1]}.xlsx")
            replace_file(written[-1], template_bytes(kind))
    return written
