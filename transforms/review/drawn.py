"""Where the bars of the reviewer's page stand: whole numbers in the units of each drawing."""

from collections.abc import Mapping
from typing import Any

from transforms.amounts import share_in, share_text

FILLS = {
    "budget_spent": "#1d2430",
    "budget_signed": "url(#hatch)",
    "budget_this_batch": "#8b95a5",
    "budget_left": "#fff",
}
FORECAST_FILLS = {"continuing_fen": "#8b95a5", "payable_fen": "#1d2430", "held_fen": "url(#hatch)"}
WIDE, MONTHS_HIGH, STEPS_HIGH, STEPS_WIDE = 1000, 50, 48, 420
BAR, BAR_WITH_GAP, BARS, WIDEST_BIN = 16, 20, 13, 84
MONTH_WIDE, MONTH_HIGH, MONTH_FOOT = 83, 140, 166


def scaled(part: int, whole: int, length: int) -> int:
    """Return how long a part of a whole is drawn; what there is can be seen.

    >>> scaled(1, 1000, 50), scaled(0, 1000, 50), scaled(500, 1000, 50), scaled(1, 0, 50)
    (1, 0, 25, 0)
    """
    if part <= 0 or whole <= 0:
        return 0
    return max(1, part * length // whole)


def budget_bar(budget: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lay the parts of a budget side by side."""
    bar, start = [], 0
    for name, fen in budget["parts"].items():
        end = start + max(fen, 0)
        x, right = (WIDE * edge // max(budget["whole_fen"], 1) for edge in (start, end))
        of_budget = budget["budget_fen"]
        share = share_text(share_in(max(fen, 0), of_budget)) if of_budget else "—"
        place = {"x": x, "width": right - x, "fill": FILLS[name], "share": share}
        bar.append({"name": name, "fen": fen, **place})
        start = end
    return bar


def policy_bars(row: Mapping[str, Any]) -> dict[str, Any]:
    """Stand a policy's money of the earlier batches beside that of this one, which is black."""
    sums = [*row["before_fen"], row["now_fen"]]
    heights = [scaled(fen, max(sums), MONTHS_HIGH) for fen in sums]
    first = BARS - len(sums)
    bars = [
        {"x": (first + n) * BAR_WITH_GAP, "y": MONTHS_HIGH + 1 - height, "height": height}
        | {"fill": "#1d2430" if n + 1 == len(sums) else "#c9d0d9"}
        for n, height in enumerate(heights)
    ]
    before = row["before_fen"]
    return {**row, "bars": bars, "mean_fen": sum(before) // len(before) if before else 0}


def histogram_bars(histogram: Mapping[str, Any]) -> dict[str, Any]:
    """Stand the bins of a histogram side by side, equally wide, and the cap where it lies."""
    bins = histogram["bins"]
    most = max(one["count"] for one in bins)
    width = min(STEPS_WIDE // len(bins), WIDEST_BIN)
    bars = [
        {**one, "x": place * width, "width": width}
        | {"height": scaled(one["count"], most, STEPS_HIGH)}
        | {"outlier_height": scaled(one["outliers"], most, STEPS_HIGH)}
        for place, one in enumerate(bins)
    ]
    return {**histogram, "bins": bars, "cap_x": _cap_place(histogram["cap_fen"], bars)}


def _cap_place(cap: int | None, bars: list[dict[str, Any]]) -> int | None:
    for one in bars:
        if cap is not None and cap <= one["to_fen"]:
            inside = (cap - one["from_fen"]) * one["width"] // (one["to_fen"] - one["from_fen"])
            return int(one["x"] + max(inside, 0))
    return None


def step_bars(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hang each step from determined to payable under the end of what was left before it."""
    whole = max(steps[0]["fen"], 1)
    ends = (0, len(steps) - 1)
    return [
        {**step, "is_less": n not in ends, "fill": "#1d2430" if n in ends else "url(#hatch)"}
        | {"x": 0 if n in ends else WIDE * step["left_fen"] // whole}
        | {"width": scaled(step["fen"], whole, WIDE)}
        for n, step in enumerate(steps)
    ]


def month_bars(months: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stack what each of the next months costs: what goes on, what waits to be paid, what is held.

    Rows:    months  FORECAST columns; returns the same with where the bars stand
    """
    most = max(month["total_fen"] for month in months)
    bars = []
    for place, month in enumerate(months):
        top, parts = MONTH_FOOT, []
        for name, fill in FORECAST_FILLS.items():
            height = scaled(month[name], most, MONTH_HIGH)
            top -= height
            parts.append({"y": top, "height": height, "fill": fill})
        bars.append({**month, "x": place * MONTH_WIDE + 13, "top": top, "parts": parts})
    return bars
