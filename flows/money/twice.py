"""What one payment and another paid for the same: the first came back, and arrived after all."""

from typing import Any

import polars as pl

from flows.money.ledger import Ledger
from sql import policy_cards
from sql.texts import exclusions
from transforms.amounts import yuan_text
from transforms.money.batch_states import BatchState


def pays_the_same() -> pl.Expr:
    """Say of joined lines that one pays what the other, `_back`, had paid, or what excludes it."""
    is_same_policy = pl.col("policy_id") == pl.col("policy_id_back")
    is_rival = pl.any_horizontal(
        pl.col("policy_id").is_in(one.policies) & pl.col("policy_id_back").is_in(one.policies)
        for one in exclusions()
    )
    once = [name for name, card in policy_cards().items() if card.limit == 1]
    is_same_period = pl.col("period") == pl.col("period_back")
    return (is_same_period & (is_same_policy | is_rival)) | (
        is_same_policy & pl.col("policy_id").is_in(once)
    )


def paid_twice(ledger: Ledger, batch_id: str) -> list[dict[str, Any]]:
    """List what arrived after all of a batch, with each payment that paid it again meanwhile.

    Rows:    returns  one per two payments that stand; yuan of the later one's lines
    """
    away = _away(ledger, batch_id)
    if not away:
        return []
    states, batches, standing = (
        ledger.batch_states(),
        ledger.batches_of_payments(),
        ledger.paid_lines(),
    )
    back = standing.filter(pl.col("payment_id").is_in([*away]))
    met = standing.join(back, on=["subject_kind", "subject_id"], how="inner", suffix="_back")
    sums: dict[tuple[str, str], int] = {}
    # A top-up that was drawn up while the first payment stood is no second one.
    for later, first, fen in (
        met.filter(pays_the_same(), pl.col("payment_id") != pl.col("payment_id_back"))
        .select("payment_id", "payment_id_back", "amount_fen")
        .sort(pl.all())
        .iter_rows()
    ):
        returned, restored = away[first]
        if returned < _drawn_up(states, batches[later]) < restored:
            sums[first, later] = sums.get((first, later), 0) + fen
    return [
        {
            "payment_id": first,
            "batch_id": batch_id,
            "again_payment_id": later,
            "again_batch_id": batches[later],
            "again_yuan": yuan_text(fen),
        }
        for (first, later), fen in sorted(sums.items())
    ]


def _away(ledger: Ledger, batch_id: str) -> dict[str, tuple[int, int]]:
    """Return between which postings each payment that arrived after all counted as come back."""
    left, away = dict[str, int](), dict[str, tuple[int, int]]()
    for posting in ledger.postings(batch_id=batch_id):
        if posting.kind != "settled":
            continue
        said = posting.said
        for payment_id, _, _ in said["restored"]:
            away[payment_id] = (left[payment_id], posting.sequence)
        for payment_id, _, _ in (*said["returned"], *said["late"]):
            left[payment_id] = posting.sequence
    return away


def _drawn_up(states: dict[str, BatchState], batch_id: str) -> int:
    """Return when a batch was drawn up, or the one whose review it is left from."""
    state = states[batch_id]
    while state.came_from:
        state = states[state.came_from]
    return state.drafted_at


def twice_warnings(found: list[dict[str, Any]]) -> list[str]:
    """Say of each payment that was made twice which one may still be stopped."""
    return [
        f"payment {one['payment_id']} arrived after all, and payment {one['again_payment_id']} of "
        f"batch {one['again_batch_id']} paid it again ({one['again_yuan']} 元): have the bank stop "
        "that one if it has not paid it yet; what it has paid, the next night asks back"
        for one in found
    ]
