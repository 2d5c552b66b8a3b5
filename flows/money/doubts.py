"""What may be doubted of a batch's lines: every question of sql/review/doubts, asked of it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from flows.money.identity import paired_policies
from sql import Connection, policy_cards, register_frame, run_sql
from sql.texts import doubt_names
from transforms.extracts.kinds import KINDS
from transforms.money.exclusion_file import FORMS
from transforms.money.ledger import PAID_KINDS
from transforms.policies.cards import month_of
from transforms.review.doubts import AUDIT_FINDINGS, DOUBT_SCHEMA


def find_doubts(
    connection: Connection,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    parties: pl.DataFrame,
    entries: pl.DataFrame,
    traces: pl.DataFrame,
    findings: pl.DataFrame,
) -> pl.DataFrame:
    """Ask every question of sql/review/doubts about a batch.

    Rows:    entries  of the ledger, as it stood when the batch was drawn up: payments and returns
    """
    types = [
        (card.policy_id, name)
        for card in policy_cards().values()
        if card.fund == manifest["fund"]
        for name in card.support_types
    ]
    ours = entries.filter(pl.col("kind").is_in(PAID_KINDS) & (pl.col("fund") == manifest["fund"]))
    came_back = pl.col("idempotency_key").is_in(entries["reverses"].to_list())
    known = {
        "batch_lines": frames["lines"],
        "batch_payees": frames["instructions"],
        "unpaid_rows": frames["unpaid_lines"],
        "rows_set_aside": frames["set_aside"],
        "units_then": frames["units_then"],
        "party_names": parties.drop_nulls("subject_name"),
        "line_traces": traces,
        "run_findings": findings,
        "paid_entries": ours.with_columns(came_back.alias("is_reversed")).with_row_index(
            "entry_no"
        ),
        "amount_insurances": _amount_insurances(),
        "fund_support_types": pl.DataFrame(
            types, schema=dict.fromkeys(("policy_id", "support_type"), pl.String), orient="row"
        ),
    }
    for name, frame in known.items():
        register_frame(connection, name, frame)
    # Each file takes what it names: stored rules of a night of before have others.
    as_of_month = month_of(date.fromisoformat(manifest["as_of"]))
    limited = [name for name, card in policy_cards().items() if card.limit is not None]
    values = {"audit_findings": [*AUDIT_FINDINGS], "as_of_month": as_of_month}
    values |= {"limited_policies": limited, "pairs": paired_policies(FORMS[0])}
    found = [run_sql(connection, f"review/doubts/{name}.sql", values) for name in doubt_names()]
    told = [_of_lines(rows, frames["lines"]).select(list(DOUBT_SCHEMA)) for rows in found]
    return pl.concat([rows.cast(pl.Schema(DOUBT_SCHEMA)) for rows in told])


def _amount_insurances() -> pl.DataFrame:
    """Return the insurances whose contributions the amounts of a policy add up, by the cards."""
    codes = KINDS["contributions"].column_named["insurance"].codes
    rows = [
        (name, insurance)
        for name, card in policy_cards().items()
        for spec in card.rows
        if spec["kind"] == "contributions" and "amount" in spec.get("for", ())
        for insurance in spec.get("only", {}).get("insurance", codes)
    ]
    schema = dict.fromkeys(("policy_id", "insurance"), pl.String)
    return pl.DataFrame(sorted(set(rows)), schema=schema, orient="row")


def _of_lines(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Add to doubts that say of which line they are what stands on it."""
    if "policy_id" in rows.columns:
        return rows
    line = ["payment_id", "period", "subject_id"]
    kept = lines.select(n for n in DOUBT_SCHEMA if n in lines.columns)
    return rows.join(kept, on=line, how="inner", validate="m:1", maintain_order="left")
