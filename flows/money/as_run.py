"""A batch against the run that it names: its lines are due there, to accounts known there."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import StoredBatch
from flows.store import MANIFEST, Home, expect_digests, read_manifest
from transforms.errors import DigestDiffersError
from transforms.money.entitlements import KEY
from transforms.money.payees import PAYEE
from transforms.money.reviews import DESTINATION

SHOWN = 10
SUMS = ("determined_fen", "paid_before_fen", "amount_fen")
NAMED = ("policy_id", *PAYEE)


def expect_as_run(home: Home, stored: StoredBatch, recorded: Mapping[str, Any]) -> None:
    """Hold a batch against what its run found payable and the accounts that its run read.

    A review only takes lines out: what it leaves is payable in the run, too.

    Rows:    recorded  what the ledger recorded of the run
    Raises:  DigestDiffersError naming the lines, or the file of run or snapshot that was changed
    """
    run, snapshot = home.runs / stored.manifest["run_id"], home.snapshots / recorded["snapshot_id"]
    manifests = {run: recorded["run_manifest"], snapshot: recorded["snapshot_manifest"]}
    expect_digests([(folder / MANIFEST, digest) for folder, digest in manifests.items()])
    name = "entitlements.parquet"
    entitled = _read(run, {name: read_manifest(run, "run")["files"][name]})
    tables = read_manifest(snapshot, "snapshot")["tables"]
    accounts = _read(snapshot, tables.get("accounts", {"files": {}})["files"])
    lines = stored.frame("lines").with_row_index("line", offset=1)
    instructions = stored.frame("instructions")
    said = {
        **dict(_not_paid_so(lines, instructions)),
        **dict(_not_known(lines, instructions, accounts)),
        **dict(_not_payable(lines, entitled)),
    }
    if said:
        shown = "; ".join(text for _, text in sorted(said.items())[:SHOWN])
        more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
        raise DigestDiffersError(
            f"batch {stored.manifest['batch_id']} is not what its run {run.name} found: "
            f"{shown}{more}; sign and pay nothing, find out who changed it"
        )


def _read(folder: Path, files: Mapping[str, str]) -> pl.DataFrame:
    expect_digests([(folder / name, digest) for name, digest in files.items()])
    frames = [pl.read_parquet(folder / name) for name in sorted(files)]
    return pl.concat(frames) if frames else pl.DataFrame()


def _not_payable(lines: pl.DataFrame, entitled: pl.DataFrame) -> Iterator[tuple[int, str]]:
    payable = entitled.filter(pl.col("status") == "payable").rename({"due_fen": "amount_fen"})
    for row in lines.join(payable, on=[*KEY, *SUMS], how="anti").iter_rows(named=True):
        yield row["line"], f"{_line(row)} is not payable there with this amount"


def _not_paid_so(lines: pl.DataFrame, instructions: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Say of lines that no instruction pays, or one to somebody else or of another sum.

    An instruction without lines pays what no line is for: it is named as line 0.
    """
    sums = lines.group_by("payment_id", *NAMED).agg(pl.col("amount_fen").sum())
    paid = sums.join(instructions, on=["payment_id", *NAMED, "amount_fen"], how="semi")
    for row in lines.join(paid, on=["payment_id", *NAMED], how="anti").iter_rows(named=True):
        yield row["line"], f"{_line(row)} has an instruction for another payee or amount"
    beside = instructions.join(lines, on="payment_id", how="anti")["payment_id"].to_list()
    twice = instructions.filter(pl.col("payment_id").is_duplicated())["payment_id"].to_list()
    if beside or twice:
        yield 0, f"payment {min([*beside, *twice])} is not what its lines are for"


def _not_known(
    lines: pl.DataFrame, instructions: pl.DataFrame, accounts: pl.DataFrame
) -> Iterator[tuple[int, str]]:
    if accounts.height:
        kind = pl.when(pl.col("subject_kind") == "单位").then(pl.lit("employer"))
        normal = accounts.filter(pl.col("account_state") == "正常").select(
            kind.otherwise(pl.lit("person")).alias("beneficiary_kind"),
            pl.col("subject_id").alias("beneficiary_id"),
            *DESTINATION,
        )
        instructions = instructions.join(
            normal, on=[*PAYEE, *DESTINATION], how="anti", nulls_equal=True
        )
    unknown = lines.join(instructions, on="payment_id", how="semi")
    for row in unknown.iter_rows(named=True):
        yield row["line"], f"{_line(row)} goes to an account that its snapshot does not give"


def _line(row: Mapping[str, Any]) -> str:
    return f"line {row['line']} ({row['policy_id']}, {row['period']}, {row['payment_id']})"
