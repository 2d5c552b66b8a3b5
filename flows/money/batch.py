"""The stage that drafts: batches from entitlements, their folders, their state in the ledger."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import REVIEW, known_state, read_batch, verify_batch, write_batch
from flows.money.entitle import Entitled
from flows.money.funds import Funds
from flows.money.ledger_store import Ledger, open_ledger
from flows.money.standing import Standing
from flows.store import Home, replace_file
from sql import policy_cards
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError
from transforms.money.batches import (
    INSTRUCTION_SCHEMA,
    LINE_SCHEMA,
    DraftBatch,
    batch_name,
    draw_batch,
)
from transforms.money.ledger import missing_roles
from transforms.payments.workbook import review_workbook
from transforms.policies.cards import PolicyStatus

NUMBER_KEYS = ("name", "value", "from", "source")


@dataclass(frozen=True)
class Drafted:
    """The batches of one run, in memory, and all their instructions and lines together."""

    run_id: str
    batches: Sequence[DraftBatch]
    instructions: pl.DataFrame
    lines: pl.DataFrame


def draft_batches(
    run_id: str,
    as_of: date,
    entitled: Entitled,
    policies: Mapping[str, PolicyStatus],
    funds: Funds,
    standing: Standing,
) -> Drafted:
    """Draw up a batch for each fund that has something to pay, in memory.

    Rows:    policies  what became of each policy, and the numbers it used
             returns   batches in the order of the funds' names
    Units:   fen
    Source:  rulebook §4.7
    """
    fund_of = {name: card.fund for name, card in policy_cards().items() if card.fund}
    by_fund = entitled.entitlements.with_columns(
        pl.col("policy_id").replace_strict(fund_of, return_dtype=pl.String).alias("fund")
    )
    payable_funds = by_fund.filter(pl.col("status") == "payable")["fund"].unique().sort()
    batches = []
    for fund in payable_funds:
        rows = by_fund.filter(pl.col("fund") == fund).drop("fund")
        entries, unconfirmed = _policies_of(rows, policies)
        identity = {
            "batch_id": batch_name(run_id, fund),
            "run_id": run_id,
            "fund": fund,
            "as_of": as_of.isoformat(),
            "code_version": importlib.metadata.version("wuxing"),
            "unconfirmed": unconfirmed,
            "titles": {name: card.title for name, card in policy_cards().items()},
        }
        funding = _funding(fund, as_of.year, funds, standing)
        batches.append(
            draw_batch(identity, rows, entitled.payees, standing.installments, funding, entries)
        )
    return Drafted(
        run_id=run_id,
        batches=batches,
        instructions=pl.concat(
            [pl.DataFrame(schema=INSTRUCTION_SCHEMA), *(batch.instructions for batch in batches)]
        ),
        lines=pl.concat([pl.DataFrame(schema=LINE_SCHEMA), *(batch.lines for batch in batches)]),
    )


def _policies_of(
    rows: pl.DataFrame, policies: Mapping[str, PolicyStatus]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the cards' words on a batch's policies, and the unconfirmed numbers they used."""
    entries, unconfirmed = [], []
    for policy_id in rows["policy_id"].unique().sort():
        card = policy_cards()[policy_id]
        entries.append(
            {
                "policy_id": policy_id,
                "title": card.title,
                "item": card.item,
                "authority": card.authority,
                "clause": card.clause,
                "bureau": card.bureau,
            }
        )
        used = policies[policy_id].parameters_used if policy_id in policies else []
        unconfirmed += [
            {
                "policy_id": policy_id,
                **{key: number[key] for key in NUMBER_KEYS},
            }
            for number in used
            if not number["confirmed"]
        ]
    return entries, unconfirmed


def _funding(fund: str, year: int, funds: Funds, standing: Standing) -> dict[str, Any]:
    nothing = {"payer_name": "", "payer_account": "", "bank_code": "", "bank_name": ""}
    configured = funds.by_name.get(fund)
    content = configured.content() if configured else {**nothing, "profile": None}
    return {
        **content,
        "budget_year": year,
        "budget_fen": funds.budget_fen(fund, year),
        "spent_fen": standing.spent_fen[fund],
    }


def record_drafts(home: Home, drafted: Drafted, ledger: Ledger) -> None:
    """Write the batches' folders, then record them and withdraw other runs' drafts, at once.

    Holds:   the same run again changes nothing; a withdrawn batch keeps its folder
    """
    digests = {batch.batch_id: write_batch(home, batch) for batch in drafted.batches}
    with ledger.transaction():
        states = ledger.batch_states()
        for state in states.values():
            if state.state == "draft" and state.run_id != drafted.run_id:
                ledger.add_event(
                    state.batch_id, "withdrawn", drafted.run_id, {"by_run": drafted.run_id}
                )
        for batch in drafted.batches:
            known = states.get(batch.batch_id)
            digest = digests[batch.batch_id]
            if known and known.batch_digest != digest:
                raise DigestDiffersError(
                    f"batch {batch.batch_id} is not as the ledger recorded it; `wuxing verify`"
                )
            if known is None or known.state == "withdrawn":
                ledger.add_event(batch.batch_id, "drafted", drafted.run_id, _drafted(batch, digest))


def _drafted(batch: DraftBatch, digest: str) -> dict[str, Any]:
    control = batch.manifest["control"]
    return {
        "run_id": batch.manifest["run_id"],
        "fund": batch.fund,
        "as_of": batch.manifest["as_of"],
        "mark": batch.mark,
        "batch_digest": digest,
        "line_count": control["line_count"],
        "amount_fen": control["amount_fen"],
    }


def list_batches(home: Home) -> list[dict[str, Any]]:
    """Return all batches with their state, in the order they were drafted."""
    with open_ledger(home) as ledger:
        states = ledger.batch_states()
    return [
        {
            "batch_id": state.batch_id,
            "state": state.state,
            "fund": state.fund,
            "run_id": state.run_id,
            "as_of": state.as_of,
            "line_count": state.line_count,
            "amount_fen": state.amount_fen,
            "amount_yuan": yuan_text(state.amount_fen),
            "mark": state.mark,
            "signed_by": sorted(state.signatures),
        }
        for state in states.values()
    ]


def show_batch(home: Home, batch_id: str) -> dict[str, Any]:
    """Return one batch: state, totals by policy, signatures, unconfirmed parameters, files."""
    with open_ledger(home) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
    stored = read_batch(home, batch_id)
    (listed,) = [batch for batch in list_batches(home) if batch["batch_id"] == batch_id]
    return {
        **listed,
        "batch_digest": state.batch_digest,
        "control": stored.manifest["control"],
        "unconfirmed": stored.manifest["unconfirmed"],
        "missing_signatures": missing_roles(state.signatures),
        "signatures": {
            role: {"name": said["name"], "fingerprint": said["fingerprint"]}
            for role, said in state.signatures.items()
        },
        "files": sorted(str(path) for path in stored.folder.iterdir()),
    }


def pack_batch(home: Home, batch_id: str) -> Path:
    """Write a batch's review pack again; it must come out the same to the byte.

    Raises:  DigestDiffersError if it does not
    """
    with open_ledger(home) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
    stored = read_batch(home, batch_id)
    path = stored.folder / REVIEW
    content = review_workbook(
        {name: value for name, value in stored.manifest.items() if name != "files"},
        stored.frame("instructions"),
        stored.frame("lines"),
        stored.frame("unpaid_lines"),
    )
    if hashlib.sha256(content).hexdigest() != stored.manifest["files"][REVIEW]:
        raise DigestDiffersError(
            f"{path} came out otherwise than when the batch was drawn up, by another version of "
            "wuxing; nothing was written: restore the file from a backup if it is damaged"
        )
    replace_file(path, content)
    verify_batch(home, state)
    return path
