"""What came back and is owed to nobody: told by the last run that looked at it."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import polars as pl

from flows.money.evidence import run_table
from flows.money.ledger import Ledger
from flows.store import Home
from sql import policy_cards
from transforms.errors import DigestDiffersError
from transforms.money.entitlements import KEY
from transforms.policies.cards import reach_of


def owed_to_nobody(
    ledger: Ledger, back: pl.DataFrame, before: str = ""
) -> dict[tuple[str, ...], str]:
    """Tell which lines that came back nothing is owed of, each by the last run that looked at it.

    What it determined less what is paid now: so a run of before the payment came back tells, too.

    Rows:    back     KEY, one per line
             before   a run: only those recorded before it are asked
             returns  the run by key
    """
    paid = ledger.paid_lines().group_by(KEY).agg(paid_fen=pl.col("amount_fen").sum())
    asked = back.select(KEY).unique()
    found: dict[tuple[str, ...], str] = {}
    for run_id, run in _runs(ledger, before):
        if asked.is_empty():
            break
        looked_at = _looked_at(ledger.home, run_id, run, asked)
        if looked_at.is_empty():
            continue
        entitled = pl.read_parquet(ledger.home.runs / run_id / "entitlements.parquet")
        owed = entitled.join(paid, on=KEY, how="left", validate="1:1").filter(
            pl.col("determined_fen") > pl.col("paid_fen").fill_null(0),
            # Another policy pays for it.
            pl.col("status") != "superseded",
        )
        nothing = looked_at.join(owed, on=KEY, how="anti")
        found |= dict.fromkeys(nothing.iter_rows(), run_id)
        asked = asked.join(looked_at, on=KEY, how="anti")
    return found


def _runs(ledger: Ledger, before: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the finished runs, the newest first; of a run done again only those before its first."""
    runs = dict[str, Mapping[str, Any]]()
    for posting in ledger.postings():
        if posting.kind == "run_recorded":
            if posting.subject == before:
                break
            runs.pop(posting.subject, None)
            runs[posting.subject] = posting.said
    return ((name, run) for name, run in reversed(runs.items()) if run["state"] == "done")


def _looked_at(
    home: Home, run_id: str, run: Mapping[str, Any], asked: pl.DataFrame
) -> pl.DataFrame:
    """Return the lines whose policy and period a run looked at; none by one that was changed."""
    day, cards = date.fromisoformat(run["as_of"]), policy_cards()
    pairs = asked.select("policy_id", "period").unique()
    reached = [
        name in cards
        and (home.runs / run_id / "policies" / f"{name}.parquet").is_file()
        and reach_of(cards[name], day).covers(period)
        for name, period in pairs.iter_rows()
    ]
    if not any(reached):
        return asked.clear()
    try:
        run_table(home, run_id, run, "entitlements")
    except DigestDiffersError:
        return asked.clear()
    return asked.join(pairs.filter(pl.Series(reached)), on=["policy_id", "period"], how="semi")
