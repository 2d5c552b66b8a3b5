"""What is installed is all of it: each text that rules, templates and words stand in is there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("flows", "transforms", "sql", "expectations", "data_samples")
BESIDE = ("pyproject.toml", "README.md", "requirements.lock", "prefect.yaml", "ops")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own wheel, built of a copy: what is not committed may lie in the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, place / name)
    words = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "."]
    subprocess.run([sys.executable, "-m", "pip", *words], cwd=place, check=True)
    (built,) = place.glob("*.whl")
    return built


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    there = set(zipfile.ZipFile(wheel).namelist())
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    # A town to look at is no part of the program.
    aside = {"__pycache__", "drop", "truth"}
    wanted = {p.relative_to(ROOT).as_posix() for p in files if not aside & set(p.parts)}
    assert not wanted - there
    units = {path.name for path in (ROOT / "ops" / "systemd").iterdir()}
    shared = {Path(name).name for name in there if "/share/wuxing/" in name}
    assert shared == units | {"requirements.lock", "prefect.yaml"}


def test_it_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    program, site = place / "bin" / "wuxing", next(place.glob("lib/*/site-packages"))
    # A checkout on the path must not pass for what is installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    python = ["-m", "pip", "--python", place / "bin" / "python"]
    subprocess.run([sys.executable, *python, *words], env=environment, check=True)
    # The libraries are those of the tests' own environment; its checkout is not seen.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def call(*said: object) -> str:
        done = subprocess.run(
            [program, *map(str, said)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert call("--version").startswith("wuxing ")
    call("init")
    call("sample", "drop", "--persons", "20", "--employers", "3")
    call("ingest", "drop")
    assert "graduate_hire_insurance" in call("policies")
    assert "good  packages" in call("doctor")
