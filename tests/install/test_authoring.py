"""The rule author's page shows what `make amend` does, and says every word of a card."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.amend.__main__ import ROOT, TASKS
from tests.install.test_operations import BLOCK
from transforms.policies import card_form
from transforms.policies.parameters import BOUND_DAYS

PAGES = [ROOT / "docs" / name for name in ("authoring.md", "authoring.zh.md")]
EXAMPLE = re.compile(r"\[([\w/.]+)\]\n(.*)", re.DOTALL)
WORDS = {
    *(*card_form.MUST_SAY, *card_form.MAY_SAY, *card_form.LIST_SAYS, *card_form.PARTIES),
    *(*card_form.KINDS_OF_POLICY, *card_form.PERIODS, *card_form.SIDES_OF_ROLE, *BOUND_DAYS),
    *(*card_form.NEEDED_MONTHS, *card_form.ROW_MONTHS, "limit", "turn", "order", "series"),
}


def examples(page: Path) -> Iterator[tuple[str, str]]:
    """Give each example of a page: whose file it is of, and its lines."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if found := EXAMPLE.match(block):
            yield found[1], found[2]


def left_out(lines: str, whole: str) -> list[str]:
    """Return the lines of an example that do not stand in its file in this order."""
    there = iter(line.strip() for line in whole.splitlines())
    return [line for line in lines.splitlines() if line.strip() not in there]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_example_is_one_that_is_tried(page: Path) -> None:
    edits: dict[str, str] = {}
    for task in TASKS:
        for name, edit in yaml.safe_load(task.read_text(encoding="utf-8"))["edits"].items():
            edits[name] = edits.get(name, "") + "\n".join(edit.values())
    shown = list(examples(page))
    assert len(shown) >= 6
    assert [(name, line) for name, text in shown for line in left_out(text, edits[name])] == []
    named = re.findall(r"`tests/amend/(\w+)\.yaml`", page.read_text(encoding="utf-8"))
    assert set(named) >= {task.stem for task in TASKS} - {"amount"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_word_of_a_card_is_said(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}
    assert WORDS - said == set()


def test_a_planted_line_is_noticed() -> None:
    assert left_out("a\n  c\n", "a\nb\nc\n") == []
    assert left_out("a\nd\n", "a\nb\nc\n") == ["d"]
