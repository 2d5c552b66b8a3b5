"""A home folder with a snapshot and a run made of golden cases, for the commands that answer."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import REPAIRS
from flows.money.batch import record_stopped_run
from flows.money.heads import initialise_home
from flows.money.ledger_store import open_ledger
from flows.night.determine import Determined, determine
from flows.night.part import seal_folder
from flows.store import Home, file_digest, write_manifest
from sql.texts import rules_digest
from tests.rules.golden import paid_lines_of, tables_of
from tests.rules.golden_run import background, cases_of, write_tables
from transforms.money.entitlements import ENTITLEMENT_SCHEMA

RUN_ID = "R00000000000000000001"
SNAPSHOT_ID = "S00000000000000000001"
BATCH_ID = "B00000000000000000001"


def home_of_cases(root: Path, policy: str, as_of: date) -> tuple[Home, Determined]:
    """Write a snapshot of a policy's cases and the run that the engine makes of them."""
    cases = [
        case
        for case in cases_of(policy)
        if case.as_of == as_of and not case.missing and not case.parameters and not case.alone
    ]
    cases.append(background(as_of))
    tables = root / "snapshots" / SNAPSHOT_ID / "tables"
    tables.mkdir(parents=True)
    home = Home(root)
    initialise_home(home)
    REPAIRS.write_parquet(tables.parent / "repairs.parquet")
    paths = write_tables(tables_of(cases, ()), tables)
    said = {"snapshot_id": SNAPSHOT_ID, "files": [], "tables": {}}
    lists = {
        path.relative_to(tables.parent).as_posix(): path for path in tables.parent.rglob("*.*")
    }
    digests = {name: file_digest(path) for name, path in lists.items()}
    write_manifest(tables.parent, {**said, "lists": digests})
    determined = determine(paths, as_of, paid_lines_of(cases), threads=1, only=[policy])
    write_run_folder(home, determined, as_of, policy)
    with open_ledger(home) as ledger:
        record_stopped_run(home, RUN_ID, ledger)
    return home, determined


def write_run_folder(home: Home, determined: Determined, as_of: date, policy: str) -> None:
    """Write what a run leaves, as the record of a run does."""
    folder = home.runs / RUN_ID
    (folder / "policies").mkdir(parents=True)
    determined.determinations.write_parquet(folder / "determinations.parquet")
    status = determined.policies[policy]
    if status.status == "ran":
        rows = determined.policy_rows(policy)
        rows.write_parquet(folder / "policies" / f"{policy}.parquet")
    eligible = determined.determinations.filter(pl.col("outcome") == "eligible")
    entitled = eligible.with_columns(
        pl.col("amount_fen").alias("determined_fen"),
        pl.lit(0, pl.Int64).alias("paid_before_fen"),
        pl.col("amount_fen").alias("due_fen"),
        pl.lit("payable").alias("status"),
        *(pl.lit("").alias(name) for name in ("reason", "cause", "cause_rows")),
    )
    entitled.select(
        pl.col(name).cast(dtype) for name, dtype in ENTITLEMENT_SCHEMA.items()
    ).write_parquet(folder / "entitlements.parquet")
    seal_folder(folder, _manifest(determined, as_of))


def _manifest(determined: Determined, as_of: date) -> dict[str, Any]:
    return {
        "run_id": RUN_ID,
        "state": "done",
        "snapshot_id": SNAPSHOT_ID,
        "as_of": as_of.isoformat(),
        "stopped_at": None,
        "rules_digest": rules_digest(),
        "own_rows": determined.own_rows.to_dicts(),
        "batches": [],
        "policies": {
            name: {
                "status": status.status,
                "reason": str(status.reason or ""),
                "reach": [status.reach_from_month, status.reach_to_month],
                "parameters_used": status.parameters_used,
            }
            for name, status in determined.policies.items()
        },
    }
