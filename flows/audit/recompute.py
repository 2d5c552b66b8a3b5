"""The rules and the netting alone, for a mixture of inputs: no gate, no batch, nothing recorded.

Started as a process by `compute`, out of a program laid out with the texts that are to decide:
reads one JSON request, writes determinations and entitlements.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from flows.audit.again import Night, call_program, stage_code, stage_home, tell
from flows.money.entitle import build_entitlements
from flows.money.funds import read_funds
from flows.money.objections import home_run
from flows.money.standing import Standing, read_standing
from flows.night.causes import Causes
from flows.night.determine import determine
from flows.night.part import Means
from flows.scratch import scratch_folder
from flows.store import Home
from transforms.policies.cards import PolicyStatus

TABLES = ("determinations", "entitlements")
BESIDE = "beside.parquet"
STANDING, STANDING_FRAMES = "standing.json", ("paid", "released", "signed", "installments")


@dataclass(frozen=True)
class Mixture:
    """What is to be computed: a day, tables by kind, texts that decide, the ledger of a night."""

    as_of: date
    tables: Mapping[str, Sequence[Path]]
    texts: Mapping[str, str]
    ledger_of: Night


class Computed(NamedTuple):
    """What came out of a mixture."""

    determinations: pl.DataFrame
    entitlements: pl.DataFrame


def compute(
    mixture: Mixture,
    *,
    threads: int | None = None,
    memory: str | None = None,
    only: Sequence[str] | None = None,
    beside: Computed | None = None,
) -> Computed:
    """Compute a mixture in a scratch place, by a process of its own.

    Rows:    beside   what came out of a mixture that differs in the policies of `only` alone: what
                      it determined by the others is taken over
             returns  determinations and entitlements as a run writes them
    Raises:  what the rules raise, as DropRefusedError with their words
    """
    with scratch_folder(mixture.ledger_of.home.temporary) as scratch:
        place = stage_home(mixture.ledger_of, scratch)
        code = stage_code(mixture.texts, scratch)
        request = {
            "as_of": mixture.as_of.isoformat(),
            "tables": {
                kind: [str(path.resolve()) for path in paths]
                for kind, paths in sorted(mixture.tables.items())
            },
            "home": str(place.root),
            "run_before": str(mixture.ledger_of.manifest.get("run_before", "")),
            "into": str(scratch),
            "threads": threads,
            "memory": memory,
            "only": only,
        }
        if only is not None and beside is not None:
            others = beside.determinations.filter(~pl.col("policy_id").is_in(list(only)))
            others.write_parquet(scratch / BESIDE)
            request["policies"] = mixture.ledger_of.manifest["policies"]
        read = {path.resolve().parent for paths in mixture.tables.values() for path in paths}
        read |= {path.resolve() for path in place.snapshots.iterdir()}
        call_program(code, ["flows.audit.recompute"], tell(request), within=read)
        return Computed(*(pl.read_parquet(scratch / f"{name}.parquet") for name in TABLES))


def keep_standing(standing: Standing, folder: Path) -> None:
    """Write down what the ledger said, for a night that is computed without it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in STANDING_FRAMES:
        getattr(standing, name).write_parquet(folder / f"{name}.parquet")
    said = {
        "digest": standing.digest,
        "payment_ids": list(standing.payment_ids),
        "spent_fen": dict(standing.spent_fen),
        "determined_by": dict(standing.determined_by),
        "snapshot_of": dict(standing.snapshot_of),
        "struck": [list(row) for row in standing.struck],
        "claimed": [list(key) for key in standing.claimed],
    }
    (folder / STANDING).write_text(tell(said), encoding="utf-8")


def kept_standing(folder: Path) -> Standing:
    """Read what `keep_standing` wrote."""
    said = json.loads((folder / STANDING).read_text(encoding="utf-8"))
    paid, released, signed, installments = (
        pl.read_parquet(folder / f"{name}.parquet") for name in STANDING_FRAMES
    )
    return Standing(paid=paid, released=released, signed=signed, installments=installments, **said)


def answer(request: Mapping[str, Any]) -> None:
    """Do what a request says, in this process."""
    home, as_of = Home(Path(request["home"])), date.fromisoformat(request["as_of"])
    tables = {kind: [Path(path) for path in paths] for kind, paths in request["tables"].items()}
    kept = request.get("standing")
    standing = kept_standing(Path(kept)) if kept else read_standing(home, as_of.year)
    only, beside = request.get("only"), Path(request["into"]) / BESIDE
    determined = determine(
        tables,
        as_of,
        standing.released,
        ledger_payment_ids=standing.payment_ids,
        threads=request["threads"],
        memory_limit=request["memory"],
        temp_folder=home.temporary,
        only=only,
        beside=None if only is None else pl.read_parquet(beside),
    )
    connection = determined.connection
    # What a run's manifest says became of its policies.
    then = {
        name: PolicyStatus(one["status"], None, first, last, one["parameters_used"])
        for name, one in request.get("policies", {}).items()
        for first, last in [one["reach"]]
    }
    policies = {**then, **determined.policies}
    snapshot, own = _laid_out(tables, Path(request["into"])), determined.own_rows.to_dicts()
    funds = read_funds(home)
    means = Means(request["threads"], request["memory"], home.temporary)
    causes = Causes(home, snapshot, as_of, own, connection, standing, funds.digest, means)
    before = home_run(home, request.get("run_before", "")), as_of.isoformat()
    entitled = build_entitlements(connection, policies, standing, funds, causes, before)
    frames = (determined.determinations, entitled.entitlements)
    for name, frame in zip(TABLES, frames, strict=True):
        frame.write_parquet(Path(request["into"]) / f"{name}.parquet")


def _laid_out(tables: Mapping[str, Sequence[Path]], into: Path) -> Path:
    """Lay tables of anywhere out as a snapshot has them."""
    folder = into / "mixed"
    for kind, paths in tables.items():
        single = len(paths) == 1
        target = folder / "tables" if single else folder / "tables" / kind
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            (target / (f"{kind}.parquet" if single else path.name)).symlink_to(path.resolve())
    return folder


if __name__ == "__main__":
    answer(json.load(sys.stdin))
