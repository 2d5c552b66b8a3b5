"""Which program this is: its version, its code, its libraries, and every text it goes by."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flows.store import file_digest
from transforms.digest import content_digest

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "transforms", "sql", "expectations")
# What decides and is no code: rules, cards, checks, kinds of extract, banks' formats.
DECIDING = (
    *("sql/**/*.sql", "sql/**/*.yaml", "expectations/**/*.sql", "expectations/**/*.yaml"),
    *("transforms/extracts/kinds.yaml", "transforms/payments/profiles/*.toml"),
)
FOLDERS_AND_NAME = re.compile(r"(\w+/)+[\w.-]+")
COMPILED = "__pycache__"
LIBRARIES = (
    *("chinesecalendar", "cryptography", "duckdb", "great-expectations", "lxml", "numpy"),
    *("pandas", "polars", "pyarrow", "python-calamine", "splink", "sqlglot", "xlsxwriter"),
)
LOCK = "requirements.lock"


@cache
def program() -> dict[str, Any]:
    """Return which program this is: nothing personal, no clock.

    Holds:   `commit` is empty where there is no checkout
    """
    lock = lock_path()
    return {
        "version": version("wuxing"),
        "commit": commit(),
        "code_digest": code_digest(),
        "lock_digest": file_digest(lock) if lock.is_file() else "",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def made_by_this_program(run: Mapping[str, Any]) -> bool:
    """Say whether a run was computed by the code and the libraries of today.

    Rows:    run  its manifest
    """
    made_by, today = run.get("made_by") or {}, program()
    return all(made_by.get(name) == today[name] for name in ("code_digest", "python", "libraries"))


def lock_path() -> Path:
    """Return where the exact versions stand: in the checkout, else beside what was installed."""
    kept = ROOT / LOCK
    return kept if kept.is_file() else Path(sys.prefix) / "share" / "wuxing" / LOCK


def commit() -> str:
    """Return the commit of the checkout; empty if it is none, or there is no git to ask."""
    return _git("rev-parse", "HEAD")


def _git(*asked: str) -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return ""
    words = [git, "--no-optional-locks", "-C", str(ROOT), *asked]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def code_digest() -> str:
    """Return the digest over every file of the product that is neither compiled nor a rule.

    Holds:   rules have their own: each run keeps them whole
    """
    found = (path for name in PACKAGES for path in (ROOT / name).rglob("*"))
    paths = {p.relative_to(ROOT).as_posix(): p for p in found if COMPILED not in p.parts}
    code = paths.keys() - deciding_texts().keys()
    return content_digest(
        {name: file_digest(paths[name]) for name in code if paths[name].is_file()}
    )


def version_line() -> str:
    """Say which program this is, as `wuxing --version` does: all its files are in a digest."""
    made = program()
    digests = made["code_digest"], content_digest(deciding_texts())
    code, rules = (digest[:12] for digest in digests)
    known = [f"commit {made['commit'][:12]}"] if made["commit"] else []
    known += ["changed since"] if _git("status", "--porcelain", "--", *PACKAGES) else []
    known += [f"code {code}", f"rules {rules}"]
    return f"wuxing {made['version']} ({', '.join(known)})"


@cache
def deciding_texts() -> dict[str, str]:
    """Return every text that decides, by its path in the project."""
    paths = sorted({path for form in DECIDING for path in ROOT.glob(form)})
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def decides(path: str) -> bool:
    """Say whether a path is one of a text that decides: nothing that is run as a program.

    >>> [decides(f"sql/{name}") for name in ("policies/a.sql", "a.py", "a.py/a.sql", "../a.sql")]
    [True, False, False, False]
    """
    forms = (form.replace("**/", "*") for form in DECIDING)
    is_plain = FOLDERS_AND_NAME.fullmatch(path) is not None
    return is_plain and any(fnmatchcase(path, form) for form in forms)
