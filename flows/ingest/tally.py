"""What the files of one kind came to: counts, the table in the making, what fell out and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from flows.ingest.files import RawFile
from flows.ingest.tables import TableWriter
from transforms.extracts.kinds import Kind
from transforms.words import Said


@dataclass
class FileTally:
    """What one file came to; `amount_fen` is what a delivery note would state, None if nothing.

    `part`: the number of its part of the table, 0 if it shares one. `links`: what clerks' decisions
    came to for its damaged rows.
    """

    raw: RawFile
    part: int = 0
    rows: int = 0
    totals_rows: int = 0
    quarantined: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    stated: list[tuple[int, dict[str, int | None]]] = field(default_factory=list)
    emptied: Counter[str] = field(default_factory=Counter)
    quarantine: list[pl.DataFrame] = field(default_factory=list)
    repairs: list[pl.DataFrame] = field(default_factory=list)
    findings: list[tuple[str, str, Said]] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)
    late: list[pl.DataFrame] = field(default_factory=list)
    damaged: list[pl.DataFrame] = field(default_factory=list)
    linked: list[pl.DataFrame] = field(default_factory=list)
    links: list[list[Any]] = field(default_factory=list)

    @property
    def amount_fen(self) -> int | None:
        """Return the sum that a delivery note states for this kind; None if it states none."""
        assert self.raw.file.kind is not None
        names = self.raw.file.kind.note_sums
        return sum(self.sums.get(name, 0) for name in names) if names else None


@dataclass
class KindTally:
    """What the files of one kind came to."""

    kind: Kind
    table: TableWriter
    files: list[FileTally] = field(default_factory=list)
    settled: list[pl.DataFrame] = field(default_factory=list)
    notes_on_lists: list[Said] = field(default_factory=list)

    def quarantine(self) -> list[pl.DataFrame]:
        """Give what fell file by file, then what fell once all rows were read."""
        return [*(frame for file in self.files for frame in file.quarantine), *self.settled]

    def notes(self) -> list[Said]:
        """Give what is to be said of the files, then of the lists in them."""
        return [*(note for file in self.files for note in file.notes), *self.notes_on_lists]

    def late(self) -> pl.DataFrame:
        """Give the rows that another extract speaks against, with rule and blamed column."""
        frames = [frame for file in self.files for frame in file.late]
        return pl.concat(frames) if frames else pl.DataFrame()
