"""The thresholds of the gates, read from the YAML files beside this module."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from transforms.digest import content_digest
from transforms.errors import ContractError
from transforms.gates import BOUNDARIES, Severity

FOLDER = Path(__file__).parent
REQUIRED_WORDS = frozenset({"check", "title", "severity", "reason", "action"})
TOLERANCE_WORDS = frozenset({"max_failed", "max_failed_permille"})
ALLOWED_WORDS = REQUIRED_WORDS | TOLERANCE_WORDS | {"parameters", "needs"}


@dataclass(frozen=True)
class Threshold:
    """One check's tolerance, and the reason for it.

    `parameters` go to the measuring SQL; `needs` are tables that a run may rightly not have.
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
    """The thresholds of one boundary, in the order in which they are shown."""

    boundary: str
    title: str
    thresholds: tuple[Threshold, ...]


@cache
def load_suite(boundary: str) -> Suite:
    """Read the thresholds of one boundary.

    Raises:  ContractError if the boundary is unknown or its file is not as promised
    """
    if boundary not in BOUNDARIES:
        raise ContractError(f"there is no boundary {boundary!r}, only {', '.join(BOUNDARIES)}")
    text = (FOLDER / f"{boundary}.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    thresholds = tuple(_threshold(boundary, entry) for entry in content["checks"])
    names = [threshold.check for threshold in thresholds]
    if len(set(names)) != len(names):
        raise ContractError(f"expectations/{boundary}.yaml has a check twice")
    return Suite(boundary, content["title"], thresholds)


def thresholds_digest() -> str:
    """Return the digest over all thresholds: they decide whether a run stops."""
    return content_digest(
        {name: (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") for name in BOUNDARIES}
    )


def _threshold(boundary: str, entry: Mapping[str, Any]) -> Threshold:
    words = set(entry)
    where = f"expectations/{boundary}.yaml, check {entry.get('check')!r}"
    if REQUIRED_WORDS - words or words - ALLOWED_WORDS:
        odd = sorted((REQUIRED_WORDS - words) | (words - ALLOWED_WORDS))
        raise ContractError(f"{where}: missing or unknown words {', '.join(odd)}")
    if not words & TOLERANCE_WORDS:
        raise ContractError(f"{where}: no threshold")
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
    )


def _whole_number(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ContractError(f"{where}: a threshold must be a whole number, found {value!r}")
    return value
