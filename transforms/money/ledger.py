"""The ledger's entries: what a payment and a return post, and what they add up to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.money.entitlements import KEY

ENTRY_FIELDS = (
    "idempotency_key",
    "kind",
    "reverses",
    "batch_id",
    "payment_id",
    "fund",
    "budget_year",
    *KEY,
    "debit_account",
    "credit_account",
    "holder",
    "account_no",
    "amount_fen",
)
PAID_SCHEMA: dict[str, Any] = {
    "payment_id": pl.String(),
    **dict.fromkeys(KEY, pl.String()),
    "amount_fen": pl.Int64(),
    "account_no": pl.String(),
}


# Entries by which a beneficiary holds money: paid, or found to be paid after all.
PAID_KINDS = ("payment", "restored")


def payment_entries(
    lines: pl.DataFrame, instructions: pl.DataFrame, budget_year: int
) -> pl.DataFrame:
    """Make the ledger entries of a batch: fund debited, beneficiary credited, line by line.

    Rows:    lines    one per entitlement key; instructions: one per payment id
             returns  one per line; the idempotency key says which payment of which entitlement
                      it is, so that the same one can't be paid by two batches
    Units:   fen
    Holds:   every amount is above zero
    """
    key = pl.concat_str(
        pl.lit("payment"), *KEY, pl.col("installment").cast(pl.String), separator="|"
    )
    accounts = instructions.select("payment_id", "holder", "account_no")
    entries = (
        lines.join(accounts, on="payment_id", how="left", validate="m:1")
        .with_columns(
            key.alias("idempotency_key"),
            pl.lit("payment").alias("kind"),
            pl.lit("").alias("reverses"),
            pl.lit(budget_year, pl.Int64).alias("budget_year"),
            pl.concat_str(pl.lit("fund:"), "fund").alias("debit_account"),
            pl.concat_str(
                pl.lit("beneficiary:"), "beneficiary_kind", pl.lit(":"), "beneficiary_id"
            ).alias("credit_account"),
        )
        .sort(KEY)
        .select(ENTRY_FIELDS)
    )
    if entries.filter(pl.col("amount_fen") <= 0).height or entries["account_no"].null_count():
        raise ContractError("an entry has no account or no amount above zero")
    return entries


def installment_of(idempotency_key: str) -> pl.Expr:
    """Read from a column of payments' idempotency keys which payment of its entitlement each is."""
    return pl.col(idempotency_key).str.split("|").list.last().cast(pl.Int64)


def later_entries(kind: str, said: Mapping[str, Any], history: pl.DataFrame) -> pl.DataFrame:
    """Make the entries that a posting of a batch posts once it is paid, from what it says.

    Rows:    history  the batch's entries so far; returns: none of what moves no money
    Units:   fen
    """
    if kind == "settled":
        returned = [answer[0] for answer in (*said["returned"], *said["late"])]
        restored = [answer[0] for answer in said["restored"]]
        return pl.concat(
            [
                _reversal(history, PAID_KINDS, "return", returned),
                _reversal(history, ("return",), "restored", restored),
            ]
        )
    if kind == "recovered":
        return _recovered(history, said["act"]["statement"])
    return history.clear()


def _reversal(
    history: pl.DataFrame, kinds: Sequence[str], kind: str, payment_ids: Sequence[str]
) -> pl.DataFrame:
    """Take back the entries of some payments that still stand: the accounts change sides."""
    standing = history.filter(
        pl.col("kind").is_in(kinds)
        & ~pl.col("idempotency_key").is_in(history["reverses"].to_list())
    )
    return (
        standing.filter(pl.col("payment_id").is_in(list(payment_ids)))
        .with_columns(
            pl.concat_str(pl.lit(f"{kind}|"), "idempotency_key").alias("idempotency_key"),
            pl.lit(kind).alias("kind"),
            pl.col("idempotency_key").alias("reverses"),
            pl.col("credit_account").alias("debit_account"),
            pl.col("debit_account").alias("credit_account"),
        )
        .sort(KEY)
        .select(ENTRY_FIELDS)
    )


def _recovered(history: pl.DataFrame, said: Mapping[str, Any]) -> pl.DataFrame:
    """Make the entry of money that a beneficiary gave back, for one line of a payment."""
    line = {name: said["line"][name] for name in KEY}
    is_paid = pl.col("kind").is_in(PAID_KINDS)
    paid = history.filter(is_paid, payment_id=said["payment_id"], **line).head(1)
    words = ("recovered", said["document_no"], said["payment_id"], *line.values())
    return paid.with_columns(
        pl.lit("|".join(words)).alias("idempotency_key"),
        pl.lit("recovered").alias("kind"),
        pl.lit("").alias("reverses"),
        pl.col("credit_account").alias("debit_account"),
        pl.col("debit_account").alias("credit_account"),
        pl.lit(said["amount_fen"], pl.Int64).alias("amount_fen"),
    ).select(ENTRY_FIELDS)


def collision(found: Iterable[Any], values: Iterable[Any]) -> str:
    """Say in which columns an entry differs from the one that holds its key, without values."""
    differing = [
        name for name, there, new in zip(ENTRY_FIELDS, found, values, strict=True) if there != new
    ]
    if not differing:
        return "already posted: the ledger holds this very entry; nothing was posted again"
    return (
        f"already paid: the ledger holds a payment of the same entitlement with another "
        f"{', '.join(differing)}; nothing was posted; make a new run"
    )


def balances(entries: Sequence[tuple[str, str, int]]) -> dict[str, int]:
    """Return the balance of each account: debits take away, credits add.

    Units:   fen
    Holds:   all balances add up to zero
    """
    sums: dict[str, int] = {}
    for debit_account, credit_account, amount_fen in entries:
        sums[debit_account] = sums.get(debit_account, 0) - amount_fen
        sums[credit_account] = sums.get(credit_account, 0) + amount_fen
    if sum(sums.values()):
        raise ContractError("the ledger's balances do not add up to zero")
    return dict(sorted(sums.items()))
