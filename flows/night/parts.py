"""A night in parts: what each is made of, made whole or not at all, named by what goes into it.

Parts lie in one folder, `<name of the night's inputs>/part-<n>`, beside `whole`, which every part
is given. A night that was interrupted goes on from those that stand; one that took them all makes
them anew, like all that is computed again. Who makes them, in which order and where, is up to the
executor: this process, one after the other, or a cluster (cluster.py).
"""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

import expectations
from flows.ingest.drop import SnapshotRef
from flows.night.part import (
    PAID,
    SAME_EVERYWHERE,
    WHOLE_FOLDER,
    Means,
    PartOrder,
    files_of,
    make_part,
    seal_folder,
    tables_of,
)
from flows.program import program
from flows.store import (
    Home,
    expect_digests,
    file_digest,
    staged_folder,
)
from sql import FactStore
from sql.parts import cut_kind, write_tables
from sql.plan import ABOUT_SOMEBODY, Plan, kinds_of, plan_of
from sql.texts import WORD, parameters_digest, rules_digest
from transforms.digest import content_digest, frame_digest, short_id
from transforms.errors import DigestDiffersError, UsageError
from transforms.identifiers import BUCKETS

LOCAL, DASK = "local", "dask"
BUCKET_FILE, ONE_PART = re.compile(r"bucket-([0-9]+)[.]"), re.compile(r"part-([0-9]+)[.]")
# A part that reads so much takes about 2 GiB; what is less goes quickest whole.
PART_BYTES = 1 << 30
# Marks parts of which a night was determined.
TAKEN = "taken"
Tables = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Parting:
    """How a night is cut: into how many parts, who makes them, and where they lie.

    `count`: None is as many as the size of the tables in buckets asks for, on a cluster one for
    every bucket; `digests`: those of the tables' files, where they are known already.
    """

    count: int | None = None
    executor: str = LOCAL
    folder: Path | None = None
    digests: Mapping[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what nobody can do before a night begins.

        Raises:  UsageError
        """
        executor_of(self.executor)
        if self.count is not None and not 1 <= self.count <= BUCKETS:
            raise UsageError(f"a town is cut into 1 to {BUCKETS} parts; found {self.count}")

    def at(self, home: Home, snapshot: SnapshotRef) -> "Parting":
        """Say where the parts of a night lie: beside what was read before, and swept like it."""
        known = {
            snapshot.folder.absolute() / name: digest
            for table in snapshot.manifest["tables"].values()
            for name, digest in table["files"].items()
        }
        return replace(self, folder=home.cache / "parts", digests=known)

    def count_for(self, tables: Tables) -> int:
        """Return how many parts tables are cut into."""
        in_buckets = [p for paths in tables.values() for p in paths if _bucket(p) is not None]
        if self.count is None and self.executor == LOCAL:
            sizes = sum(path.stat().st_size for path in in_buckets)
            return min(max(-(-sizes // PART_BYTES), 1), BUCKETS)
        return self.count or BUCKETS

    def is_whole(self, tables: Tables) -> bool:
        """Say whether tables go the short way: all at once, in this process."""
        return self.folder is None or (self.executor == LOCAL and self.count_for(tables) == 1)

    def digests_of(self, tables: Tables) -> Mapping[Path, str]:
        """Return the digests of the files of tables."""
        files = [path.absolute() for paths in tables.values() for path in paths]
        return {path: self.digests.get(path) or file_digest(path) for path in files}


@dataclass(frozen=True)
class Inputs:
    """What a night's parts are made of, besides the rules."""

    tables: Tables
    as_of: date
    paid_lines: pl.DataFrame
    payment_ids: Sequence[str]
    running: Sequence[str]


Tell = Callable[[str], None]
MakeParts = Callable[[Sequence[PartOrder], Means, Tell], None]


def read_after_rules() -> frozenset[str]:
    """Return the words of the gates' checks: facts among them are read after the rules."""
    folder = Path(expectations.__file__).parent
    texts = [path.read_text("utf-8") for path in sorted(folder.rglob("*.sql"))]
    return frozenset(word for text in texts for word in WORD.findall(text))


def take_parts(
    parting: Parting, store: FactStore, inputs: Inputs, means: Means, tell: Tell
) -> frozenset[str]:
    """Let the parts of a night be made, and show what they hand over; return the policies done.

    Holds:   facts and policies are what they would be without parts, row for row
    Raises:  UsageError for an executor that there is not; DigestDiffersError for a damaged part
    """
    if parting.is_whole(inputs.tables):
        return frozenset()
    # Workers stand elsewhere, where a relative path leads elsewhere.
    tables = {kind: [p.absolute() for p in paths] for kind, paths in inputs.tables.items()}
    inputs = replace(inputs, tables=tables)
    plan = plan_of(inputs.running, inputs.as_of, read_after_rules())
    store.year_days = plan.year_days
    folder = folder_of(parting, inputs, plan)
    _sweep(folder)
    orders = _orders(folder, store, inputs, plan, parting)
    executor_of(parting.executor)(orders, means, tell)
    for order in orders:
        _expect_sealed(order.target, files_of(order.target))
    (folder / TAKEN).touch()
    of_policies = (table for name in plan.policies_in_parts for table in tables_of(name))
    for name in (*plan.handed_over, *of_policies):
        store.take(name, [order.target / f"{name}.parquet" for order in orders])
    return frozenset(plan.policies_in_parts)


def executor_of(asked: str) -> MakeParts:
    """Return who makes the parts: `local`, or `dask`, `dask:ADDRESS`.

    Raises:  UsageError for another, or where the cluster's library is not installed
    """
    name, _, address = asked.partition(":")
    if asked == LOCAL:
        return make_here
    if name != DASK:
        raise UsageError(f"--executor takes local, dask or dask:ADDRESS; found {asked!r}")
    try:
        from flows.night.cluster import make_in_cluster
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"--executor dask needs {missing.name}: install wuxing[cluster], on the workers too"
        ) from missing
    return partial(make_in_cluster, address)


def make_here(orders: Sequence[PartOrder], means: Means, tell: Tell) -> None:
    """Make parts in this process, one after the other, each with all threads."""
    for order in orders:
        tell(f"part {order.number + 1} of {len(orders)}")
        make_part(order, means)


def folder_of(parting: Parting, inputs: Inputs, plan: Plan) -> Path:
    """Return the folder of a night's parts, named by all that goes into them."""
    ours, known = program(), parting.digests_of(inputs.tables)
    name = short_id(
        "P",
        {
            "tables": {
                k: sorted(known[path.absolute()] for path in v) for k, v in inputs.tables.items()
            },
            "as_of": inputs.as_of.isoformat(),
            "rules": [rules_digest(), parameters_digest()],
            "paid": [frame_digest(inputs.paid_lines), content_digest(sorted(inputs.payment_ids))],
            "steps": [[step.path for step in plan.parts], [*plan.given], [*plan.handed_over]],
            "running": list(inputs.running),
            "parts": parting.count_for(inputs.tables),
            "program": {name: ours[name] for name in SAME_EVERYWHERE},
        },
    )
    assert parting.folder is not None
    return parting.folder.absolute() / name


def _sweep(folder: Path) -> None:
    """Remove the parts of other nights, those of this one once taken, and what is half made."""
    for other in folder.parent.glob("*/"):
        if other != folder or (folder / TAKEN).exists():
            shutil.rmtree(other)
    for leftover in folder.glob(".making-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _orders(
    folder: Path, store: FactStore, inputs: Inputs, plan: Plan, parting: Parting
) -> list[PartOrder]:
    """Make what all parts are given, and say of each what it is made of."""
    count, digests = parting.count_for(inputs.tables), parting.digests_of(inputs.tables)
    whole, read = folder / WHOLE_FOLDER, set(kinds_of(plan.parts)) & set(inputs.tables)
    apart = [kind for kind in sorted(read) if _lies_in_one_file(kind, inputs.tables)]
    if is_new := not whole.exists():
        with staged_folder(whole) as staging:
            for name in plan.given:
                store.build(name)
            write_tables(store.connection, plan.given, staging)
            inputs.paid_lines.write_parquet(staging / PAID)
            for kind in apart:
                cut_kind(store.connection, kind, staging / kind, count)
            seal_folder(staging)
    given = dict(files_of(whole))
    _expect_sealed(whole, given.items())
    for name in () if is_new else plan.given:
        store.take(name, [whole / f"{name}.parquet"])
    sources = {kind: [p for p in given if p.parent == whole / kind] for kind in apart}
    sources |= {kind: list(inputs.tables[kind]) for kind in read - set(apart)}
    facts = {path: digest for path, digest in given.items() if path.parent == whole}
    orders = []
    for number in range(count):
        tables = {
            kind: [path for path in paths if _part_of(path, count) in (None, number)]
            for kind, paths in sources.items()
        }
        read_here = {path for paths in tables.values() for path in paths}
        orders.append(
            PartOrder(
                number=number,
                folder=folder,
                plan=plan,
                as_of=inputs.as_of,
                payment_ids=inputs.payment_ids,
                tables={kind: paths for kind, paths in tables.items() if paths},
                digests=facts | {p: d for p, d in ({**digests, **given}).items() if p in read_here},
                program=program(),
            )
        )
    return orders


def _expect_sealed(folder: Path, files: Iterable[tuple[Path, str]]) -> None:
    try:
        expect_digests(files)
    except DigestDiffersError as damage:
        raise DigestDiffersError(
            f"{damage}; then remove {folder}: what lay there is made again"
        ) from None


def _part_of(path: Path, count: int) -> int | None:
    """Return the part whose persons a file is about; None if it is for all."""
    found = ONE_PART.match(path.name)
    if found:
        return int(found[1])
    bucket = _bucket(path)
    return None if bucket is None else bucket * count // BUCKETS


def _lies_in_one_file(kind: str, tables: Tables) -> bool:
    return kind in ABOUT_SOMEBODY and all(_bucket(path) is None for path in tables[kind])


def _bucket(path: Path) -> int | None:
    found = BUCKET_FILE.match(path.name)
    return int(found.group(1)) if found else None
