"""The ledger's rules: what an entry is, how entries are chained, what a batch's events mean."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from transforms.digest import content_digest
from transforms.errors import ContractError
from transforms.money.entitlements import KEY

FIRST_HASH = "0" * 64
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
EVENT_FIELDS = ("batch_id", "kind", "subject", "content")
EVENT_KINDS = ("key_registered", "drafted", "withdrawn", "signed", "released", "settled")
ROLES = ("reviewer", "approver")
RESERVING_STATES = ("signed", "released", "settled")


@dataclass
class BatchState:
    """What a batch's events add up to."""

    batch_id: str
    run_id: str
    fund: str
    as_of: str
    mark: str
    batch_digest: str
    line_count: int
    amount_fen: int
    state: str = "draft"
    signatures: dict[str, dict[str, Any]] = field(default_factory=dict)
    released: dict[str, Any] | None = None
    settled: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reserves(self) -> bool:
        """Say whether its lines count as paid before: signed, not released, and releasable.

        A batch marked over budget can never be released, so its lines are not reserved by it.
        """
        return self.state == "signed" and not self.mark


def chain_hash(previous: str, values: Iterable[Any]) -> str:
    """Return the hash of an entry or event: over the one before and its own canonical content.

    >>> chain_hash(FIRST_HASH, ["a", 1])[:8]
    '032ca5b8'
    """
    said = "\x1f".join([previous, *("" if value is None else str(value) for value in values)])
    return hashlib.sha256(said.encode()).hexdigest()


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


def return_entries(payments: pl.DataFrame, payment_ids: Sequence[str]) -> pl.DataFrame:
    """Make the entries that take back returned payments: beneficiary debited, fund credited.

    Rows:    payments  the payment entries of a batch; returns one per line of a returned payment
    Units:   fen
    """
    return (
        payments.filter(pl.col("payment_id").is_in(list(payment_ids)))
        .with_columns(
            pl.concat_str(pl.lit("return|"), "idempotency_key").alias("idempotency_key"),
            pl.lit("return").alias("kind"),
            pl.col("idempotency_key").alias("reverses"),
            pl.col("credit_account").alias("debit_account"),
            pl.col("debit_account").alias("credit_account"),
        )
        .sort(KEY)
        .select(ENTRY_FIELDS)
    )


def collision(found: Iterable[Any], values: Iterable[Any]) -> str:
    """Say in which columns an entry differs from the one that holds its key, without values."""
    differing = [
        name for name, there, new in zip(ENTRY_FIELDS, found, values, strict=True) if there != new
    ]
    return (
        f"already paid: the ledger holds a payment of the same entitlement with another "
        f"{', '.join(differing)}; nothing was posted; make a new run"
    )


def states_of(events: Iterable[Mapping[str, Any]]) -> dict[str, BatchState]:
    """Add up the events of all batches, in their order.

    Rows:    events  batch_id, kind, subject and content (a mapping), oldest first
    """
    states: dict[str, BatchState] = {}
    for event in events:
        content, batch_id = event["content"], event["batch_id"]
        if event["kind"] == "drafted":
            if batch_id not in states:
                states[batch_id] = BatchState(batch_id=batch_id, **content)
            states[batch_id].state = "draft"
        elif event["kind"] == "withdrawn":
            states[batch_id].state = "withdrawn"
        elif event["kind"] == "signed":
            states[batch_id].state = "signed"
            states[batch_id].signatures[event["subject"]] = content
        elif event["kind"] == "released":
            states[batch_id].state = "released"
            states[batch_id].released = content
        elif event["kind"] == "settled":
            states[batch_id].state = "settled"
            states[batch_id].settled.append(content)
    return states


def state_digest(states: Mapping[str, BatchState]) -> str:
    """Return the digest of what a run nets against: signed, released and settled batches.

    Drafts and withdrawn batches reserve nothing and are no part of it.
    """
    return content_digest(
        [
            [state.batch_id, state.state, state.batch_digest, state.settled]
            for state in sorted(states.values(), key=lambda state: state.batch_id)
            if state.state in RESERVING_STATES
        ]
    )


def signed_message(batch_id: str, batch_digest: str, role: str) -> bytes:
    """Return the bytes a person signs: this batch, whole, in this role."""
    return f"wuxing batch {batch_id} {batch_digest} {role}".encode()


def missing_roles(signatures: Mapping[str, Any]) -> list[str]:
    """List the roles that have not signed yet."""
    return [role for role in ROLES if role not in signatures]


def same_person(one: str, other: str) -> bool:
    """Say whether two names name one person, whatever the spaces and letter case.

    >>> same_person("Li  Lei", "li lei"), same_person("甲", "乙")
    (True, False)
    """
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()


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
