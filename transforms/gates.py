"""What a gate found: one outcome per check, one per boundary, in plain values a report can show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from transforms.masking import without_long_numbers
from transforms.words import Said, said_of

Severity = Literal["critical", "warning"]
Status = Literal["passed", "failed", "errored"]
Worst = Literal["passed", "warning", "critical"]

BOUNDARIES = ("extracts", "snapshot", "determinations", "entitlements", "batch")
MAX_PLACES = 200
# The only columns of a bad row that are ever shown: none of them says who somebody is.
PLACES = (
    *("batch_id", "fund", "kind", "source_file", "rule", "policy_id", "period", "status"),
    *("reason", "insurance", "month", "total", "detail"),
)
FIGURES = ("_count", "_fen")
# Of two figures the second is what became of the first; else it is what the first is part of.
BECAME = ("now_count", "next_count")


@dataclass(frozen=True)
class Measure:
    """What one check counted; no counts mean that it could not be taken, and `note` says why."""

    check: str
    checked_count: int | None = None
    failed_count: int | None = None
    bad_rows: pl.DataFrame | None = field(default=None, repr=False, compare=False)
    note: Said | None = None


@dataclass(frozen=True)
class CheckOutcome:
    """One check of one boundary; `places` are file:line or counts, never ids or names.

    `bad_rows` are all rows that failed, for the run's folder alone: they may name persons.
    """

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
    places: tuple[str | Said, ...] = ()
    note: Said | None = None
    bad_rows: pl.DataFrame | None = field(default=None, repr=False, compare=False)

    @property
    def stops_run(self) -> bool:
        """Tell whether the run must stop: a check that could not be made proves nothing."""
        return self.status == "errored" or (self.status == "failed" and self.severity == "critical")


@dataclass(frozen=True)
class GateOutcome:
    """All checks of one boundary; `worst` is the worst failure among them."""

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


def gate_warnings(gates: Sequence[GateOutcome], read_by: Mapping[str, Sequence[str]]) -> list[Said]:
    """Say which checks failed that stop nothing, and which policies read what they failed on.

    Rows:    read_by  the policies that ran, by kind and by insurance
    """
    told = []
    for _, check in failures_first(gates):
        bad = check.bad_rows if check.bad_rows is not None else pl.DataFrame()
        names = [name for one in ("kind", "insurance") if one in bad.columns for name in bad[one]]
        policies = sorted({policy for name in names for policy in read_by.get(name, ())})
        counts = {"failed": check.failed_count, "checked": check.checked_count}
        said = counts | {"check": check.check, "title": check.title, "places": list(check.places)}
        if check.stops_run:
            continue
        if policies:
            told.append(Said("check_failed_touching", said | {"policies": policies}))
        else:
            told.append(Said("check_failed_at" if check.places else "check_failed", said))
    return told


def check_frames(gates: Sequence[GateOutcome]) -> dict[str, pl.DataFrame]:
    """Name the bad rows of every check that has any: `checks/<check>`."""
    return {
        f"checks/{check.check}": check.bad_rows
        for gate in gates
        for check in gate.checks
        if check.bad_rows is not None and check.bad_rows.height
    }


def places_of(bad_rows: pl.DataFrame) -> tuple[str | Said, ...]:
    """Say where to look: what a finding said, file:line, or counts by group; at most MAX_PLACES.

    Holds:   only columns of PLACES are shown; the figures of a row only if nothing else is in it

    >>> places_of(pl.DataFrame({"fund": ["f", "f"], "account_no": ["62", "63"]}))
    ('f: 2',)
    >>> places_of(pl.DataFrame({"kind": ["deaths"], "bad_count": [60], "row_count": [120]}))
    ('deaths: 60 / 120',)
    >>> places_of(pl.DataFrame({"month": [202003], "person_count": [446], "next_count": [1639]}))
    ('202003: 446 → 1639',)
    """
    if "said" in bad_rows.columns:
        # A snapshot of before 0.2.0 has findings in English only.
        rows_said = bad_rows.select("said", "detail").head(MAX_PLACES).iter_rows()
        return tuple(said_of(json.loads(said)) if said else detail for said, detail in rows_said)
    if {"source_file", "source_line"} <= set(bad_rows.columns):
        lines = bad_rows.select("source_file", "source_line").unique()
        lines = lines.sort("source_file", "source_line").head(MAX_PLACES)
        return tuple(f"{without_long_numbers(file)}:{line}" for file, line in lines.iter_rows())
    groups = [name for name in PLACES if name in bad_rows.columns]
    figures = [name for name in bad_rows.columns if name.endswith(FIGURES)]
    if len(groups) + len(figures) == bad_rows.width:
        shown = bad_rows.select(*groups, *figures)
    else:
        shown = bad_rows.group_by(groups).len() if groups else bad_rows.select(pl.len())
    rows = shown.sort(shown.columns).head(MAX_PLACES).iter_rows()
    sign = " → " if shown.columns[-1] in BECAME else " / "
    return tuple(_place(row[: len(groups)], row[len(groups) :], sign) for row in rows)


def _place(words: Sequence[object], figures: Sequence[object], sign: str) -> str:
    said = (without_long_numbers(" ".join(map(str, words)).strip()), sign.join(map(str, figures)))
    return ": ".join(part for part in said if part)
