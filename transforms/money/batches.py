"""Draft batches: the lines of one run and fund, summed into instructions with control totals."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from transforms.digest import content_digest, frame_digest, short_id
from transforms.errors import ContractError
from transforms.money.entitlements import KEY
from transforms.money.payees import DESTINATION, PAYEE
from transforms.words import Said

INSTRUCTED = ["policy_id", *PAYEE]
INSTRUCTION_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(["batch_id", "fund", "payment_id", *INSTRUCTED, *DESTINATION], pl.String()),
    **dict.fromkeys(["amount_fen", "line_count"], pl.Int64()),
}
LINE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(["batch_id", "fund", "payment_id", *KEY], pl.String()),
    **dict.fromkeys(["determined_fen", "paid_before_fen", "amount_fen", "installment"], pl.Int64()),
}
UNPAID_STATUSES = ["held", "conflict", "superseded", "recovery", "unsupported"]


@dataclass(frozen=True)
class DraftBatch:
    """One fund's batch, in memory; `mark` says why it can't be released, or nothing."""

    batch_id: str
    fund: str
    mark: str
    instructions: pl.DataFrame
    lines: pl.DataFrame
    unpaid_lines: pl.DataFrame
    manifest: Mapping[str, Any]


def batch_name(run_id: str, fund: str, review: Mapping[str, Any] | None = None) -> str:
    """Return the id of the batch of one run and fund: the same run draws up the same batch.

    Rows:    review  what the review said that the batch comes from, if it comes from one
    """
    comes_from = {"review": content_digest(dict(review))} if review else {}
    return short_id("B", {"run_id": run_id, "fund": fund, **comes_from})


def payment_name(batch_id: str, policy_id: str, beneficiary_kind: str, beneficiary_id: str) -> str:
    """Return an instruction's id, unique for ever: P and 31 hex digits, A–Z 0–9 only.

    >>> payment_name("B0", "stability_refund", "employer", "91370302MA3C000001")
    'P37C2DE609CD114B2EF278B3D22EE928'
    """
    said = "\x1f".join((batch_id, policy_id, beneficiary_kind, beneficiary_id))
    return "P" + hashlib.sha256(said.encode()).hexdigest()[:31].upper()


def draw_lines(
    payable: pl.DataFrame, installments: pl.DataFrame, batch_id: str, fund: str
) -> pl.DataFrame:
    """Make the lines of a batch of the payable entitlements of its fund.

    Rows:    payable       one per key, due_fen
             installments  one per key that was paid before: times, returned payments too
             returns       one per key: payment_id of its instruction, and which payment it is
    Units:   fen
    """
    beneficiaries = payable.select(INSTRUCTED).unique().sort(INSTRUCTED)
    named = beneficiaries.with_columns(
        pl.Series(
            "payment_id",
            [payment_name(batch_id, *row) for row in beneficiaries.iter_rows()],
            dtype=pl.String,
        )
    )
    if named["payment_id"].is_duplicated().any():
        raise ContractError("two instructions have one payment id")
    return (
        payable.join(named, on=INSTRUCTED, how="left", validate="m:1")
        .join(installments.select(*KEY, "times"), on=KEY, how="left", validate="1:1")
        .with_columns(
            pl.lit(batch_id).alias("batch_id"),
            pl.lit(fund).alias("fund"),
            pl.col("due_fen").alias("amount_fen"),
            (pl.col("times").fill_null(0) + 1).alias("installment"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in LINE_SCHEMA.items())
        .sort(KEY)
    )


def sum_instructions(lines: pl.DataFrame, payees: pl.DataFrame) -> pl.DataFrame:
    """Sum the lines of each policy and beneficiary into one instruction.

    Rows:    lines    one per entitlement key; payees: one per beneficiary with its account
             returns  the contract's instructions, sorted by policy and beneficiary
    Units:   fen
    """
    return (
        lines.group_by("batch_id", "fund", "payment_id", *INSTRUCTED)
        .agg(pl.col("amount_fen").sum(), pl.len().alias("line_count"))
        .join(payees, on=PAYEE, how="left", validate="m:1")
        .select(pl.col(name).cast(dtype) for name, dtype in INSTRUCTION_SCHEMA.items())
        .sort(INSTRUCTED)
    )


def control_totals(
    payable: pl.DataFrame, lines: pl.DataFrame, instructions: pl.DataFrame
) -> dict[str, Any]:
    """Count and sum a batch, by the instructions and, again, by the lines and entitlements.

    Units:   fen
    Holds:   all routes give the same counts and sums, in total and per policy
    Raises:  ContractError if not
    """
    routes = [
        (len(payable), int(payable["due_fen"].sum())),
        (len(lines), int(lines["amount_fen"].sum())),
        (int(instructions["line_count"].sum()), int(instructions["amount_fen"].sum())),
    ]
    by_policy = instructions.group_by("policy_id").agg(
        pl.len().alias("instruction_count"), pl.col("line_count").sum(), pl.col("amount_fen").sum()
    )
    by_lines = payable.group_by("policy_id").agg(
        pl.len().cast(pl.Int64).alias("line_count"), pl.col("due_fen").sum().alias("amount_fen")
    )
    if len(set(routes)) != 1 or not by_policy.sort("policy_id").select(by_lines.columns).equals(
        by_lines.sort("policy_id")
    ):
        raise ContractError(f"control totals differ by route: {routes}")
    if instructions.filter((pl.col("amount_fen") <= 0) | pl.col("account_no").is_null()).height:
        raise ContractError("an instruction has no account or no amount above zero")
    return {
        "instruction_count": len(instructions),
        "line_count": routes[0][0],
        "amount_fen": routes[0][1],
        "by_policy": by_policy.sort("policy_id").to_dicts(),
    }


def budget_mark(budget_fen: int | None, spent_fen: int, batch_fen: int) -> Said | None:
    """Say why a batch can't be released for want of budget; None if nothing is in the way.

    Units:   fen
    Source:  rulebook §4.7
    """
    if budget_fen is None:
        return Said("no_budget")
    left_fen = budget_fen - spent_fen
    if batch_fen <= left_fen:
        return None
    sums = {"needed_fen": batch_fen, "left_fen": left_fen, "budget_fen": budget_fen}
    return Said("over_budget", sums)


def draw_batch(
    identity: Mapping[str, Any],
    entitlements: pl.DataFrame,
    payees: pl.DataFrame,
    installments: pl.DataFrame,
    funding: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
) -> DraftBatch:
    """Draw up the batch of one run and fund; nothing is written.

    Rows:    entitlements  those of the fund's policies, at least one payable
    Units:   fen
    Holds:   the sum of the instructions is the sum of what is payable
    """
    batch_id, fund = identity["batch_id"], identity["fund"]
    payable = entitlements.filter(pl.col("status") == "payable")
    lines = draw_lines(payable, installments, batch_id, fund)
    instructions = sum_instructions(lines, payees)
    unpaid = entitlements.filter(pl.col("status").is_in(UNPAID_STATUSES)).sort("status", *KEY)
    control = control_totals(payable, lines, instructions)
    mark = budget_mark(funding["budget_fen"], funding["spent_fen"], control["amount_fen"])
    manifest = {
        **identity,
        "mark": str(mark or ""),
        "mark_said": mark and mark.content(),
        "funding": dict(funding),
        "control": control,
        "policies": [dict(entry) for entry in policies],
        "content_digests": {
            "instructions": frame_digest(instructions),
            "lines": frame_digest(lines),
            "unpaid_lines": frame_digest(unpaid),
        },
    }
    return DraftBatch(batch_id, fund, manifest["mark"], instructions, lines, unpaid, manifest)
