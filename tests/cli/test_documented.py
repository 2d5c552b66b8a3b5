"""Every command that the docs name exists, and every command is in the docs."""

import re
from pathlib import Path

import click
import pytest
import typer

from flows.cli import app

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [*PAGES, *sorted((ROOT / "expectations").glob("*/suite.yaml"))]
TEXTS += sorted((ROOT / "expectations").glob("*.md"))
NAMED = re.compile(r"\bwuxing ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)(?![a-z_.-])")


def commands() -> dict[str, set[str]]:
    """Return the commands, and of groups the commands in them."""
    program = typer.main.get_command(app)
    assert isinstance(program, click.Group) or hasattr(program, "commands")
    return {name: set(getattr(made, "commands", {})) for name, made in program.commands.items()}


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_command_that_is_named_exists(page: Path) -> None:
    known = commands()
    for named in NAMED.findall(page.read_text(encoding="utf-8")):
        name, _, after = named.partition(" ")
        assert name in known, f"{page.name}: there is no command `wuxing {name}`"
        if known[name] and after:
            assert after in known[name], f"{page.name}: there is no `wuxing {named}`"


def test_every_command_is_in_the_docs() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = [name for name in commands() if f"wuxing {name}" not in text]
    assert not missing
