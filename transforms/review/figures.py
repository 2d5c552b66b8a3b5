"""The figures of the reviewer's page, in whole numbers: the charts are drawn from them."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from transforms.errors import ContractError

LAST_BATCHES = 12
STEPS_OF_TEN = (1, 2, 5)


def budget_parts(funding: Mapping[str, Any], signed_fen: int, batch_fen: int) -> dict[str, Any]:
    """Share a fund's budget: spent, signed and not yet paid, this batch, left (below 0: lacking).

    Units:   fen; what a batch's funding calls spent has what is signed in it
    Holds:   the parts add up to the budget
    """
    # A batch that a review left has the funding of the first: what was signed since is not in it.
    signed = min(signed_fen, funding["spent_fen"])
    parts = {
        "budget_spent": funding["spent_fen"] - signed,
        "budget_signed": signed,
        "budget_this_batch": batch_fen,
    }
    budget = funding["budget_fen"]
    whole = max(budget or 0, sum(parts.values()))
    if budget is not None:
        parts["budget_left"] = budget - sum(parts.values())
    return {"budget_fen": budget, "whole_fen": whole, "parts": parts}


def policy_rows(
    totals: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Set each policy's money of a batch against the last batches of the fund, the oldest first.

    Rows:    totals   of this batch by policy; earlier: batches, each with its own totals
             returns  one per policy of any of them: `before_fen` batch by batch, `now_fen`
    """
    series = [_by_policy(batch["by_policy"]) for batch in earlier[-LAST_BATCHES:]]
    now = _by_policy(totals)
    named = sorted({name for batch in (*series, now) for name in batch})
    return [
        {
            "policy_id": name,
            "before_fen": [batch.get(name, 0) for batch in series],
            "now_fen": now.get(name, 0),
        }
        for name in named
    ]


def _by_policy(totals: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {total["policy_id"]: total["amount_fen"] for total in totals}


def with_marks(lines: pl.DataFrame, caps: pl.DataFrame) -> pl.DataFrame:
    """Say of each line whether it lies beyond its policy's cap, or far from its policy's others.

    Rows:    lines    policy_id, period, amount_fen; caps: policy_id, period, cap_fen
             returns  the same, plus cap_fen, is_above_cap, is_outlier
    Holds:   an outlier is beyond the quartiles by 2.5 times as much as they lie apart (as factors)
             and by twice or half at least; reckoned in whole numbers
    """
    fences = {name: _fences(of["amount_fen"]) for (name,), of in lines.group_by("policy_id")}
    low = {name: fence[0] for name, fence in fences.items()}
    high = {name: fence[1] for name, fence in fences.items()}
    amount, policy = pl.col("amount_fen"), pl.col("policy_id")
    return lines.join(
        caps, on=["policy_id", "period"], how="left", validate="m:1", maintain_order="left"
    ).with_columns(
        (amount > pl.col("cap_fen").fill_null(0)).alias("is_above_cap"),
        (
            (amount < policy.replace_strict(low, return_dtype=pl.Int64))
            | (amount > policy.replace_strict(high, return_dtype=pl.Int64))
        ).alias("is_outlier"),
    )


def _fences(amounts: pl.Series) -> tuple[int, int]:
    """Return the least and the largest amount that is no outlier among others.

    >>> _fences(pl.Series([100, 100, 100, 100, 900])), _fences(pl.Series([5]))
    ((50, 200), (2, 10))
    """
    ordered = amounts.sort()
    first, third = ordered[(len(ordered) - 1) // 4], ordered[(3 * (len(ordered) - 1) + 3) // 4]
    inside = [
        amount
        for amount in ordered.unique().to_list()
        if amount**2 * first**5 <= third**7 and amount**2 * third**5 >= first**7
    ]
    return min(first // 2, *inside), max(third * 2, *inside)


def histogram(lines: pl.DataFrame) -> dict[str, Any]:
    """Count a policy's amounts in steps of 1, 2, 5, 10 … yuan up to its cap.

    Rows:    lines  with_marks of one policy
    Units:   fen; a bin holds what is above `from_fen` and not above `to_fen`
    Holds:   every line is in one bin
    """
    cap = lines["cap_fen"].max()
    amounts = lines["amount_fen"]
    edges = _edges(int(str(amounts.min())), max(int(str(amounts.max())), int(str(cap or 0))))
    places = pl.Series(edges[1:]).search_sorted(amounts).alias("bin")
    counted = lines.select(places, "is_outlier").group_by("bin")
    summed = counted.agg(pl.len().alias("count"), pl.col("is_outlier").sum().alias("outliers"))
    counts = {row["bin"]: row for row in summed.iter_rows(named=True)}
    none = {"count": 0, "outliers": 0}
    bins = [
        {"from_fen": start, "to_fen": end}
        | {name: counts.get(n, none)[name] for name in ("count", "outliers")}
        for n, (start, end) in enumerate(itertools.pairwise(edges))
    ]
    if sum(one["count"] for one in bins) != lines.height:
        raise ContractError("the histogram does not hold every line")
    sums = {"median_fen": amounts.sort()[(len(amounts) - 1) // 2], "largest_fen": amounts.max()}
    marks = {name: int(lines[name].sum()) for name in ("is_outlier", "is_above_cap")}
    return {"bins": bins, "cap_fen": cap, "count": lines.height, **sums, **marks}


def _edges(least_fen: int, most_fen: int) -> list[int]:
    """Return the edges of bins from below the least to the largest amount.

    >>> _edges(6000, 60000)
    [5000, 10000, 20000, 50000, 100000]
    """
    steps = [step * 10**power for power in range(18) for step in STEPS_OF_TEN]
    first = max([0, *(step for step in steps if step < least_fen)])
    last = min(step for step in steps if step >= most_fen)
    return [first, *(step for step in steps if first < step <= max(last, first + 1))]


def band(entitled: pl.DataFrame, batch_fen: int) -> list[dict[str, Any]]:
    """Lead from what is determined to what this batch pays, step by step.

    Rows:    entitled  the run's entitlements of the fund's policies
    Units:   fen; each step says what stays behind
    Holds:   determined less all that stays behind is the batch
    Raises:  ContractError if it is not
    """
    determined, paid, status = (pl.col(f) for f in ("determined_fen", "paid_before_fen", "status"))
    is_left_out = status.is_in(["superseded", "conflict"])
    steps = {
        "superseded": (status == "superseded", determined),
        "conflict": (status == "conflict", determined),
        "paid_before": (~is_left_out & (paid > 0), pl.min_horizontal(paid, determined)),
        "held": (status == "held", pl.col("due_fen")),
    }
    left = int(entitled["determined_fen"].sum())
    rows = [{"step": "determined", "fen": left, "left_fen": left, "count": entitled.height}]
    for name, (stays_behind, fen) in steps.items():
        behind = entitled.filter(stays_behind).select(fen.alias("fen"))["fen"]
        left -= int(behind.sum())
        rows.append({"step": name, "fen": behind.sum(), "left_fen": left, "count": behind.len()})
    if left != batch_fen:
        raise ContractError(
            f"from determined to payable: {left} fen stay, the batch has {batch_fen}"
        )
    payable = entitled.filter(status == "payable").height
    return [*rows, {"step": "payable", "fen": left, "left_fen": left, "count": payable}]
