"""The suites of the gates: `<boundary>/suite.yaml`, and one SQL file for each check that has one.

A check is measured by its SQL (`<boundary>/<check>.sql`, bad rows out) and has a tolerance, or it
is a list of expectations that Great Expectations holds against a frame, and then none may fail.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from transforms.digest import content_digest
from transforms.errors import ContractError
from transforms.gates import BOUNDARIES, Severity
from transforms.strict_yaml import read_yaml

FOLDER = Path(__file__).parent
REQUIRED_WORDS = frozenset({"check", "title", "severity", "reason", "action"})
TOLERANCE_WORDS = frozenset({"max_failed", "max_failed_permille"})
SQL_WORDS = REQUIRED_WORDS | TOLERANCE_WORDS | {"parameters", "needs"}
EXPECTING_WORDS = REQUIRED_WORDS | {"frame", "expect"}
# Great Expectations computes a condition as if it were a program: it says which rows, no more.
CONDITION = re.compile(r'\w+ in \["\w+"(, "\w+")*\]')
TOTALS = "totals"
COUNTS = "counts"


@dataclass(frozen=True)
class Threshold:
    """One check's tolerance, and the reason for it.

    `parameters` go to the measuring SQL; `needs` are tables that a run may rightly not have;
    `expect` are the expectations held against `frame`, each with its type and arguments: none
    where the frame is COUNTS, of which one expectation judges all rows.
    """

    check: str
    title: str
    severity: Severity
    max_failed: int
    max_failed_permille: int
    reason: str
    action: str
    parameters: Mapping[str, Any]
    needs: tuple[str, ...]
    frame: str
    expect: tuple[Mapping[str, Any], ...]

    def allowed_count(self, checked_count: int) -> int:
        """Return how many of the checked may fail: the larger of the count and the share.

        Holds:   failed <= the share's part exactly when failed * 1000 <= permille * checked
        """
        return max(self.max_failed, self.max_failed_permille * checked_count // 1000)

    @property
    def text(self) -> str:
        """Say the tolerance in a few words."""
        if not self.max_failed_permille:
            return f"≤ {self.max_failed}"
        share = f"≤ {self.max_failed_permille}‰"
        return f"{share}（或 ≤ {self.max_failed}）" if self.max_failed else share


@dataclass(frozen=True)
class Suite:
    """The thresholds of one boundary, in the order in which they are shown.

    Those whose frame is COUNTS are measured by SQL.
    """

    boundary: str
    title: str
    thresholds: tuple[Threshold, ...]

    @property
    def frames(self) -> tuple[str, ...]:
        """Name the frames that expectations of this suite are held against."""
        return tuple(sorted({threshold.frame for threshold in self.thresholds} - {COUNTS}))


@cache
def load_suite(boundary: str) -> Suite:
    """Read the thresholds of one boundary.

    Raises:  ContractError if the boundary is unknown or its file is not as promised
    """
    if boundary not in BOUNDARIES:
        raise ContractError(f"there is no boundary {boundary!r}, only {', '.join(BOUNDARIES)}")
    content = read_yaml((FOLDER / boundary / "suite.yaml").read_text(encoding="utf-8"))
    thresholds = tuple(_threshold(boundary, entry) for entry in content["checks"])
    names = [threshold.check for threshold in thresholds]
    if len(set(names)) != len(names):
        raise ContractError(f"expectations/{boundary}/suite.yaml has a check twice")
    return Suite(boundary, content["title"], thresholds)


@cache
def check_sql(boundary: str, check: str) -> str:
    """Return the SQL that measures a check; of `totals`, what the boundary's frames come to.

    Returns nothing where there is no such file.
    """
    path = FOLDER / boundary / f"{check}.sql"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def thresholds_digest() -> str:
    """Return the digest over all suites and their SQL: they decide whether a run stops."""
    files = [
        path
        for boundary in BOUNDARIES
        for pattern in ("*.yaml", "*.sql")
        for path in sorted((FOLDER / boundary).glob(pattern))
    ]
    return content_digest(
        {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in files}
    )


def _threshold(boundary: str, entry: Mapping[str, Any]) -> Threshold:
    words = set(entry)
    where = f"expectations/{boundary}/suite.yaml, check {entry.get('check')!r}"
    allowed = EXPECTING_WORDS if "expect" in words else SQL_WORDS
    if REQUIRED_WORDS - words or words - allowed:
        odd = sorted((REQUIRED_WORDS - words) | (words - allowed))
        raise ContractError(f"{where}: missing or unknown words {', '.join(odd)}")
    if not words & (TOLERANCE_WORDS | {"frame"}):
        raise ContractError(f"{where}: neither a threshold nor a frame")
    if entry["severity"] not in ("critical", "warning"):
        raise ContractError(f"{where}: severity must be critical or warning")
    return Threshold(
        check=entry["check"],
        title=entry["title"],
        severity=entry["severity"],
        max_failed=_whole_number(where, entry.get("max_failed", 0)),
        max_failed_permille=_whole_number(where, entry.get("max_failed_permille", 0)),
        reason=entry["reason"].strip(),
        action=entry["action"].strip(),
        parameters=dict(entry.get("parameters", {})),
        needs=tuple(entry.get("needs", ())),
        frame=entry.get("frame", COUNTS),
        expect=tuple(_each_column(entry.get("expect", ()))),
    )


def _each_column(expected: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Spell out what is expected of several `columns`: once for each."""
    for entry in expected:
        condition = entry.get("row_condition")
        if condition is not None and not CONDITION.fullmatch(str(condition)):
            raise ContractError(f'a row_condition says `column in ["a", "b"]`, not {condition!r}')
        rest = {word: value for word, value in entry.items() if word != "columns"}
        named = [{"column": column} for column in entry.get("columns", ())]
        yield from ({**rest, **column} for column in named or [{}])


def _whole_number(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ContractError(f"{where}: a threshold must be a whole number, found {value!r}")
    return value
