"""`make amend`: six tasks of a stranger, each on a scratch copy of this checkout, until green.

A task (one .yaml beside this file) is a few files written by hand; docs are made again by one
command; then its tests must be green. Prints files touched and seconds; exits 1 if a task takes
more files than its limit, is not green, or if anything else but docs differs from this checkout.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
TASKS = sorted(Path(__file__).parent.glob("*.yaml"))
LEFT_OUT = (
    *(".git", ".venv", ".*_cache", ".hypothesis", "out", "home", "*.egg-info"),
    # Those of tests that run at the same time, and then go.
    *("*.log", "*.pyc.*"),
)
REGENERATE = ("flows.answers.policy_guide",)
DOCS = "docs/"
WORKERS = 2


@dataclass(frozen=True)
class Amended:
    """What a task came to."""

    task: str
    touched: Sequence[str]
    limit: int
    seconds: float
    wrong: Sequence[str]

    def told(self) -> str:
        verdict = "; ".join(self.wrong) or "green"
        count = f"{len(self.touched)} of at most {self.limit} files by hand"
        return f"  {self.task:<28} {count}   {self.seconds:5.1f} s   {verdict}"


def main() -> int:
    with ThreadPoolExecutor(WORKERS) as pool:
        amended = list(pool.map(amend, TASKS))
    for one in amended:
        print(one.told(), *(f"    {path}" for path in one.touched), sep="\n")
    return 1 if any(one.wrong for one in amended) else 0


def amend(path: Path) -> Amended:
    """Do one task on a scratch copy."""
    task = yaml.safe_load(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "scratch"
        shutil.copytree(ROOT, scratch, ignore=shutil.ignore_patterns(*LEFT_OUT))
        before, started = digests(scratch), time.perf_counter()
        for name, edit in task["edits"].items():
            write(scratch / name, edit)
        failed = [text for text in map(lambda words: run(scratch, words), commands(task)) if text]
        seconds = time.perf_counter() - started
        changed = changes(before, digests(scratch))
    wrong = failed + faults(sorted(task["edits"]), task["limit"], changed)
    return Amended(task["task"], sorted(task["edits"]), task["limit"], seconds, wrong)


def commands(task: Mapping[str, Any]) -> list[list[str]]:
    """List the one that makes the docs again, the SQL lint, and the tests."""
    tests = [["pytest", "-q", "-x", "-p", "no:cacheprovider", *words] for words in task["green"]]
    lints = [["sqlfluff", "lint", name] for name in task["edits"] if name.endswith(".sql")]
    return [list(REGENERATE), *lints, *tests]


def write(path: Path, edit: Mapping[str, str]) -> None:
    """Write a new file, or add to one: after a text that stands in it once, or at its end."""
    if "new" in edit:
        assert not path.exists(), f"{path} is there already"
        path.write_text(edit["new"], encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    if "after" in edit:
        assert text.count(edit["after"]) == 1, f"{path}: {edit['after']!r} stands there not once"
        text = text.replace(edit["after"], edit["after"] + edit["add"])
    path.write_text(text + edit.get("end", ""), encoding="utf-8")


def run(scratch: Path, words: Sequence[str]) -> str:
    """Run a module in the scratch copy; return what it said if it failed."""
    finished = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=scratch,
        env={**os.environ, "PYTHONPATH": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if finished.returncode == 0 else f"{' '.join(words)}:\n{finished.stdout[-3000:]}"


def faults(touched: Sequence[str], limit: int, changed: Sequence[str]) -> list[str]:
    """Say what a task took beyond what it may."""
    others = [name for name in changed if name not in touched and not name.startswith(DOCS)]
    wrong = [f"{len(touched)} files by hand, more than {limit}"] if len(touched) > limit else []
    wrong += [f"{name} is code, not rule or word" for name in touched if name.endswith(".py")]
    return wrong + [f"{name} was made again" for name in others]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


if __name__ == "__main__":
    sys.exit(main())
