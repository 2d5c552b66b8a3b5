"""What a reform would cost, and whom it would reach: sums by policy, fund, month and town."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.audit.changes import KEY

BENEFICIARY = ["beneficiary_kind", "beneficiary_id"]
DIMENSIONS = ("policy_id", "fund", "period", "town")
# Cells of fewer beneficiaries are not shown: who they are could be told.
SMALLEST = 5
SUPPRESSED = f"<{SMALLEST}"


def effect(
    base: pl.DataFrame, reform: pl.DataFrame, funds: Mapping[str, str], towns: pl.DataFrame
) -> dict[str, Any]:
    """Compare what is due by the law in force and by a reform.

    Rows:    base, reform  entitlements of one night
             towns         beneficiary_kind, beneficiary_id, town
    Units:   fen
    Holds:   the differences of every dimension add up to the whole; small cells are suppressed,
             and a second one with a single small cell
    """
    paired = _paired(base, reform)
    paired = paired.with_columns(
        pl.col("policy_id").replace_strict(funds, default="", return_dtype=pl.String).alias("fund")
    ).join(towns, on=BENEFICIARY, how="left", validate="m:1")
    paired = paired.with_columns(pl.col("town").fill_null(""))
    people = paired.group_by(BENEFICIARY).agg(pl.col("was_fen").sum(), pl.col("is_fen").sum())
    changed = paired.filter(pl.col("was_fen") != pl.col("is_fen"))
    return {
        "rows_changed": changed.height,
        "was_fen": int(paired["was_fen"].sum()),
        "is_fen": int(paired["is_fen"].sum()),
        "difference_fen": int(paired["is_fen"].sum()) - int(paired["was_fen"].sum()),
        "winners": _count(people, pl.col("is_fen") > pl.col("was_fen")),
        "losers": _count(people, pl.col("is_fen") < pl.col("was_fen")),
        "unchanged": _count(people, pl.col("is_fen") == pl.col("was_fen")),
        "newly_reached": _count(people, (pl.col("was_fen") == 0) & (pl.col("is_fen") > 0)),
        "by": {name: suppressed(_cells(changed, name)) for name in DIMENSIONS},
    }


def _paired(base: pl.DataFrame, reform: pl.DataFrame) -> pl.DataFrame:
    was = base.select(*KEY, pl.col("due_fen").alias("was_fen"))
    now = reform.select(*KEY, pl.col("due_fen").alias("is_fen"))
    both = was.join(now, on=KEY, how="full", coalesce=True, validate="1:1")
    return both.with_columns(pl.col("was_fen", "is_fen").fill_null(0))


def _count(people: pl.DataFrame, which: pl.Expr) -> int:
    return people.filter(which).height


def _cells(changed: pl.DataFrame, dimension: str) -> list[dict[str, Any]]:
    cells = changed.group_by(dimension).agg(
        pl.struct(BENEFICIARY).n_unique().alias("beneficiaries"),
        (pl.col("is_fen") - pl.col("was_fen")).sum().alias("fen"),
    )
    ordered = cells.sort(dimension).rename({dimension: "cell"})
    return [dict(row) for row in ordered.iter_rows(named=True)]


def suppressed(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hide what few beneficiaries make up; with one cell hidden, the next smallest is too.

    >>> cells = [{"cell": "a", "beneficiaries": 2, "fen": 7},
    ...          {"cell": "b", "beneficiaries": 9, "fen": 8}]
    >>> [cell["fen"] for cell in suppressed(cells)]
    [None, None]
    """
    by_size = sorted(range(len(cells)), key=lambda n: (cells[n]["beneficiaries"], cells[n]["cell"]))
    hidden = [n for n in by_size if cells[n]["beneficiaries"] < SMALLEST]
    if len(hidden) == 1 and len(cells) > 1:
        hidden = by_size[:2]
    return [
        {"cell": cell["cell"], "beneficiaries": SUPPRESSED, "fen": None} if n in hidden else cell
        for n, cell in enumerate(cells)
    ]
