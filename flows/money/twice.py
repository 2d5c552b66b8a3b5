"""What a payment that came back and a later one paid for the same, whether both stand or one."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from flows.money.ledger import NEVER, Ledger
from sql import policy_cards
from sql.texts import exclusions
from transforms.amounts import yuan_text
from transforms.money.entitlements import KEY

SUBJECT = ["subject_kind", "subject_id"]


def pays_the_same() -> pl.Expr:
    """Say of joined lines that one pays what the other, `_back`, had paid, or what excludes it."""
    is_same_policy = pl.col("policy_id") == pl.col("policy_id_back")
    is_rival = pl.any_horizontal(
        pl.col("policy_id").is_in(one.policies) & pl.col("policy_id_back").is_in(one.policies)
        for one in exclusions()
    )
    once = [name for name, card in policy_cards().items() if card.most == 1]
    is_same_period = pl.col("period") == pl.col("period_back")
    return (is_same_period & (is_same_policy | is_rival)) | (
        is_same_policy & pl.col("policy_id").is_in(once)
    )


def takes_up() -> pl.Expr:
    """Say of joined lines that one must not be paid beside the other, `_back`: also by a limit."""
    limited = [name for name, card in policy_cards().items() if card.limit is not None]
    is_same_policy = pl.col("policy_id") == pl.col("policy_id_back")
    return pays_the_same() | (is_same_policy & pl.col("policy_id").is_in(limited))


def paid_twice(ledger: Ledger, batch_id: str) -> list[dict[str, Any]]:
    """List what arrived after all of a batch, with each payment that paid it again meanwhile.

    Rows:    returns  one per two payments that stand; yuan of the later one's lines
    """
    away = _away(ledger, batch_id)
    if not any(ends < NEVER for spans in away.values() for _, ends in spans):
        return []
    batches, standing = ledger.batches_of_payments(), ledger.paid_lines()
    back = standing.filter(pl.col("payment_id").is_in([*away]))
    again = _paying_again(ledger, standing, back, away)
    sums = again.group_by("payment_id_back", "payment_id").agg(pl.col("amount_fen").sum())
    return [
        {
            "payment_id": first,
            "batch_id": batch_id,
            "again_payment_id": later,
            "again_batch_id": batches[later],
            "again_yuan": yuan_text(fen),
        }
        for first, later, fen in sums.sort(pl.all()).iter_rows()
    ]


def paid_again(ledger: Ledger, back: pl.DataFrame) -> set[tuple[str, ...]]:
    """Tell which lines that came back were paid again: by a payment drawn up while they were away.

    That one counts whatever became of it: if it came back too, it is the one that waits.

    Rows:    back     payment_id, batch_id and KEY, one per line
             returns  payment_id and KEY of those paid again
    """
    away = {
        payment_id: spans
        for batch_id in back["batch_id"].unique()
        for payment_id, spans in _away(ledger, batch_id).items()
    }
    again = _paying_again(ledger, ledger.lines_of("payment"), back, away)
    names = [name if name in SUBJECT else f"{name}_back" for name in KEY]
    return set(again.select("payment_id_back", *names).iter_rows())


def _paying_again(
    ledger: Ledger,
    lines: pl.DataFrame,
    back: pl.DataFrame,
    away: Mapping[str, Sequence[tuple[int, int]]],
) -> pl.DataFrame:
    """Join lines to those that came back and that they pay again, drawn up while they were away.

    A top-up that was drawn up while the first payment stood is no second one.
    """
    met = lines.join(back, on=SUBJECT, how="inner", suffix="_back")
    met = met.filter(pays_the_same(), pl.col("payment_id") != pl.col("payment_id_back"))
    batches, books = ledger.batches_of_payments(), ledger.books()
    is_again = [
        any(begins < books.drawn_up_at(batches[later]) < ends for begins, ends in away[first])
        for first, later in met.select("payment_id_back", "payment_id").iter_rows()
    ]
    return met.filter(pl.Series(is_again, dtype=pl.Boolean))


def _away(ledger: Ledger, batch_id: str) -> dict[str, list[tuple[int, int]]]:
    """Return between which postings each payment of a batch counts as come back: NEVER, still."""
    away = dict[str, list[tuple[int, int]]]()
    for posting in ledger.postings(batch_id=batch_id):
        if posting.kind != "settled":
            continue
        said = posting.said
        for payment_id, _, _ in said["restored"]:
            away[payment_id][-1] = (away[payment_id][-1][0], posting.sequence)
        for payment_id, _, _ in (*said["returned"], *said["late"]):
            away.setdefault(payment_id, []).append((posting.sequence, NEVER))
    return away


def twice_warnings(found: list[dict[str, Any]]) -> list[str]:
    """Say of each payment that was made twice which one may still be stopped."""
    return [
        f"payment {one['payment_id']} arrived after all, and payment {one['again_payment_id']} of "
        f"batch {one['again_batch_id']} paid it again ({one['again_yuan']} 元): have the bank stop "
        "that one if it has not paid it yet; what it has paid, the next night asks back"
        for one in found
    ]
