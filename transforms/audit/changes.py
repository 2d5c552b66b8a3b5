"""Which rows differ between states of one night's results, because of which step, and how much."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.money.entitlements import KEY

TABLES = ("determinations", "entitlements")
# What of a table is said: the word of a row, and its fen.
SAID = {"determinations": ("outcome", "amount_fen"), "entitlements": ("status", "due_fen")}
Frames = tuple[pl.DataFrame, pl.DataFrame]


def attribute(states: Sequence[Frames], steps: Sequence[str]) -> pl.DataFrame:
    """Attribute to each step what it changed.

    Rows:    states   one more than steps: determinations and entitlements before the first step,
                      and after each
             returns  one per table, key and step that changed it: word and fen of before and after;
                      empty where there was no row
    Units:   fen
    """
    parts = [
        changed(name, before[place], after[place]).with_columns(pl.lit(step).alias("cause"))
        for (before, after), step in zip(pairwise(states), steps, strict=True)
        for place, name in enumerate(TABLES)
    ]
    schema = {
        "table": pl.String(),
        **dict.fromkeys(KEY, pl.String()),
        **dict.fromkeys(("was", "is"), pl.String()),
        **dict.fromkeys(("was_fen", "is_fen"), pl.Int64()),
        "cause": pl.String(),
    }
    empty = pl.DataFrame(schema=schema)
    order = pl.Enum(list(dict.fromkeys(steps)))
    listed = pl.concat([empty, *(part.select(list(schema)) for part in parts)])
    return listed.sort("table", *KEY, pl.col("cause").cast(order))


def changed(table: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Pair the rows of two states whose word, fen or reasons are not the same."""
    word, fen = SAID[table]
    joined = _said(before, word, fen, "was").join(
        _said(after, word, fen, "is"), on=KEY, how="full", coalesce=True, nulls_equal=True
    )
    return joined.filter(
        pl.col("was").ne_missing(pl.col("is"))
        | pl.col("was_fen").ne_missing(pl.col("is_fen"))
        | pl.col("was_why").ne_missing(pl.col("is_why"))
    ).with_columns(pl.lit(table).alias("table"))


def _said(frame: pl.DataFrame, word: str, fen: str, name: str) -> pl.DataFrame:
    why = pl.col("reason_codes").list.join("|") if "reason_codes" in frame else pl.col("reason")
    return frame.select(
        *KEY,
        pl.col(word).alias(name),
        pl.col(fen).alias(f"{name}_fen"),
        why.alias(f"{name}_why"),
    )


def counted_fen(table: str, word: str, fen: str) -> pl.Expr:
    """Return the fen that count: what is eligible, and what is due."""
    counts = pl.col(word) == "eligible" if table == "determinations" else pl.lit(True)
    return pl.when(counts).then(pl.col(fen)).otherwise(0).fill_null(0)


def totals_of(changes: pl.DataFrame, a: Frames, b: Frames) -> dict[str, Any]:
    """Add up what is attributed, by table, policy and cause, against what differs.

    Units:   fen
    Raises:  ContractError if a fen is left over
    """
    by_policy, residual = [], 0
    for place, table in enumerate(TABLES):
        word, fen = SAID[table]
        mine = changes.filter(pl.col("table") == table)
        was, now = counted_fen(table, "was", "was_fen"), counted_fen(table, "is", "is_fen")
        sums = mine.group_by("policy_id", "cause").agg(
            pl.len().alias("rows"), (now - was).sum().alias("fen")
        )
        by_policy += [
            {"table": table, **row} for row in sums.sort("policy_id", "cause").iter_rows(named=True)
        ]
        ends = [
            int(side[place].select(counted_fen(table, word, fen).sum()).item() or 0)
            for side in (a, b)
        ]
        residual += abs(ends[1] - ends[0] - int(sums["fen"].sum()))
    if residual:
        raise ContractError(f"{residual} fen of what differs are attributed to nothing")
    counts = dict(changes.group_by("table").len().sort("table").iter_rows())
    return {"by_policy": by_policy, "residual_fen": residual, "rows": counts}
