"""A batch beside the one before it of the same fund: who is new, gone, changed; which accounts."""

from typing import Any

import polars as pl

from transforms.money.payees import DESTINATION, PAYEE
from transforms.review.sums import share_of

LINE = ["policy_id", "subject_kind", "subject_id", *PAYEE]
CHANGED_PERCENT = 20
TOP_PAYEES = 20
CHANGE_SCHEMA: dict[str, Any] = {
    "change": pl.String(),
    **dict.fromkeys(LINE, pl.String()),
    "before_fen": pl.Int64(),
    "before_count": pl.Int64(),
    "amount_fen": pl.Int64(),
    "line_count": pl.Int64(),
}
ACCOUNT_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(PAYEE, pl.String()),
    "account_before": pl.String(),
    "account_no": pl.String(),
    "account_known_by": pl.String(),
    "amount_fen": pl.Int64(),
}


def changed_lines(lines: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Say which lines of a batch are new, gone, or changed against those of the batch before.

    Rows:    lines, before  of the two batches
             returns        CHANGE_SCHEMA, one per policy, subject and beneficiary; not those that
                            get per period what they got, within CHANGED_PERCENT
    Units:   fen
    """
    now = _by_party(lines)
    earlier = _by_party(before).rename({"amount_fen": "before_fen", "line_count": "before_count"})
    both = now.join(earlier, on=LINE, how="full", coalesce=True, validate="1:1").with_columns(
        pl.col(name).fill_null(0)
        for name in ("amount_fen", "line_count", "before_fen", "before_count")
    )
    # Per period, multiplied out: a batch of two months is no change against one of one month.
    new_rate = pl.col("amount_fen") * pl.col("before_count")
    old_rate = pl.col("before_fen") * pl.col("line_count")
    change = (
        pl.when(pl.col("before_count") == 0)
        .then(pl.lit("line_new"))
        .when(pl.col("line_count") == 0)
        .then(pl.lit("line_gone"))
        .when((new_rate - old_rate).abs() * 100 > old_rate * CHANGED_PERCENT)
        .then(pl.lit("amount_changed"))
    )
    told = both.with_columns(change.alias("change")).drop_nulls("change")
    size = pl.max_horizontal("amount_fen", "before_fen")
    return told.select(*CHANGE_SCHEMA).sort(
        "change", size, *LINE, descending=[False, True, *([False] * len(LINE))]
    )


def _by_party(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.group_by(LINE).agg(
        pl.col("amount_fen").sum(), pl.len().cast(pl.Int64).alias("line_count")
    )


def changed_accounts(
    instructions: pl.DataFrame, paid: pl.DataFrame, delivered: pl.DataFrame
) -> pl.DataFrame:
    """Say which payees are to be paid to another account, bank or holder than before.

    Rows:    instructions  of the batch
             paid          one per payee that was ever paid: DESTINATION of the last payment, its
                           bank where that is known
             delivered     one per party with one usable account in the snapshot of the run before
             returns       ACCOUNT_SCHEMA, one per payee: of both accounts what differs; what was
                           paid to counts before what was delivered, and who was known by neither
                           is no change
    """
    known = pl.concat(
        rows.select(*PAYEE, *_parts("_before"), pl.lit(code).alias("account_known_by"))
        for code, rows in {
            "last_payment": paid,
            "last_delivered": delivered.join(paid, on=PAYEE, how="anti"),
        }.items()
    )
    moved = {
        name: pl.col(name) != pl.col(f"{name}_before").fill_null(pl.col(name))
        for name in ("account_no", "bank", "holder")
    }
    shown = {
        "account_no": [pl.when(differs).then(name) for name, differs in moved.items()],
        "account_before": [pl.when(d).then(f"{name}_before") for name, d in moved.items()],
    }
    return (
        _by_payee(instructions)
        .with_columns(_parts(""))
        .join(known, on=PAYEE, how="inner", validate="1:1")
        .filter(pl.any_horizontal(moved.values()))
        .with_columns(
            pl.concat_str(parts, separator=" ", ignore_nulls=True).alias(name)
            for name, parts in shown.items()
        )
        .select(*ACCOUNT_SCHEMA)
        .sort("amount_fen", *PAYEE, descending=[True, False, False])
    )


def _parts(suffix: str) -> list[pl.Expr]:
    # Of a batch that is not kept no bank is known; every account has the name of one.
    bank = pl.concat_str("bank_name", "bank_code", separator=" ", ignore_nulls=True)
    known = pl.when(pl.col("bank_name").is_not_null()).then(bank)
    parts = {"account_no": pl.col("account_no"), "bank": known, "holder": pl.col("holder")}
    return [part.alias(f"{name}{suffix}") for name, part in parts.items()]


def first_payees(instructions: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Return the payees that this home never paid, with account and sum, the largest first."""
    return (
        _by_payee(instructions)
        .join(paid, on=PAYEE, how="anti")
        .sort("amount_fen", *PAYEE, descending=[True, False, False])
    )


def top_payees(instructions: pl.DataFrame) -> pl.DataFrame:
    """Return the payees of the largest sums, with the share of each in the batch."""
    total = int(instructions["amount_fen"].sum())
    ordered = _by_payee(instructions).sort("amount_fen", *PAYEE, descending=[True, False, False])
    return ordered.head(TOP_PAYEES).with_columns(share_of("amount_fen", total))


def _by_payee(instructions: pl.DataFrame) -> pl.DataFrame:
    # One payee has one account in a batch, whatever it is paid for.
    return instructions.group_by(PAYEE).agg(pl.col(DESTINATION).min(), pl.col("amount_fen").sum())


def last_paid(entries: pl.DataFrame) -> pl.DataFrame:
    """Return by which payment each payee was paid last, and to what account.

    Rows:    entries  payments of the ledger, in the order of posting; returns one per payee
    """
    told = ("batch_id", "payment_id", "account_no", "holder")
    return entries.group_by(PAYEE, maintain_order=True).agg(pl.col(told).last()).sort(PAYEE)
