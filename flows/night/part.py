"""One part of a night, made whole or not at all, wherever it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from flows.night.paid_lines import register_ledger
from flows.program import program
from flows.store import file_digest, read_manifest, staged_folder, write_manifest
from sql import FactStore
from sql.opening import connect_to
from sql.parts import write_tables
from sql.plan import Plan
from sql.policy_runs import run_policy
from sql.texts import policy_cards
from transforms.errors import UsageError
from transforms.policies.cards import reach_of

WHOLE_FOLDER, PAID = "whole", "paid_lines.parquet"
# Those whose versions decide what a part is; where the program lies does not.
SAME_EVERYWHERE = ("code_digest", "python", "libraries")


@dataclass(frozen=True)
class Means:
    """What the rules may take where they run: threads, memory, a folder to spill to."""

    threads: int | None = None
    memory_limit: str | None = None
    temp_folder: Path | None = None


@dataclass(frozen=True)
class PartOrder:
    """All that whoever makes a part must know; the files it names lie where all see them."""

    number: int
    folder: Path
    plan: Plan
    as_of: date
    payment_ids: Sequence[str]
    tables: Mapping[str, Sequence[Path]]
    digests: Mapping[Path, str]
    program: Mapping[str, Any]

    @property
    def target(self) -> Path:
        """Return the folder of the part."""
        return self.folder / f"part-{self.number:02d}"


def make_part(order: PartOrder, means: Means) -> None:
    """Make one part, unless it stands: its facts and policies, in a folder of its own.

    Holds:   the folder appears whole or not at all, whoever else makes the same part meanwhile
    """
    if order.target.exists():
        return
    try:
        with (
            connect_to(order.tables, order.as_of, **vars(means)) as connection,
            staged_folder(order.target) as staging,
        ):
            whole, plan = order.folder / WHOLE_FOLDER, order.plan
            register_ledger(connection, pl.read_parquet(whole / PAID), order.payment_ids)
            store = FactStore(connection, order.tables, order.as_of, year_days=plan.year_days)
            for name in plan.given:
                store.take(name, [whole / f"{name}.parquet"])
            for name in plan.handed_over:
                store.build(name)
            write_tables(connection, plan.handed_over, staging)
            for name in plan.policies_in_parts:
                card = policy_cards()[name]
                run_policy(store, card, reach_of(card, order.as_of))
                write_tables(connection, tables_of(name), staging)
            seal_folder(staging)
    except OSError:
        # Another was first: what it made is the same.
        if not order.target.exists():
            raise


def expect_same_program(theirs: Mapping[str, Any], where: str) -> None:
    """Refuse to make a part with another program than the one that asks for it.

    Raises:  UsageError naming the worker and what differs
    """
    ours = program()
    differing = [name for name in SAME_EVERYWHERE if ours[name] != theirs[name]]
    if differing:
        raise UsageError(
            f"worker {where} runs another program: {', '.join(differing)} differ; install the same "
            "version there and start it again"
        )


def tables_of(policy_id: str) -> list[str]:
    """Name the tables that a policy makes."""
    return [f"policy_{policy_id}", f"determination_{policy_id}"]


def seal_folder(folder: Path, said: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write a folder's manifest: what is said of it, and the digest of every file in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    write_manifest(folder, {**said, "files": digests})


def files_of(folder: Path) -> list[tuple[Path, str]]:
    """List the files of a sealed folder with their digests."""
    files = read_manifest(folder, "part")["files"]
    return [(folder / name, str(digest)) for name, digest in files.items()]
