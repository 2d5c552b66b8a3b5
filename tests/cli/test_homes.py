"""A mistyped `--home` is refused by every command that needs a home, and makes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from flows.cli import app
from flows.cli.console import run_command
from transforms.errors import DropRefusedError

# They make a home, or do without one: a file is signed or replayed where there is none.
NEEDS_NONE = {"doctor", "init", "ingest", "key new", "key request", "clerical import"}
NEEDS_NONE |= {"sign", "batch reject", "replay"}


def commands(command: Any, *words: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name, below in command.commands.items():
        yield from commands(below, *words, name)


NEED_ONE = {
    name: command
    for name, command in commands(get_command(app))
    if any("--home" in parameter.opts for parameter in command.params) and name not in NEEDS_NONE
}


@pytest.mark.parametrize("name", NEED_ONE)
def test_a_mistyped_home_is_refused_and_not_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    words = name.split()
    for parameter in NEED_ONE[name].params:
        if parameter.required:
            option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
            words += [*option, str(tmp_path / "file")]
    home = tmp_path / "mistyped"
    assert run_command(app, [*words, "--home", str(home)]) == DropRefusedError.exit_code
    assert f"there is no home {home}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_those_that_need_a_home_are_nearly_all() -> None:
    assert len(NEED_ONE) > 40


@pytest.mark.parametrize("command", ["sign", "batch reject", "replay"])
def test_what_is_no_file_needs_a_home_that_is_there(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, key = tmp_path / "mistyped", ["--role", "reviewer", "--key", str(tmp_path / "key")]
    said = {"sign": key, "batch reject": [*key, "--reason", "x"], "replay": []}[command]
    words = [*command.split(), "B1", *said, "--home", str(home)]
    assert run_command(app, words) == DropRefusedError.exit_code
    assert f"there is no home {home}" in capsys.readouterr().err and not home.exists()
