"""A night to carry away: one file with all that recomputes it, in an empty place elsewhere."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from flows.answers.takeup import finders
from flows.archive import names_within
from flows.audit.again import Night, read_night, stage_home
from flows.ingest.drop import raw_files, snapshot_files
from flows.money.batch_folder import verify_batch
from flows.money.evidence import run_files
from flows.money.funds import PROFILE_FOLDER
from flows.money.ledger_store import books_of, open_ledger, write_prefix
from flows.money.objections import FILE as OBJECTIONS
from flows.money.standing import Standing, read_standing
from flows.night.causes import READ_THEN
from flows.scratch import scratch_folder
from flows.store import MANIFEST, Home, expect_digests, inputs_path, read_manifest
from transforms.audit.carry_readme import carry_readme
from transforms.digest import canonical_json
from transforms.errors import DropRefusedError
from transforms.money.books import Books, snapshot_before

HOME, SAID, README = "home", "export.json", "说明.md"
PACKED = (".parquet", ".xlsx", ".zip")
COPIED_BYTES = 1 << 20
# What `export_night` puts into a home: of others nothing is unpacked.
CARRIED = {"snapshots", "runs", "batches", "inputs", "ledger.sqlite", "funds.toml", PROFILE_FOLDER}


def export_night(home: Home, run_id: str, target: Path) -> dict[str, Any]:
    """Write a recorded night into one file: snapshot, run, rules, ledger, signatures, batches.

    Holds:   `wuxing replay FILE` on another machine needs nothing else
    Raises:  DropRefusedError if the file is there already; DigestDiffersError
    """
    if target.exists():
        raise DropRefusedError(f"{target} is there already: nothing is overwritten")
    night = read_night(home, run_id)
    home = night.home
    with open_ledger(home, only_look=True) as ledger, scratch_folder(home.temporary) as scratch:
        copy = scratch / home.ledger_path.name
        mine = set(night.manifest["batches"]) | {run_id}
        until = max(p.sequence for p in ledger.postings() if {p.batch_id, p.subject} & mine)
        write_prefix(ledger, until, copy)
        drafted = {p.batch_id for p in ledger.postings()[:until] if p.kind == "drafted"}
        books = ledger.books()
        known = list(books.batches)[: len(drafted)]
        for batch_id in known:
            verify_batch(home, books.batches[batch_id])
        place = stage_home(night, scratch)
        standing = read_standing(place, night.as_of.year)
        before = snapshot_before(books_of(place), night.snapshot.name)
        files = {*_files(night, known), *_files_of_payers(night, standing)}
        # The reviewer's page shows whose account is another one than before.
        if (home.snapshots / before / MANIFEST).is_file():
            files |= {*_files_of_snapshot(home.snapshots / before)}
        _expect_recorded(home, books, sorted(files))
        said = {
            "run_id": run_id,
            "as_of": night.manifest["as_of"],
            "snapshot_id": night.manifest["snapshot_id"],
            "ledger_position": until,
        }
        making = target.with_name(f".making-{target.name}")
        try:
            with zipfile.ZipFile(making, "w") as archive:
                _add(archive, README, carry_readme(said).encode())
                _add(archive, SAID, canonical_json(said).encode())
                _copy(archive, f"{HOME}/{copy.name}", copy)
                for name, text in sorted(night.funds.items()):
                    _add(archive, f"{HOME}/{name}", text.encode())
                for path in sorted(files):
                    _copy(archive, f"{HOME}/{path.relative_to(home.root).as_posix()}", path)
            making.rename(target)
        finally:
            making.unlink(missing_ok=True)
    return {**said, "path": str(target), "files": len(files), "bytes": target.stat().st_size}


def _expect_recorded(home: Home, books: Books, paths: list[Path]) -> None:
    """Hold what is packed of runs and snapshots against their manifests, and these.

    Raises:  DigestDiffersError naming the file
    """
    digests = dict[Path, str]()
    for run_id, said in books.runs.items():
        digests[home.runs / run_id / MANIFEST] = said["run_manifest"]
        digests[home.snapshots / said["snapshot_id"] / MANIFEST] = said["snapshot_manifest"]
    manifests = [path for path in paths if path in digests]
    expect_digests((path, digests[path]) for path in manifests)
    for folder in (path.parent for path in manifests):
        if folder.parent == home.runs:
            digests |= run_files(folder)
        else:
            said = read_manifest(folder, "snapshot")
            digests |= [*snapshot_files(folder, said), *raw_files(folder, said)]
    expect_digests((path, digests[path]) for path in paths if path in digests)


def _files_of_payers(night: Night, standing: Standing) -> Iterator[Path]:
    """List what runs that determined earlier payments read, found and went by, for claims.

    Of those that first found what was paid, what they found: days to the money count from them.
    """
    home, payers = night.home, set(standing.determined_by.values())
    for run_id in payers:
        run = home.runs / run_id
        yield from (run / name for name in (MANIFEST, *(f"{table}.parquet" for table in READ_THEN)))
        yield from _inputs_of(home, read_manifest(run, "run"))
        yield from _files_of_snapshot(home.snapshots / standing.snapshot_of[run_id])
    for run_id in finders(home, night.manifest, standing):
        yield from (home.runs / run_id / name for name in (MANIFEST, "entitlements.parquet"))


def _inputs_of(home: Home, manifest: Mapping[str, Any]) -> Iterator[Path]:
    if manifest.get("made_by"):
        yield inputs_path(home, manifest["made_by"]["inputs"])


def _files(night: Night, batches: list[str]) -> Iterator[Path]:
    home, run = night.home, night.home.runs / night.run_id
    yield from _files_of_run(run)
    yield from _objected_runs(home, run / OBJECTIONS, str(night.manifest.get("run_before", "")))
    yield from _inputs_of(home, night.manifest)
    compared = str(night.manifest.get("compared_with") or "").split()
    for snapshot_id in (night.snapshot.name, *compared):
        yield from _files_of_snapshot(home.snapshots / snapshot_id)
    raw = raw_files(night.snapshot, read_manifest(night.snapshot, "snapshot"))
    yield from (path for path, _ in raw)
    for batch_id in batches:
        folder = home.batches / batch_id
        yield from (folder / name for name in (MANIFEST, *read_manifest(folder, "batch")["files"]))


def _files_of_run(folder: Path) -> list[Path]:
    return [folder / MANIFEST, *(path for path, _ in run_files(folder))]


def _files_of_snapshot(folder: Path) -> list[Path]:
    listed = snapshot_files(folder, read_manifest(folder, "snapshot"))
    return [folder / MANIFEST, *(path for path, _ in listed)]


def _objected_runs(home: Home, weighed: Path, before: str) -> Iterator[Path]:
    """List the runs, and their snapshots, that a night's objections are held against."""
    if not weighed.is_file():
        return
    for run_id in {before, *pl.read_parquet(weighed)["run_before"]} - {""}:
        folder = home.runs / run_id
        yield from _files_of_run(folder)
        yield from _files_of_snapshot(home.snapshots / read_manifest(folder, "run")["snapshot_id"])


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _copy(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as stream:
        while chunk := source.read(COPIED_BYTES):
            stream.write(chunk)


@contextmanager
def carried(path: Path) -> Iterator[tuple[Home, str]]:
    """Unpack a carried night into a scratch place; give its home and its run.

    Raises:  DropRefusedError if it is no such file
    """
    with scratch_folder(path.parent) as scratch:
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in names_within(path, archive) if _is_carried(name)]
                said = json.loads(archive.read(SAID))
                archive.extractall(scratch, names)
            run_id = str(said["run_id"])
        except (OSError, zipfile.BadZipFile, RuntimeError, KeyError, ValueError, TypeError) as bad:
            raise DropRefusedError(
                f"{path} can't be read as a night: expected a file of `wuxing export`"
            ) from bad
        yield Home(scratch / HOME), run_id


def _is_carried(name: str) -> bool:
    """Say whether a file of an exported night is one that `export_night` puts into its home."""
    home, *inner = PurePosixPath(name).parts
    return home == HOME and not CARRIED.isdisjoint(inner[:1])
