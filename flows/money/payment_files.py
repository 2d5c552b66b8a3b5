"""A batch's payment files, from nothing but its manifest, its instructions and a ledger's head."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from transforms.errors import ContractError, DigestDiffersError, ParameterMissingError
from transforms.money.batches import DraftBatch
from transforms.money.postings import FIRST_HASH
from transforms.payments.bank_file import PAYMENT_SCHEMA, bank_files
from transforms.payments.pain001 import pain001
from transforms.payments.profile import Profile, profile_of
from transforms.payments.working_days import next_working_day
from transforms.words import Said

PAYMENTS_XML = "payments.xml"
REHEARSAL = "rehearsal"
REHEARSED = "演练 REHEARSAL"
# So much of the ledger's head fits into a payment file's own reference beside the batch's id.
HEAD_SHOWN = 12


def payment_files(
    manifest: Mapping[str, Any],
    instructions: pl.DataFrame,
    head: str,
    *,
    is_rehearsal: bool = False,
) -> dict[str, bytes]:
    """Make the payment files of a batch, released from a ledger with this head.

    Holds:   the same batch gives the same bytes; sums are those of the batch's control totals; a
             rehearsal says so in the files' names and in the payer's name
    Raises:  ContractError if the profile can't hold what is to be paid; ParameterMissingError
    """
    batch_id, funding = manifest["batch_id"], manifest["funding"]
    as_of = date.fromisoformat(manifest["as_of"])
    profile = profile_of(funding["profile"], f"batch {batch_id}, its bank profile")
    payments = _payments(manifest, instructions)
    payer = {**funding, "reference": f"{batch_id}-{head[:HEAD_SHOWN]}"}
    if is_rehearsal:
        payer["payer_name"] = REHEARSED
    header = {
        "batch_id": batch_id,
        "payer_account": REHEARSAL.upper() if is_rehearsal else funding["payer_account"],
        "payer_name": payer["payer_name"],
        "project": manifest["fund"],
        "month": f"{as_of.year}{as_of.month:02d}",
        "ledger_head": head,
    }
    message = pain001(payments, batch_id, payer, as_of, next_working_day(as_of))
    files = {PAYMENTS_XML: message, **bank_files(payments, header, profile)}
    return _rehearsed(files, profile) if is_rehearsal else files


def _rehearsed(files: Mapping[str, bytes], profile: Profile) -> dict[str, bytes]:
    """Say in each file's name that it is a rehearsal, and in a bank's file by a line on top."""
    line = rehearsal_line(profile)
    return {
        f"{REHEARSAL}-{name}": content if name == PAYMENTS_XML else line + content
        for name, content in files.items()
    }


def rehearsal_line(profile: Profile) -> bytes:
    """Return the line on top of a bank's file that is a rehearsal."""
    return f"{REHEARSAL.upper()}{profile.line_ending}".encode(profile.encoding)


def _payments(manifest: Mapping[str, Any], instructions: pl.DataFrame) -> pl.DataFrame:
    titles = {entry["policy_id"]: entry["title"] for entry in manifest["policies"]}
    payments = instructions.with_columns(
        pl.col("bank_name", "bank_code").fill_null(""),
        pl.col("policy_id").replace_strict(titles, return_dtype=pl.String).alias("purpose"),
    ).select(pl.col(name).cast(dtype) for name, dtype in PAYMENT_SCHEMA.items())
    control = manifest["control"]
    if (payments.height, payments["amount_fen"].sum()) != (
        control["instruction_count"],
        control["amount_fen"],
    ):
        raise DigestDiffersError(f"batch {manifest['batch_id']}: control totals do not agree")
    return payments


def rendered(batch: DraftBatch) -> DraftBatch:
    """Render a draft's payment files in memory: their sizes, or why they can't be written.

    Holds:   a batch that can't be written is marked before anybody signs it
    """
    if batch.manifest["funding"]["profile"] is None:
        return batch
    try:
        files = payment_files(batch.manifest, batch.instructions, FIRST_HASH)
    except (ContractError, ParameterMissingError) as unfit:
        said = Said("not_writable", {"why": str(unfit)})
        mark = batch.mark or str(said)
        marked = {"mark": mark, "mark_said": batch.manifest["mark_said"] or said.content()}
        return replace(batch, mark=mark, manifest={**batch.manifest, **marked})
    sizes = {name: len(content) for name, content in files.items()}
    return replace(batch, manifest={**batch.manifest, "payment_file_bytes": sizes})
