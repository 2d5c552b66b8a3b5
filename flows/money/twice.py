"""What a payment that came back and a later one paid for the same, whether both stand or one."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from flows.money.ledger import NEVER, Ledger
from sql import policy_cards
from sql.texts import exclusions
from transforms.amounts import yuan_text
from transforms.money.batch_states import BatchState
from transforms.money.entitlements import KEY


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


def paid_twice(ledger: Ledger, batch_id: str) -> list[dict[str, Any]]:
    """List what arrived after all of a batch, with each payment that paid it again meanwhile.

    Rows:    returns  one per two payments that stand; yuan of the later one's lines
    """
    away = _away(ledger, batch_id)
    if not any(ends < NEVER for spans in away.values() for _, ends in spans):
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
        if _is_within(away[first], _drawn_up(states, batches[later])):
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


def paid_again(ledger: Ledger, back: pl.DataFrame) -> set[tuple[str, ...]]:
    """Tell which lines that came back were paid again: by a payment drawn up while they were away.

    That one counts whatever became of it: if it came back too, it is the one that waits.

    Rows:    back     payment_id, batch_id and KEY, one per line
             returns  payment_id and KEY of those paid again
    """
    states, batches = ledger.batch_states(), ledger.batches_of_payments()
    away = {
        payment_id: spans
        for batch_id in back["batch_id"].unique()
        for payment_id, spans in _away(ledger, batch_id).items()
    }
    met = ledger.lines_of("payment").join(
        back, on=["subject_kind", "subject_id"], how="inner", suffix="_back"
    )
    met = met.filter(pays_the_same(), pl.col("payment_id") != pl.col("payment_id_back"))
    subject = ("subject_kind", "subject_id")
    names = [name if name in subject else f"{name}_back" for name in KEY]
    return {
        (first, *line)
        for later, first, *line in met.select("payment_id", "payment_id_back", *names).iter_rows()
        if _is_within(away[first], _drawn_up(states, batches[later]))
    }


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


def _is_within(spans: Sequence[tuple[int, int]], place: int) -> bool:
    return any(begins < place < ends for begins, ends in spans)


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
