"""A night under pseudonyms: to be computed again by whoever may not know who the persons are.

It holds tables, what the ledger said of payments, the texts that decide, and what came out: no raw
file, no ledger, no signature, for these name persons and can't be rewritten.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from flows.archive import names_within
from flows.audit.again import (
    HOME,
    call_program,
    read_night,
    stage_code,
    stage_home,
    tell,
    write_texts,
)
from flows.audit.carry import README
from flows.audit.recompute import STANDING_FRAMES, TABLES, keep_standing, kept_standing
from flows.ingest.drop import load_snapshot
from flows.money.evidence import expect_manifests, run_table
from flows.money.ledger_store import books_of
from flows.money.standing import Standing, read_standing
from flows.night.made_by import is_of_funds
from flows.scratch import scratch_folder
from flows.store import Home, read_manifest, write_manifest
from transforms.audit.carry_readme import pseudonymous_readme
from transforms.audit.pseudonyms import Pseudonyms, pseudonymous
from transforms.digest import frame_digest
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.entitlements import KEY
from transforms.money.payees import STRUCK_OUT

NIGHT = "night.json"
# Where rows lie: they are sorted by their files' names, which are other ones.
PLACES = ["cause_rows"]
LEAST_KEY = 16


def read_key(path: Path) -> bytes:
    """Read the key of pseudonyms, which stays outside the file and the home.

    Raises:  DropRefusedError if it is missing or too short
    """
    key = path.read_bytes().strip() if path.is_file() else b""
    if len(key) < LEAST_KEY:
        raise DropRefusedError(f"{path}: expected a file with a key of at least {LEAST_KEY} bytes")
    return key


def export_pseudonymous(home: Home, run_id: str, target: Path, key: bytes) -> dict[str, Any]:
    """Write a night under pseudonyms, after computing it: outcomes and amounts are the night's.

    Raises:  DropRefusedError if the file is there; DigestDiffersError if anything came out
             otherwise than under the true names
    """
    if target.exists():
        raise DropRefusedError(f"{target} is there already: nothing is overwritten")
    night, pseudonyms = read_night(home, run_id), Pseudonyms(key)
    with scratch_folder(home.temporary) as scratch:
        folder = scratch / "night"
        told = Home(folder / HOME)
        standing = read_standing(stage_home(night, scratch), night.as_of.year)
        due = pl.read_parquet(home.runs / run_id / "entitlements.parquet")
        keep_standing(_named_otherwise(standing, due, pseudonyms), folder)
        for name in STANDING_FRAMES:
            _rewrite(folder / f"{name}.parquet", folder / f"{name}.parquet", pseudonyms)
        payers = sorted(set(standing.determined_by.values()))
        books = books_of(home)
        for run in payers:
            expect_manifests(home, run, books)
        for snapshot_id in {night.snapshot.name, *(standing.snapshot_of[run] for run in payers)}:
            _write_tables(home, told, snapshot_id, pseudonyms)
        for run in payers:
            run_table(home, run, books.runs[run], "entitlements")
            _write_run(home, told, run, pseudonyms)
        said = {
            "as_of": night.manifest["as_of"],
            "snapshot_id": night.snapshot.name,
            "texts": dict(night.texts),
            "funds": dict(night.funds),
        }
        found = _compute(said, folder)
        for name in TABLES:
            expected = pl.read_parquet(home.runs / run_id / f"{name}.parquet")
            _expect_same(name, pseudonymous(expected, pseudonyms), found[name])
        said["digests"] = {name: frame_digest(found[name]) for name in TABLES}
        (folder / NIGHT).write_text(tell(said), encoding="utf-8")
        (folder / README).write_text(pseudonymous_readme(said), encoding="utf-8")
        _pack(folder, target)
    return {"path": str(target), "as_of": said["as_of"], "digests": said["digests"]}


def _named_otherwise(standing: Standing, due: pl.DataFrame, pseudonyms: Pseudonyms) -> Standing:
    """Name persons otherwise in what stands beside the tables, too.

    Of strikes only those that hold tonight are told, whatever the facts: under pseudonyms their
    digest would be another one.
    """
    keys = dict.fromkeys(KEY, pl.String())
    struck = pseudonymous(due.filter(pl.col("reason") == STRUCK_OUT).select(KEY), pseudonyms)
    claimed = pl.DataFrame([list(key) for key in standing.claimed], schema=keys, orient="row")
    return replace(
        standing,
        struck=[(*key, None) for key in struck.rows()],
        claimed=pseudonymous(claimed, pseudonyms).rows(),
    )


def _expect_same(name: str, expected: pl.DataFrame, found: pl.DataFrame) -> None:
    one, other = (frame.drop(PLACES, strict=False) for frame in (expected, found))
    if frame_digest(one) != frame_digest(other):
        raise DigestDiffersError(
            f"under pseudonyms the {name} come out otherwise: nothing was written"
        )


def _rewrite(source: Path, target: Path, pseudonyms: Pseudonyms) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    pseudonymous(pl.read_parquet(source), pseudonyms).write_parquet(target)


def _write_tables(home: Home, told: Home, snapshot_id: str, pseudonyms: Pseudonyms) -> None:
    """Write a snapshot's tables, each in one file: who lies in which bucket would be told anew."""
    folder = told.snapshots / snapshot_id / "tables"
    folder.mkdir(parents=True)
    for kind, paths in load_snapshot(home.snapshots, snapshot_id).tables().items():
        parts = (pseudonymous(pl.read_parquet(path), pseudonyms).to_arrow() for path in paths)
        first = next(parts)
        with pq.ParquetWriter(folder / f"{kind}.parquet", first.schema) as writer:
            for part in chain([first], parts):
                writer.write_table(part)


def _write_run(home: Home, told: Home, run_id: str, pseudonyms: Pseudonyms) -> None:
    manifest, folder = read_manifest(home.runs / run_id, "run"), told.runs / run_id
    name = "entitlements.parquet"
    _rewrite(home.runs / run_id / name, folder / name, pseudonyms)
    own_rows = [
        {**row, "source_file": pseudonyms.file(row["source_file"])} for row in manifest["own_rows"]
    ]
    write_manifest(folder, {"run_id": run_id, "as_of": manifest["as_of"], "own_rows": own_rows})


def _compute(
    said: Mapping[str, Any], folder: Path, threads: int | None = None, memory: str | None = None
) -> dict[str, pl.DataFrame]:
    place = Home(folder / HOME)
    write_texts(said["funds"], place.root, is_of_funds)
    tables = sorted((place.snapshots / said["snapshot_id"] / "tables").glob("*.parquet"))
    with scratch_folder(folder.parent) as scratch:
        request = {
            "as_of": said["as_of"],
            "tables": {path.stem: [str(path)] for path in tables},
            "home": str(place.root),
            "standing": str(folder),
            "into": str(scratch),
            "threads": threads,
            "memory": memory,
        }
        code = stage_code(said["texts"], scratch)
        call_program(code, ["flows.audit.recompute"], tell(request), within=[folder])
        return {name: pl.read_parquet(scratch / f"{name}.parquet") for name in TABLES}


def _pack(folder: Path, target: Path) -> None:
    making = target.with_name(f".making-{target.name}")
    with zipfile.ZipFile(making, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    shutil.move(making, target)


def is_pseudonymous(path: Path) -> bool:
    """Say whether a file is a night under pseudonyms."""
    return zipfile.is_zipfile(path) and NIGHT in zipfile.ZipFile(path).namelist()


def replay_pseudonymous(
    path: Path, *, threads: int | None = None, memory: str | None = None
) -> dict[str, Any]:
    """Compute a night under pseudonyms again, by the texts it holds.

    Raises:  DropRefusedError if the file can't be read as one
    """
    with scratch_folder(path.parent) as scratch:
        folder = scratch / "night"
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder, names_within(path, archive))
            said = json.loads((folder / NIGHT).read_text(encoding="utf-8"))
            kept_standing(folder)
            found = _compute(said, folder, threads, memory)
            then = said["digests"]
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as bad:
            raise DropRefusedError(f"{path} can't be read as a night under pseudonyms") from bad
    stages = [
        {"stage": name, "then": then[name], "now": frame_digest(table), "rows": table.height}
        for name, table in found.items()
    ]
    same = all(stage["then"] == stage["now"] for stage in stages)
    verdict = "identical" if same else "differs"
    return {"path": str(path), "rules": "stored", "stages": stages, "verdict": verdict}
