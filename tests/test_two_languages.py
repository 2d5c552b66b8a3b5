"""What is written for people stands in English and in Chinese, and both say the same."""

import re
from pathlib import Path

import pytest

from tests.install.test_operations import BLOCK, HAN
from tests.messages import ROOT

PAGES = (
    "README.md",
    "docs/alerts.md",
    "docs/audit.md",
    "docs/authoring.md",
    "docs/commands.md",
    "docs/extracts.md",
    "docs/finance.md",
    "docs/inbox.md",
    "docs/letters.md",
    "docs/scale.md",
)
NAMED = re.compile(r"`[^`]+`|\]\([^)]*\)")


def chinese_of(page: str) -> Path:
    return ROOT / page.replace(".md", ".zh.md")


def sections(path: Path) -> list[list[str]]:
    """Per section: its level, how many rows of tables it has, and all that is named in it."""
    parts = re.split(r"^(#+) .*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_marks(level, text) for level, text in zip(parts[1::2], parts[2::2], strict=True)]


def _marks(level: str, text: str) -> list[str]:
    # What stands in a block is said in both languages: the commands in it are the same.
    blocks = [
        word for block in BLOCK.findall(text) for word in re.findall(r"[\w./-]*wuxing.*?  ", block)
    ]
    prose = BLOCK.sub("", text)
    # A page of its own language is linked to, and headings have their own words.
    named = (re.sub(r"\.zh|#.*(?=\))", "", one) for one in NAMED.findall(prose))
    rows = len(re.findall(r"^\|", prose, re.MULTILINE))
    return [level, *blocks, f"{rows} rows", *sorted(one for one in named if one != "]()")]


@pytest.mark.parametrize("page", PAGES)
def test_both_pages_say_the_same(page: str) -> None:
    english, chinese = sections(ROOT / page), sections(chinese_of(page))
    assert len(english) == len(chinese)
    for number, (one, other) in enumerate(zip(english, chinese, strict=True)):
        assert one == other, f"{page}, section {number}"


@pytest.mark.parametrize("page", PAGES)
def test_the_first_screen_leads_to_the_other_language(page: str) -> None:
    first = "\n".join((ROOT / page).read_text(encoding="utf-8").splitlines()[:6])
    assert f"]({chinese_of(page).name})" in first
    other = "\n".join(chinese_of(page).read_text(encoding="utf-8").splitlines()[:6])
    assert f"]({Path(page).name})" in other


@pytest.mark.parametrize("page", PAGES)
def test_every_paragraph_of_the_chinese_page_is_chinese(page: str) -> None:
    prose = BLOCK.sub("", chinese_of(page).read_text(encoding="utf-8"))
    left = [
        line
        for line in re.sub(r"`[^`]+`|^\[English\].*", "", prose, flags=re.M).splitlines()
        if re.search("[a-z]{4}", line)
    ]
    assert [line for line in left if not HAN.search(line)] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_of_both_pages_lead_somewhere(page: str) -> None:
    for path in (ROOT / page, chinese_of(page)):
        text = path.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", text):
            file = path.parent / target if target else path
            assert file.is_file(), (path.name, target)
            if anchor:
                assert anchor[1:] in _headings(file), (path.name, target, anchor)


def _headings(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return {_anchor(line) for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
