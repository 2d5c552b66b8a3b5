"""What a reform would cost, and whom it would reach: sums by policy, fund, month and town."""

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from transforms.money.entitlements import KEY

BENEFICIARY = ["beneficiary_kind", "beneficiary_id"]
# What is due is paid, waits, or is asked back.
STANDINGS = ("payable", "held", "recovery")
DIMENSIONS = ("policy_id", "fund", "period", "town")
# A cell of fewer beneficiaries is not shown: who they are could be told.
SMALLEST = 5
Cell = dict[str, Any]


def effect(
    base: pl.DataFrame, reform: pl.DataFrame, funds: Mapping[str, str], towns: pl.DataFrame
) -> dict[str, Any]:
    """Compare what is due by the law in force and by a reform.

    Rows:    base, reform  entitlements of one night
             towns         beneficiary_kind, beneficiary_id, town
    Units:   fen
    Holds:   the differences of every dimension add up to the whole; None: not shown, since it
             is about few beneficiaries, or with the rest it would tell what is
    """
    fund = pl.col("policy_id").replace_strict(funds, default="", return_dtype=pl.String)
    by_law = base.select(*KEY, was_fen="due_fen")
    by_reform = reform.select(*KEY, is_fen="due_fen")
    paired = (
        by_law.join(by_reform, on=KEY, how="full", coalesce=True, validate="1:1")
        .join(towns, on=BENEFICIARY, how="left", validate="m:1")
        .with_columns(
            pl.col("was_fen", "is_fen").fill_null(0), pl.col("town").fill_null(""), fund=fund
        )
    )
    people = paired.group_by(BENEFICIARY).agg(pl.col("was_fen").sum(), pl.col("is_fen").sum())
    changed = paired.filter(pl.col("was_fen") != pl.col("is_fen"))
    was, now = int(paired["was_fen"].sum()), int(paired["is_fen"].sum())
    is_few = 0 < changed.select(pl.struct(BENEFICIARY).n_unique()).item() < SMALLEST
    by = {name: _cells(changed, name) for name in DIMENSIONS}
    by["fund"] = suppressed(by["fund"])
    by["policy_id"] = within_funds(by["policy_id"], by["fund"], funds)
    return {
        "rows_changed": None if is_few else changed.height,
        "was_fen": was,
        "is_fen": None if is_few else now,
        "difference_fen": None if is_few else now - was,
        "standing": _standings(base, reform, is_few=is_few),
        **_counts(people),
        "by": {**by, **{name: suppressed(by[name]) for name in ("period", "town")}},
    }


def _standings(base: pl.DataFrame, reform: pl.DataFrame, *, is_few: bool) -> list[dict[str, Any]]:
    told, cells = [], []
    for status in STANDINGS:
        was, now = (
            rows.filter(status=status).group_by(BENEFICIARY).agg(fen=pl.col("due_fen").sum())
            for rows in (base, reform)
        )
        both = was.join(now, on=BENEFICIARY, how="full", coalesce=True, suffix="_now")
        differ = both.filter(pl.col("fen").ne_missing(pl.col("fen_now"))).height
        told.append({"status": status, "was_fen": int(was["fen"].sum())})
        cells.append({"cell": status, "beneficiaries": differ, "fen": int(now["fen"].sum())})
    shown = map(_hidden, cells) if is_few else suppressed(cells)
    return [{**one, "is_fen": cell["fen"]} for one, cell in zip(told, shown, strict=True)]


def lists_changed(
    base: pl.DataFrame, reform: pl.DataFrame, lists: Collection[str]
) -> list[dict[str, Any]]:
    """Compare what lists hold by the law in force and by a reform: they pay nothing.

    Rows:    base, reform  determinations of one night
             returns       one per list that differs: rows that do, who is on it, and the amounts;
                           None: not shown, since it is about few
    Units:   fen
    """
    is_on = pl.col("outcome") == "eligible"
    was, now = (
        rows.filter(pl.col("policy_id").is_in(list(lists))).select(
            *KEY,
            is_on.cast(pl.Int64).alias("is_on"),
            pl.when(is_on).then("amount_fen").otherwise(0).alias("fen"),
            "outcome",
        )
        for rows in (base, reform)
    )
    both = was.join(now, on=KEY, how="full", coalesce=True, validate="1:1", suffix="_now")
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in ("outcome", "fen")
    )
    told = []
    for (policy,), rows in both.sort(KEY).group_by("policy_id", maintain_order=True):
        changed = rows.filter(differs)
        sums: dict[str, Any] = {
            "rows_changed": changed.height,
            "was_listed": rows["is_on"].sum(),
            "is_listed": rows["is_on_now"].sum(),
            "was_fen": rows["fen"].sum(),
            "is_fen": rows["fen_now"].sum(),
        }
        if changed.select(pl.struct(BENEFICIARY).n_unique()).item() < SMALLEST:
            sums = dict.fromkeys(sums)
        if changed.height:
            told.append({"policy_id": policy, **sums})
    return told


def _counts(people: pl.DataFrame) -> dict[str, int | None]:
    """Count who wins, loses, stays; of the winners those who are newly reached."""
    which = {
        "winners": pl.col("is_fen") > pl.col("was_fen"),
        "losers": pl.col("is_fen") < pl.col("was_fen"),
        "unchanged": pl.col("is_fen") == pl.col("was_fen"),
    }
    sizes = {name: people.filter(is_such).height for name, is_such in which.items()}
    cells = [{"cell": name, "beneficiaries": size, "fen": 0} for name, size in sizes.items()]
    counts = {cell["cell"]: cell["beneficiaries"] for cell in suppressed(cells)}
    reached = people.filter((pl.col("was_fen") == 0) & (pl.col("is_fen") > 0)).height
    parts = [{"cell": "newly_reached", "beneficiaries": reached, "fen": 0}]
    parts.append({"cell": "", "beneficiaries": sizes["winners"] - reached, "fen": 0})
    is_told = counts["winners"] is not None or not reached
    return {**counts, "newly_reached": suppressed(parts)[0]["beneficiaries"] if is_told else None}


def _cells(changed: pl.DataFrame, dimension: str) -> list[dict[str, Any]]:
    cells = changed.group_by(dimension).agg(
        pl.struct(BENEFICIARY).n_unique().alias("beneficiaries"),
        (pl.col("is_fen") - pl.col("was_fen")).sum().alias("fen"),
    )
    ordered = cells.sort(dimension).rename({dimension: "cell"})
    return [dict(row) for row in ordered.iter_rows(named=True)]


def suppressed(cells: list[Cell]) -> list[Cell]:
    """Hide what few beneficiaries make up; with one cell hidden, the next smallest is too.

    >>> cells = [{"cell": "a", "beneficiaries": 2, "fen": 7},
    ...          {"cell": "b", "beneficiaries": 9, "fen": 8}]
    >>> [cell["fen"] for cell in suppressed(cells)]
    [None, None]

    Holds:   nobody at all is no small cell: it is shown, and hides nothing
    """
    filled = [n for n, cell in enumerate(cells) if cell["beneficiaries"]]
    by_size = sorted(filled, key=lambda n: (cells[n]["beneficiaries"], cells[n]["cell"]))
    hidden = [n for n in by_size if cells[n]["beneficiaries"] < SMALLEST]
    if len(hidden) == 1:
        hidden = by_size[:2]
    return [_hidden(cell) if n in hidden else cell for n, cell in enumerate(cells)]


def within_funds(
    policies: list[Cell], shown_funds: list[Cell], funds: Mapping[str, str]
) -> list[Cell]:
    """Hide policies so that no fund's sum tells a small one: all of a fund that is not shown."""
    shown = {cell["cell"] for cell in shown_funds if cell["fen"] is not None}
    told = []
    for fund in sorted({funds.get(cell["cell"], "") for cell in policies}):
        mine = [cell for cell in policies if funds.get(cell["cell"], "") == fund]
        told += suppressed(mine) if fund in shown else [_hidden(cell) for cell in mine]
    return sorted(told, key=lambda cell: str(cell["cell"]))


def _hidden(cell: Cell) -> Cell:
    return {"cell": cell["cell"], "beneficiaries": None, "fen": None}
