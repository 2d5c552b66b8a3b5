"""Writes, for suppliers, what files of each kind must be like, and workbooks to fill in."""

import json
from collections.abc import Mapping
from pathlib import Path

from expectations.supplier import README, supplier_suites
from flows.store import replace_file
from transforms.answers.template import template_bytes
from transforms.errors import DropRefusedError
from transforms.extracts.kinds import KINDS
from transforms.extracts.registers import REGISTERS


def write_suites(folder: Path) -> list[Path]:
    """Write one Great Expectations suite per kind of extract, and how to use them.

    Holds:   the same kinds give the same bytes
    Raises:  DropRefusedError if another file of such a name is there
    """
    texts = {
        f"{name}.json": json.dumps(suite, ensure_ascii=False, indent=2) + "\n"
        for name, suite in supplier_suites().items()
    }
    texts["README.md"] = README.read_text(encoding="utf-8")
    return _put(folder, {name: texts[name].encode() for name in sorted(texts)})


def write_templates(folder: Path) -> list[Path]:
    """Write one workbook per kind of extract, to be filled in; registers have their own commands.

    Holds:   the same kinds give the same bytes
    Raises:  DropRefusedError if another file of such a name is there: one that was filled in
    """
    own = [register.kind for register in REGISTERS.values()]
    kinds = [kind for kind in KINDS.values() if kind not in own]
    return _put(folder, {f"{kind.titles[1]}.xlsx": template_bytes(kind) for kind in kinds})


def _put(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    for name, content in files.items():
        target = folder / name
        if target.exists() and target.read_bytes() != content:
            raise DropRefusedError(f"{target} is there already: nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        replace_file(folder / name, content)
    return [folder / name for name in files]
