"""What a reviewer said of a batch's lines, and the batch that is left after it."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.digest import content_digest
from transforms.errors import ContractError
from transforms.money.batches import DraftBatch, batch_name, draw_batch
from transforms.money.entitlements import KEY
from transforms.money.payees import DESTINATION, PAYEE

AGREED, HOLD, STRIKE = VERDICTS = ("verdict_agreed", "verdict_hold", "verdict_strike")
# What a line becomes that is not agreed to: a status of entitlements, and its reason.
REASONS = {HOLD: "review_hold", STRIKE: "struck_out"}
OPEN = ("verdict", "remark")


def sort_lines(lines: pl.DataFrame, verdicts: pl.DataFrame) -> list[pl.DataFrame]:
    """Lay a batch's lines apart by what the reviewer said of each.

    Rows:    lines     as stored; verdicts: one per line, in the same order
             returns   those agreed to, held, struck out: KEY and remark
    """
    said = pl.concat([lines, verdicts], how="horizontal")
    return [said.filter(pl.col("verdict") == code).drop("verdict") for code in VERDICTS]


def listed(rows: pl.DataFrame, *more: str) -> list[list[str]]:
    """List lines by their keys and the reviewer's remark, as they are posted."""
    return [list(row) for row in rows.select(*KEY, "remark", *more).sort(KEY).iter_rows()]


def draw_reviewed(
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    taken_out: Mapping[tuple[str, ...], str],
    review: Mapping[str, Any],
) -> DraftBatch:
    """Draw up the batch that is left of one after its review; nothing is written.

    Rows:    manifest, frames  of the batch that was reviewed, as stored
             taken_out         per entitlement key held or struck out: its verdict
             review            of, of_digest, workbook: what it comes from
    Holds:   its lines and those taken out are the lines of the batch it comes from
    """
    lines, unpaid = frames["lines"], frames["unpaid_lines"]
    due = _after_review(lines, taken_out)
    out_fen = int(due.filter(pl.col("status") == "held")["due_fen"].sum())
    names = ("run_id", "fund", "as_of", "code_version", "unconfirmed", "titles")
    identity = {
        "batch_id": batch_name(manifest["run_id"], manifest["fund"], review),
        **{name: manifest[name] for name in names},
        "came_from": review["of"],
        "review": dict(review),
    }
    drawn = draw_batch(
        identity,
        pl.concat([due.select(unpaid.columns), unpaid]),
        frames["instructions"].select(*PAYEE, *DESTINATION).unique(maintain_order=True),
        lines.select(*KEY, (pl.col("installment") - 1).alias("times")),
        manifest["funding"],
        manifest["policies"],
    )
    left_fen = drawn.manifest["control"]["amount_fen"]
    if left_fen + out_fen != manifest["control"]["amount_fen"]:
        raise ContractError(f"the review of batch {manifest['batch_id']} does not keep its sum")
    return drawn


def _after_review(lines: pl.DataFrame, taken_out: Mapping[tuple[str, ...], str]) -> pl.DataFrame:
    """Write a batch's lines as entitlements again: payable, or held with the reviewer's reason."""
    codes = pl.DataFrame(
        [(*key, REASONS[verdict]) for key, verdict in sorted(taken_out.items())],
        schema=dict.fromkeys([*KEY, "reason"], pl.String()),
        orient="row",
    )
    status = pl.when(pl.col("reason").is_null()).then(pl.lit("payable")).otherwise(pl.lit("held"))
    return (
        lines.join(codes, on=KEY, how="left", validate="1:1")
        .sort(KEY)
        .select(
            *(*KEY, "determined_fen", "paid_before_fen"),
            pl.col("amount_fen").alias("due_fen"),
            status.alias("status"),
            pl.col("reason").fill_null(""),
            pl.lit("").alias("cause"),
            pl.lit("").alias("cause_rows"),
        )
    )


def facts_digest(
    row: Mapping[str, Any], destination: Mapping[str, Any], paid_before_fen: int | None = None
) -> str:
    """Return the digest of what a line rests on: provisions, amounts, facts, and where it is paid.

    Rows:    row              a policy's row, columns of its key left out
             destination      holder, account_no, bank_name, bank_code
             paid_before_fen  what was paid beside the line; None: as older strikes did not say it
    """
    facts = {name: value for name, value in row.items() if name not in KEY}
    if paid_before_fen is not None:
        facts["paid_before_fen"] = paid_before_fen
    place = {name: destination.get(name) for name in DESTINATION}
    return content_digest({name: str(value) for name, value in {**facts, **place}.items()})
