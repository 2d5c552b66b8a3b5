"""Writes, for suppliers, what the files of each kind of extract must be like."""

import json
from pathlib import Path

from expectations.supplier import README, supplier_suites


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
