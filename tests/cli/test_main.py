"""The first lines of the program: stopped while it loads, or in a terminal that is no UTF-8."""

import builtins
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.__main__ import main
from tests.faults.bounded import ROOT
from tests.ingest.ingest_drops import csv_text, row, write_drop


def test_who_stops_it_while_it_loads_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = builtins.__import__

    def stop(name: str, *words: Any, **named: Any) -> Any:
        if name == "flows.cli":
            raise KeyboardInterrupt
        return original(name, *words, **named)

    monkeypatch.setattr(builtins, "__import__", stop)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 130
    assert "nothing was changed" in capsys.readouterr().err


@pytest.mark.parametrize("denied", ["MemoryError()", "ImportError('failed to map segment')"])
def test_where_it_cannot_be_loaded_the_machine_is_named(denied: str) -> None:
    code = f"""
import builtins, flows.__main__
loaded = builtins.__import__
def deny(name, *words, **named):
    if name == "flows.cli":
        raise {denied}
    return loaded(name, *words, **named)
builtins.__import__ = deny
flows.__main__.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (ended.returncode, ended.stdout) == (10, "")
    assert "nothing was changed" in ended.stderr and "Traceback" not in ended.stderr


def test_a_slip_in_kinds_yaml_is_told_by_every_command(tmp_path: Path) -> None:
    for room in ("flows", "transforms", "sql", "expectations"):
        (tmp_path / room).symlink_to(ROOT / room)
    (tmp_path / "transforms").unlink()
    shutil.copytree(ROOT / "transforms", tmp_path / "transforms")
    kinds = tmp_path / "transforms" / "extracts" / "kinds.yaml"
    text = kinds.read_text(encoding="utf-8").replace("type: account_no", "type: txt", 1)
    kinds.write_text(text, encoding="utf-8")
    words = ["--lang", "zh", "status", "--home", str(tmp_path / "out")]
    called = [sys.executable, "-m", "flows", *words]
    ended = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = "wuxing: kinds.yaml, column account_no: type: txt is not known here\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (10, "", said)


def test_the_version_is_said_in_the_language_asked_for() -> None:
    called = [sys.executable, "-m", "flows", "--lang", "zh", "--version"]
    told = subprocess.run(called, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "（" in told and "，规则 " in told and "code" not in told and ", " not in told


def test_what_is_written_beside_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    words = ["sample", str(tmp_path / "drop"), "--persons", "20", "--employers", "3"]
    called = [sys.executable, "-m", "flows", "--lang", "zh", *words]
    ended = subprocess.run(called, cwd=ROOT, check=True, capture_output=True, umask=0)
    assert not set("_{'") & set(ended.stdout.decode().replace(str(tmp_path), ""))
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")} == {0}


@pytest.mark.parametrize("encoding", ["ascii", "gb18030"])
def test_file_names_are_read_in_any_locale(tmp_path: Path, encoding: str) -> None:
    drop = write_drop(tmp_path, {"户籍人口.csv": csv_text([row("residents")])})
    ended = subprocess.run(
        [sys.executable, "-m", "flows", "ingest", str(drop), "--home", str(tmp_path / "家")],
        env=os.environ
        | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    # Typer writes UTF-8 where a terminal says that it takes only ASCII.
    shown = ended.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert "户籍人口.csv: 1 rows" in shown
    assert (tmp_path / "家" / "snapshots").is_dir()
