"""What a run made of determinations in money: entitlements, payments, claimants in conflict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.store import Home
from transforms.answers.explanation import KEY

CONFLICT, PAYABLE = "conflict", "payable"
CLAIM = ["policy_id", "period", "subject_id", "beneficiary_id", "determined_fen"]


def money_of_rows(
    home: Home, manifest: Mapping[str, Any], policy: str, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return, by key, the entitlement of each row, its payments, and who else claims the month."""
    folder = home.runs / manifest["run_id"]
    beneficiaries = sorted({row["beneficiary_id"] for row in rows})
    entitled = entitlements_of(folder, policy).filter(pl.col("beneficiary_id").is_in(beneficiaries))
    of_key = {tuple(row[name] for name in KEY): row for row in entitled.to_dicts()}
    payments = _payments(home, manifest["batches"], policy, beneficiaries)
    money: dict[tuple[str, ...], dict[str, Any]] = {}
    for key in (tuple(row[name] for name in KEY) for row in rows):
        status = of_key.get(key, {}).get("status")
        money[key] = {
            "entitlement": of_key.get(key),
            "payments": payments.get(key[4], []) if status == PAYABLE else [],
            "claimants": _claimants(folder, key) if status == CONFLICT else [],
        }
    return money


def entitlements_of(folder: Path, policy: str) -> pl.DataFrame:
    """Return a policy's entitlements in a run; none if the run stopped before it had any."""
    path = folder / "entitlements.parquet"
    if not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys([*KEY, "status"], pl.String))
    return pl.scan_parquet(path).filter(pl.col("policy_id") == policy).collect()


def _claimants(folder: Path, key: tuple[str, ...]) -> list[dict[str, Any]]:
    """List all lines in conflict over the person and month of a key, itself included."""
    period, _, subject, *_ = key
    rows = pl.scan_parquet(folder / "entitlements.parquet").filter(
        (pl.col("status") == CONFLICT)
        & (pl.col("period") == period)
        & (pl.col("subject_id") == subject)
    )
    return rows.select(CLAIM).collect().sort(CLAIM).to_dicts()


def _payments(
    home: Home, batches: Sequence[str], policy: str, beneficiaries: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    shown = ["batch_id", "payment_id", "amount_fen", "line_count"]
    payments: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        path = home.batches / batch / "instructions.parquet"
        if path.is_file():
            found = pl.scan_parquet(path).filter(
                (pl.col("policy_id") == policy) & pl.col("beneficiary_id").is_in(beneficiaries)
            )
            for row in found.select("beneficiary_id", *shown).collect().to_dicts():
                payments.setdefault(row.pop("beneficiary_id"), []).append(row)
    return payments
