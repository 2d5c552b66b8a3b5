"""What a fund will pay in the next twelve months, from what is known: nothing is guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import day_of, value_on
from transforms.strict_yaml import read_yaml

MONTHS = 12
# Rows of the newest month that go on: due, or paid already. A conflict waits for a clerk.
GOES_ON = ("payable", "held", "nothing_due")
MONTHS_A_UNIT = {"months": 1, "years": 12}
SUBJECT = ["period", "subject_id", "beneficiary_id"]


@cache
def going_on() -> Mapping[str, list[dict[str, Any]]]:
    """Return by policy until when it goes on, by forecast.yaml."""
    text = Path(__file__).with_name("forecast.yaml").read_text(encoding="utf-8")
    read: dict[str, list[dict[str, Any]]] = read_yaml(text)
    return read


def month_number(month: int) -> int:
    """Count a month YYYYMM from the year 0.

    >>> month_number(202012) + 1 == month_number(202101), month_text(month_number(202012) + 1)
    (True, '2021-01')
    """
    return month // 100 * 12 + month % 100 - 1


def month_text(number: int) -> str:
    """Write a counted month as YYYY-MM."""
    return f"{number // 12}-{number % 12 + 1:02d}"


def _number_of(day: date) -> int:
    return month_number(day.year * 100 + day.month)


def continuing(
    card: PolicyCard, rows: pl.DataFrame, entitlements: pl.DataFrame, as_of: date
) -> list[int]:
    """Return what a policy that pays by the month costs in each of the months after a day.

    Rows:    rows          the policy's, with its facts; entitlements: of the same run
             returns       one sum per month; months between the newest and the day's own, which
                           are not determined yet, fall into the first
    Units:   fen
    """
    sums = [0] * MONTHS
    newest = rows["period"].max() if rows.height else None
    if newest is None:
        return sums
    this, first = month_number(int(str(newest).replace("-", ""))), _number_of(as_of) + 1
    going = (
        entitlements.filter(
            (pl.col("policy_id") == card.policy_id)
            & (pl.col("period") == newest)
            & pl.col("status").is_in(GOES_ON)
        )
        .select(*SUBJECT, pl.col("determined_fen").alias("month_fen"))
        .join(rows, on=SUBJECT, how="left", validate="1:1")
    )
    for row in going.iter_rows(named=True):
        for month in range(this + 1, first + MONTHS):
            if month <= _end(card, {**row, "period": month_text(month)}, this, as_of):
                sums[max(month - first, 0)] += row["month_fen"]
    return sums


def _end(card: PolicyCard, row: Mapping[str, Any], this: int, as_of: date) -> int:
    """Return the last month for which a row's subject has the policy, as far as is known.

    Rows:    row  of the newest month, `this`; its period is the month that is asked about, by whose
             first day it takes numbers
    """
    ends = [_number_of(card.force_to)] if card.force_to else []
    for rule in going_on()[card.policy_id]:
        # A run of before may not have it.
        fact = row.get(rule["fact"])
        if fact is None:
            continue
        end = _number_of(fact) if isinstance(fact, date) else month_number(fact)
        ends.append(end + _plus(card, rule.get("plus"), row, as_of) - bool(rule.get("first")))
    for provision in card.provisions:
        if isinstance(provision.limit, str):
            used = row["months_used_before"] + row["earlier_months"] + 1
            ends.append(this + _plus(card, provision.limit, row, as_of) - used)
    if not ends:
        raise ContractError(f"nothing says until when {card.policy_id} goes on")
    return min(ends)


def _plus(card: PolicyCard, name: str | None, row: Mapping[str, Any], as_of: date) -> int:
    if name is None:
        return 0
    parameter = card.parameters[name]
    day = day_of(parameter.on, row, as_of) or as_of
    return int(value_on(parameter, day).value) * MONTHS_A_UNIT[parameter.unit]


@dataclass(frozen=True)
class FundForecast:
    """A fund's next months: `months` as FORECAST columns, and the first that its budget lacks."""

    fund: str
    months: pl.DataFrame
    by_policy: Mapping[str, int]
    runs_out: str


def fund_forecast(
    fund: str,
    as_of: date,
    waiting: Mapping[str, int],
    going: Mapping[str, Sequence[int]],
    left_by_year: Mapping[int, int | None],
) -> FundForecast:
    """Set what a fund will pay, month by month, against what is left of each year's budget.

    What is payable is drawn up on the day itself: it takes of the day's year, in December too. Only
    if that year lacks the budget for all of it, it waits for a run of the next year, as what is
    held does.

    Rows:    waiting       what is payable and held now, paid in the first month
             going         per policy what goes on, month by month
             left_by_year  what is left of a year's budget; none where there is no budget
    Units:   fen
    Holds:   the months add up to what waits and what goes on
    """
    first, rows = _number_of(as_of) + 1, []
    left = dict(left_by_year)
    has_budget = (left.get(as_of.year) or 0) >= waiting["payable"]
    runs_out = ""
    for place in range(MONTHS):
        year, month = (first + place) // 12, month_text(first + place)
        payable, held = (waiting[name] if place == 0 else 0 for name in ("payable", "held"))
        goes_on = sum(sums[place] for sums in going.values())
        total, budget = payable + held + goes_on, left.get(year)
        drawn_up = payable if has_budget and year > as_of.year else 0
        left[year] = None if budget is None else budget - (total - drawn_up)
        after = left[year]
        if after is not None and after < 0 and not runs_out:
            runs_out = month
        rows.append((month, payable, held, goes_on, total, after))
    names = ("month", "payable_fen", "held_fen", "continuing_fen", "total_fen", "left_fen")
    schema = dict(zip(names, (pl.String(), *[pl.Int64()] * 5), strict=True))
    months = pl.DataFrame(rows, schema=schema, orient="row")
    by_policy = {name: sum(sums) for name, sums in going.items() if any(sums)}
    if months["total_fen"].sum() != sum(waiting.values()) + sum(by_policy.values()):
        raise ContractError(f"the forecast of {fund} does not add up")
    return FundForecast(fund, months, by_policy, runs_out)
