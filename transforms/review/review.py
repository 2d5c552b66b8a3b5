"""All that a batch is reviewed by, once: the workbook and the page show the same figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from transforms.review.comparison import (
    changed_accounts,
    changed_lines,
    first_payees,
    top_payees,
)
from transforms.review.sums import sums_of


@dataclass(frozen=True)
class Review:
    """A batch, what is known of its parties, the batch before, what was paid, doubts, the sample.

    `parties`: one per party: subject_kind, subject_id, subject_name, town. `last`: batch
    of the fund before (batch_id, as_of, state) with `last_lines`, or None. `paid`, `delivered`:
    accounts known before, one per payee. `parameters`: every number used.
    `held`: lines that reviewers held before, with held_by, held_since, held_reason.
    `failed_checks`: what the run's gates found that stops nothing, as the run says it.
    """

    manifest: Mapping[str, Any]
    digest: str
    instructions: pl.DataFrame
    lines: pl.DataFrame
    unpaid_lines: pl.DataFrame
    parties: pl.DataFrame
    last: Mapping[str, Any] | None
    last_lines: pl.DataFrame
    paid: pl.DataFrame
    delivered: pl.DataFrame
    doubts: pl.DataFrame
    sample: pl.DataFrame
    parameters: Sequence[Mapping[str, Any]]
    held: pl.DataFrame
    failed_checks: Sequence[Mapping[str, Any]]

    @property
    def titles(self) -> Mapping[str, str]:
        """Return the policies' titles."""
        titles: Mapping[str, str] = self.manifest.get("titles", {})
        return titles

    @cached_property
    def sums(self) -> dict[str, pl.DataFrame]:
        """Return the sums by policy, town and employer."""
        return sums_of(self.lines, self.parties, self.titles)

    @cached_property
    def changes(self) -> pl.DataFrame:
        """Return the lines that are new, gone or changed; none if there was no batch before."""
        if self.last is None:
            return changed_lines(self.lines.clear(), self.last_lines)
        return changed_lines(self.lines, self.last_lines)

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """Return the payees whose account is another than before."""
        return changed_accounts(self.instructions, self.paid, self.delivered)

    @cached_property
    def firsts(self) -> pl.DataFrame:
        """Return the payees that were never paid before."""
        return first_payees(self.instructions, self.paid)

    @cached_property
    def top(self) -> pl.DataFrame:
        """Return the payees of the largest sums."""
        return top_payees(self.instructions)
