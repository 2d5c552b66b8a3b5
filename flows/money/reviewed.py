"""Reads what the reviewer's page tells of a batch: its run, its fund, the batches before it."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.store import Home, read_manifest
from sql import policy_cards
from sql.texts import policy_path, sql_text
from transforms.money.batch_states import RESERVING_STATES, reserving
from transforms.money.books import Books
from transforms.money.entitlements import KEY
from transforms.policies.amount_cap import caps_until
from transforms.review.explained import Rule
from transforms.review.page import Reviewed
from transforms.review.review import Review

CAP_SCHEMA = {"policy_id": pl.String(), "period": pl.String(), "cap_fen": pl.Int64()}


def read_reviewed(home: Home, books: Books, review: Review) -> Reviewed:
    """Gather what a batch's page tells, by the books as they were when it was drawn up."""
    manifest = review.manifest
    folder, as_of = home.runs / manifest["run_id"], date.fromisoformat(manifest["as_of"])
    cards = policy_cards()
    of_fund = [name for name, card in cards.items() if card.fund == manifest["fund"]]
    entitled = pl.scan_parquet(folder / "entitlements.parquet")
    policies = read_manifest(folder, "run").get("policies", {})
    used = {name: policies.get(name, {}).get("parameters_used", []) for name in of_fund}
    caps = [cap for name in of_fund for cap in caps_until(name, cards[name].amount_cap, as_of)]
    keys = pl.concat([review.lines.select(KEY), review.unpaid_lines.select(KEY)])
    other = [
        state
        for state in books.batches.values()
        if state.fund == manifest["fund"] and state.batch_id != manifest["batch_id"]
    ]
    signed = reserving(books.batches, manifest["fund"], as_of.year, manifest["batch_id"])
    return Reviewed(
        review=review,
        rules={
            name: Rule(cards[name], sql_text(policy_path(name)), used[name], as_of)
            for name in of_fund
        },
        policy_rows={
            name: _rows_of(folder / "policies" / f"{name}.parquet", keys, name)
            for name in of_fund
            if (folder / "policies" / f"{name}.parquet").is_file()
        },
        entitled=_as_in_the_batch(
            entitled.filter(pl.col("policy_id").is_in(of_fund)).collect(), review.unpaid_lines
        ),
        earlier=[
            _earlier(home, state.batch_id) for state in other if state.state in RESERVING_STATES
        ],
        signed_fen=sum(state.amount_fen for state in signed),
        caps=pl.DataFrame(caps, schema=CAP_SCHEMA, orient="row"),
    )


def _as_in_the_batch(entitled: pl.DataFrame, unpaid: pl.DataFrame) -> pl.DataFrame:
    """Let a run's entitlements be what the batch says: a review took lines out after the run."""
    said = unpaid.select(*KEY, status_now="status")
    both = entitled.join(said, on=KEY, how="left", validate="1:1", maintain_order="left")
    return both.with_columns(status=pl.coalesce("status_now", "status")).drop("status_now")


def _rows_of(path: Path, keys: pl.DataFrame, policy: str) -> pl.DataFrame:
    wanted = keys.filter(pl.col("policy_id") == policy).drop("policy_id")
    return pl.read_parquet(path).join(wanted, on=wanted.columns, how="semi")


def _earlier(home: Home, batch_id: str) -> dict[str, Any]:
    found = read_manifest(home.batches / batch_id, "batch")
    named = {name: found[name] for name in ("batch_id", "as_of")}
    return {**named, "by_policy": found["control"]["by_policy"]}
