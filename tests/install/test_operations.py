"""The operator's two pages say the same: headings, commands, file names, in the same order."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCS, FOLDER = ROOT / "docs", ROOT / "ops" / "systemd"
ENGLISH, CHINESE = DOCS / "operations.md", DOCS / "operations.zh.md"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HAN = re.compile("[\u4e00-\u9fff]")


def sections(path: Path) -> list[list[str]]:
    """Return per section: its level, code blocks, what is marked as code, links, rows of tables."""
    parts = re.split(r"^(#+) .*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_marks(level, text) for level, text in zip(parts[1::2], parts[2::2], strict=True)]


def _marks(level: str, text: str) -> list[str]:
    told, prose = BLOCK.findall(text), BLOCK.sub("", text)
    rows = re.findall(r"^\|", prose, re.MULTILINE)
    # A translation may turn a sentence round: what is named in it counts, not its place.
    # So does a link to the other page's own language, whose headings are other words.
    prose = re.sub(r"(\.zh)?\.md(#[^)]*)?\)", ".md)", prose)
    named = sorted(re.findall(r"`[^`]+`|<http[^>]+>|\]\((?!operations)[^)]*\)", prose))
    return [level, *told, f"{len(rows)} rows", *named]


def test_both_pages_say_the_same() -> None:
    english, chinese = sections(ENGLISH), sections(CHINESE)
    assert len(english) == len(chinese)
    for number, (one, other) in enumerate(zip(english, chinese, strict=True)):
        assert one == other, f"section {number}"
    assert not HAN.search(ENGLISH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_unit_and_setting_that_is_named_is_shipped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"wuxing(?:-[a-z]+)?\.(?:service|timer|env|sh)", text))
    there = {path.name for path in FOLDER.iterdir()}
    assert named <= there
    # The two services that timers start are enabled by nobody.
    assert there - named == {"wuxing-status.service", "wuxing-backup.service"}


def test_the_scripts_are_read_by_a_shell() -> None:
    for script in FOLDER.glob("*.sh"):
        subprocess.run(["sh", "-n", script], check=True)


def test_installing_without_a_network_is_what_the_makefile_does() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ninstall-offline:")[2]
    recipe = recipe.partition("\n\n")[0]
    block = next(b for b in BLOCK.findall(ENGLISH.read_text(encoding="utf-8")) if "wheelhouse" in b)
    wanted = {word for line in block.splitlines() for word in line.split() if word[:2] == "--"}
    assert wanted - {"--quiet"} <= set(recipe.split())
