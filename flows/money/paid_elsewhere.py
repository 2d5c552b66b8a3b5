"""Rows beside which another was paid that stands no more: what stays paid counts, or waits."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from sql import Connection, policy_cards, show_frame
from sql.policy_runs import policy_rows
from sql.texts import exclusions
from transforms.money.entitlements import KEY, open_rows
from transforms.money.exclusions import ROW
from transforms.money.paid_elsewhere import (
    FOUND,
    paid_under_another,
    settle_what_stays,
    turns_with_paid,
)
from transforms.policies.cards import PolicyCard, year_day
from transforms.policies.parameters import Parameter, day_of, value_on


def settle_beside_paid(
    connection: Connection,
    paid: pl.DataFrame,
    settled: pl.DataFrame,
    causes: pl.DataFrame,
    day: str = "",
    ended: Sequence[str] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Settle the rows beside which another was paid that stands no more, where it stays paid.

    Rows:    day      the night's; ended: policies that are over
             returns  settled, and row_number of those that wait for a clerk
    """
    as_of = date.fromisoformat(day) if day else date.max
    known = open_rows(settled), paid, settled, causes
    found = [
        paid_under_another(*known, exclusions(), ended),
        _beyond_limit(connection, as_of, *known),
    ]
    # What is not decided under one limit or exclusion waits, whatever is under another.
    beside = pl.concat(found).sort(ROW, "stays").unique(ROW, keep="first", maintain_order=True)
    return settle_what_stays(settled, beside), beside.filter(~pl.col("stays")).select(ROW)


def _beyond_limit(
    connection: Connection,
    as_of: date,
    waiting: pl.DataFrame,
    paid: pl.DataFrame,
    settled: pl.DataFrame,
    causes: pl.DataFrame,
) -> pl.DataFrame:
    """List the rows that would be paid beyond a card's limit, counting what was paid before.

    Rows:    returns  as paid_under_another
    Source:  rulebook §4.3, §6: a dated limit is that of each row's own day
    """
    cards = {name: card for name, card in policy_cards().items() if card.limit is not None}
    rows = turns_with_paid(waiting, paid, settled, causes, [*cards])
    rows = rows.with_columns(paid_as="policy_id", paid_as_fen=pl.lit(0, pl.Int64), is_netted=False)
    found = [rows.select(*FOUND, "is_netted").clear()]
    for (policy_id,), lines in rows.group_by("policy_id", maintain_order=True):
        show_frame(connection, "limited_lines", lines.select(KEY))
        now = policy_rows(connection, str(policy_id), "limited_lines")
        card = cards[str(policy_id)]
        most = [_most_of(card, row, as_of) for row in now.iter_rows(named=True)]
        now = now.with_columns(pl.Series("most", most, pl.Int64))
        # What others granted before, where the limit knows of it.
        used = pl.sum_horizontal(pl.lit(0), "^months_used_before$").alias("used")
        known = lines.join(
            now.select(*KEY[1:], used, "most"), on=KEY[1:], how="left", validate="1:1"
        )
        in_all = pl.col("turns") + pl.col("used").fill_null(0)
        beyond = known.filter(in_all > pl.col("most").fill_null(card.most))
        found.append(beyond.select(*FOUND, "is_netted"))
    return pl.concat(found)


def _most_of(card: PolicyCard, row: Mapping[str, Any], as_of: date) -> int:
    """Return how many may count where a row is one of them: the limit on the row's own day."""
    limit = card.limit
    if not isinstance(limit, Parameter):
        return limit or 0
    return int(value_on(limit, day_of(limit.on, row, as_of) or year_day(card, as_of)).value)
