"""The trend page: who is insured, come and gone, drawn in lines and bars that need no colour.

Every figure drawn stands in a table beside its drawing. Places are whole numbers in the units of
each drawing; a month that was not delivered is a gap, never a zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from transforms.answers.page import render_page
from transforms.answers.run_summary import RunSummary
from transforms.errors import ContractError
from transforms.masking import without_person_ids
from transforms.strict_yaml import read_yaml
from transforms.words import word

SHOWN_MONTHS = 13
# Fewer than this may tell of somebody whom a neighbour knows: marked, not to be quoted outside.
SMALLEST = 5
NOWHERE = ("not_stated", "unregistered")
TOWNS = Path(__file__).with_name("towns.yaml")
INSURANCES = {"pension_count": "养老", "medical_count": "医疗", "unemployment_count": "失业"}
COUNTS = (*INSURANCES, "present_count", "come_count", "gone_count")
LEFT, WIDE, TOP, HIGH, LABEL_GAP = 70, 780, 16, 230, 17
MOVES_HIGH = 170
SPARK_WIDE, SPARK_HIGH, SPARK_EDGE = 144, 30, 4
STEPS_OF_TEN = (1, 2, 5)
Counts = Sequence[int | None]
Cell = dict[str, Any]


def render_trend(
    run: RunSummary, trend: pl.DataFrame, counts: Mapping[str, Mapping[str, Any]]
) -> str:
    """Render the trend page of a run: the district, its towns, its lines, tonight's lists.

    Rows:    trend  one per level, cell and month, in order
             counts  of the run, with `lists`
    Holds:   the same counts give the same bytes; nothing on it names anybody
    """
    cells, lists = _cells(trend), counts["lists"]
    district = next(iter(cells.get("district", ())), None)
    page = render_page(
        "trend.html.j2",
        run=run,
        months=trend["month"].unique().sort().to_list(),
        district=district,
        lines=line_chart({name: district[name] for name in INSURANCES}) if district else None,
        moves=move_bars(district["come_count"], district["gone_count"]) if district else None,
        xs=[month_x(place, SHOWN_MONTHS) for place in range(SHOWN_MONTHS)],
        groups=[(level, cells.get(level, [])) for level in ("town", "size_line")],
        insurances=INSURANCES,
        lists=[
            (policy, lists[policy.card.policy_id])
            for policy in run.policies
            if policy.card.policy_id in lists
        ],
        smallest=SMALLEST,
    )
    return without_person_ids(page)


def _cells(trend: pl.DataFrame) -> dict[str, list[Cell]]:
    """Lay each cell's counts out month by month, the largest cell of a level first."""
    cells: dict[str, list[Cell]] = {}
    for (level, cell), rows in trend.group_by("level", "cell", maintain_order=True):
        counts: dict[str, Any] = {name: rows[name].to_list() for name in COUNTS}
        _expect_balance(counts)
        present = counts["present_count"]
        spark = "" if not any(present) else spark_points(present)
        told = {"cell": cell, "name": _name(str(level), str(cell)), "spark": spark, **counts}
        cells.setdefault(str(level), []).append(told)
    for of_level in cells.values():
        of_level.sort(
            key=lambda of: (of["cell"] in NOWHERE, -(of["present_count"][-1] or 0), of["name"])
        )
    return cells


def _expect_balance(counts: Mapping[str, Counts]) -> None:
    """Hold that who was there, less who went, with who came, is who is there.

    Raises:  ContractError
    """
    present = counts["present_count"]
    moved = zip(pairwise(present), counts["come_count"][1:], counts["gone_count"][1:], strict=True)
    for (before, now), come, gone in moved:
        if come is not None and gone is not None and now != (before or 0) + come - gone:
            raise ContractError("come and gone do not lead from one month to the next")


def _name(level: str, cell: str) -> str:
    # By rules of before a cell is a code as it was delivered.
    return town_names().get(cell[:9], word(cell)) if level == "town" else word(cell)


@cache
def town_names() -> Mapping[str, str]:
    """Return the names of the towns that are known, by their nine digits."""
    names: dict[str, str] = read_yaml(TOWNS.read_text(encoding="utf-8"))
    return names


def axis(low: int, high: int) -> list[int]:
    """Return the marks of an axis that holds two counts: round, few, from zero if that is near.

    >>> axis(960, 1040), axis(3, 40), axis(0, 0)
    ([960, 980, 1000, 1020, 1040], [0, 10, 20, 30, 40], [0, 1])
    """
    low = 0 if low * 2 <= high else low
    steps = (step * 10**power for power in range(18) for step in STEPS_OF_TEN)
    step = next(step for step in steps if (high - low) // step <= 4)
    first, last = low // step, max(-(-high // step), low // step + 1)
    return [step * place for place in range(first, last + 1)]


def line_chart(series: Mapping[str, Counts]) -> dict[str, Any] | None:
    """Draw counts by month as lines over one axis, each labelled at its end; None if there is none.

    >>> chart = line_chart({"a": [None, 10, None, 20, 30]})
    >>> chart["lines"][0]["parts"]
    [['265,170'], ['655,93', '850,16']]
    """
    known = [count for counts in series.values() for count in counts if count is not None]
    if not known:
        return None
    marks = axis(min(known), max(known))
    lines = []
    for name, counts in series.items():
        parts = _parts(
            None if count is None else _place(place, counts, marks[0], marks[-1])
            for place, count in enumerate(counts)
        )
        last = max((place for place, count in enumerate(counts) if count is not None), default=None)
        if last is not None:
            x, y = _place(last, counts, marks[0], marks[-1])
            lines.append({"name": name, "parts": parts, "x": x, "y": y, "count": counts[last]})
    for label, line in _spread(lines):
        line["label_y"] = label
    ticks = [{"count": mark, "y": _height(mark, marks[0], marks[-1])} for mark in marks]
    return {"lines": lines, "ticks": ticks, "from_zero": marks[0] == 0}


def _spread(lines: Sequence[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Set labels under each other where the ends of lines lie too near."""
    ordered = sorted(lines, key=lambda line: line["y"])
    spread, free = [], TOP
    lowest = TOP + HIGH
    for place, line in enumerate(ordered):
        below = len(ordered) - 1 - place
        label = min(max(line["y"], free), lowest - LABEL_GAP * below)
        spread.append((label, line))
        free = label + LABEL_GAP
    return spread


def _parts(points: Iterable[tuple[int, int] | None]) -> list[list[str]]:
    """Write the points of a line, in parts where one is not known."""
    parts: list[list[str]] = [[]]
    for point in points:
        if point is None:
            parts.append([])
        else:
            parts[-1].append("{},{}".format(*point))
    return [part for part in parts if part]


def _place(place: int, counts: Counts, low: int, high: int) -> tuple[int, int]:
    return month_x(place, len(counts)), _height(counts[place] or 0, low, high)


def month_x(place: int, months: int) -> int:
    """Return where a month stands on the axis of months."""
    return LEFT + WIDE * place // max(months - 1, 1)


def _height(count: int, low: int, high: int) -> int:
    return TOP + HIGH - (count - low) * HIGH // (high - low)


def spark_points(counts: Counts) -> list[list[str]]:
    """Draw a small line between its own least and largest count."""
    known = [count for count in counts if count is not None]
    low, span = min(known), max(max(known) - min(known), 1)
    wide, high = SPARK_WIDE - 2 * SPARK_EDGE, SPARK_HIGH - 2 * SPARK_EDGE

    def point(place: int, count: int) -> tuple[int, int]:
        x = SPARK_EDGE + wide * place // max(len(counts) - 1, 1)
        return x, SPARK_HIGH - SPARK_EDGE - (count - low) * high // span

    return _parts(None if n is None else point(place, n) for place, n in enumerate(counts))


def move_bars(come: Counts, gone: Counts) -> dict[str, Any] | None:
    """Stand who came above the line and who went below it; None if no month is known.

    >>> move_bars([None, 4], [None, 2])["bars"]
    [{'x': 70, 'is_known': False}, {'x': 850, 'is_known': True, 'up': 113, 'down': 56}]
    """
    known = [(up, down) for up, down in zip(come, gone, strict=True) if None not in (up, down)]
    if not known:
        return None
    most_up, most_down = (max(count or 0 for count in side) for side in zip(*known, strict=True))
    whole = max(most_up + most_down, 1)
    bars: list[dict[str, Any]] = []
    for place, (up, down) in enumerate(zip(come, gone, strict=True)):
        x = month_x(place, len(come))
        if up is None or down is None:
            bars.append({"x": x, "is_known": False})
        else:
            heights = {"up": up * MOVES_HIGH // whole, "down": down * MOVES_HIGH // whole}
            bars.append({"x": x, "is_known": True, **heights})
    base = TOP + LABEL_GAP + most_up * MOVES_HIGH // whole
    high = base + most_down * MOVES_HIGH // whole + LABEL_GAP
    return {"bars": bars, "base": base, "high": high}
