"""What a gate found: one outcome per check, one per boundary, in plain values a report can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
Status = Literal["passed", "failed", "errored"]
Worst = Literal["passed", "warning", "critical"]

BOUNDARIES = ("extracts", "snapshot", "determinations", "entitlements", "batch")


@dataclass(frozen=True)
class CheckOutcome:
    """One check of one boundary; `bad_rows` are file:line or counts, never ids or names."""

    check: str
    title: str
    severity: Severity
    status: Status
    checked_count: int
    failed_count: int
    allowed_count: int
    threshold: str
    reason: str
    action: str
    bad_rows: tuple[str, ...] = ()
    note: str = ""

    @property
    def stops_run(self) -> bool:
        """Tell whether the run must stop: a check that could not be made proves nothing."""
        return self.status == "errored" or (self.status == "failed" and self.severity == "critical")


@dataclass(frozen=True)
class GateOutcome:
    """All checks of one boundary; `worst` is the worst failure that the judge saw."""

    boundary: str
    title: str
    checks: tuple[CheckOutcome, ...]
    worst: Worst

    @property
    def stops_run(self) -> bool:
        """Tell whether any check of this boundary stops the run."""
        return self.worst == "critical"


def failures_first(gates: Sequence[GateOutcome]) -> list[tuple[GateOutcome, CheckOutcome]]:
    """List every check that did not pass, those that stop the run first."""
    failures = [
        (gate, check) for gate in gates for check in gate.checks if check.status != "passed"
    ]
    return sorted(failures, key=lambda pair: not pair[1].stops_run)
