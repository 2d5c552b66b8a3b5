"""Snapshots and runs on the disk against what the ledger recorded of them."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.ingest.drop import raw_files, snapshot_files, snapshot_name
from flows.money.evidence import run_files
from flows.store import MANIFEST, Home, digest_problems, is_half_made, read_lines, read_manifest
from transforms.digest import short_id
from transforms.extracts.headers import IN_FORCE_NAME
from transforms.money.books import Books

# Derived from what is named, the same at any time: whoever doubts them has them written again.
NOTICES = "notices"
RUN_GOES_IN = (
    *("snapshot_id", "as_of", "rules_digest", "parameters_digest", "ledger_digest"),
    # a run of before evidence was compared between nights has none
    "compared_with",
    # what objections are held against, where somebody objects
    "run_before",
    # whether persons are proposed, where they are not
    "matching",
    # whether the working day of payment is known, where it is not
    "holidays",
)
# By what a line of the register is that of a file in force: taken, or since then refused.
DELIVERED = {
    "taken": ("supplier", "sha256", "kind", "month"),
    "refused": ("supplier", "sha256"),
}


def run_problems(folder: Path, recorded: Mapping[str, Any]) -> Iterator[str]:
    """Say what of a run is not as recorded: its manifest, id, files, and files beside them."""
    yield from digest_problems([(folder / MANIFEST, recorded["run_manifest"])])
    manifest = read_manifest(folder, "run")
    if (
        short_id("R", {name: manifest[name] for name in RUN_GOES_IN if name in manifest})
        != folder.name
    ):
        yield f"{folder / MANIFEST} names other inputs than the run's id does"
    said = ("state", "as_of", "snapshot_id")
    if any(manifest[name] != recorded[name] for name in said):
        yield f"the ledger.sqlite says of {folder} another thing than its manifest"
    files = run_files(folder)
    yield from digest_problems(files)
    yield from files_beside(folder, [path for path, _ in files])
    made_by = manifest.get("made_by", {})
    if made_by:
        inputs = Home(folder.parent.parent).inputs / f"{made_by['inputs']}.json"
        yield from digest_problems([(inputs, made_by["inputs"])])


def snapshot_problems(folder: Path, manifest_digest: str) -> Iterator[str]:
    """Say what of a snapshot is not as recorded; its digest is empty if no run has used it."""
    if manifest_digest:
        yield from digest_problems([(folder / MANIFEST, manifest_digest)])
    manifest = read_manifest(folder, "snapshot")
    if snapshot_name(manifest["files"], manifest["ingest_rules_version"]) != folder.name:
        yield f"{folder / MANIFEST} names other files than the snapshot's id does"
    files = [*snapshot_files(folder, manifest), *raw_files(folder, manifest)]
    yield from digest_problems(files)
    yield from files_beside(folder, [path for path, _ in files])


def files_beside(folder: Path, known: list[Path]) -> Iterator[str]:
    """List the files of a folder that its manifest does not name, and links; notices come again.

    What is half made is told as such: the next command that holds the home takes it away.
    """
    there = {
        path
        for path in folder.rglob("*")
        if (not path.is_dir() or path.is_symlink())
        and path.relative_to(folder).parts[:-1][:1] != (NOTICES,)
        and not is_half_made(path.relative_to(folder))
    }
    named = {*known, folder / MANIFEST}
    for path in sorted(there - named):
        yield f"{path} is not named by {folder.name}: it does not belong there"
    yield from _links([folder, *sorted(there & named)])


def _links(paths: Iterable[Path]) -> Iterator[str]:
    """Name what only points elsewhere: what lies there can be changed or taken away unseen."""
    for path in paths:
        if path.is_symlink():
            yield f"{path} is a link to {path.readlink()}: put the file itself in its place"


def delivery_problems(home: Home) -> Iterator[str]:
    """Say which delivery that a night read its register has no more, or another: it only grows.

    Holds:   a file given once more after a restore is that delivery, of a later day, also where it
             is refused as older; a day that was ahead is no less than the one that a night told
    """
    newest: dict[tuple[str, ...], str] = {}
    for line in read_lines(home.deliveries_path):
        if of := DELIVERED.get(line.get("state", ""), ()):
            key = tuple(line.get(name, "") for name in of)
            newest[key] = max(newest.get(key, ""), line.get("day", ""))
    for kept in sorted(home.snapshots.glob(f"S*/raw/{IN_FORCE_NAME}")) if newest else ():
        for row in csv.DictReader(kept.read_text(encoding="utf-8").splitlines()):
            keys = (tuple(row.get(name, "") for name in of) for of in DELIVERED.values())
            file, day, snapshot = row.get("file"), row["delivered_on"], kept.parent.parent.name
            if file and max(newest.get(key, "") for key in keys) < day:
                yield (
                    f"{home.deliveries_path} does not have {file} of {day} any more as {snapshot} "
                    "read it: find out who changed it or took it out, and put back its newest "
                    "backup"
                )


def unknown_folders(home: Home, books: Books) -> Iterator[str]:
    """List runs, batches and loose files that the ledger does not know."""
    for parent, known in ((home.runs, books.runs), (home.batches, books.batches)):
        for path in sorted(parent.iterdir()) if parent.is_dir() else ():
            if path.name not in known and not is_half_made(Path(path.name)):
                yield (
                    f"{path} is not known to the ledger: if its run was interrupted, run it again; "
                    "else it was put there"
                )
    # One that no run names is what an interrupted run left; it must still be what its name says.
    kept = sorted(home.inputs.iterdir()) if home.inputs.is_dir() else []
    yield from digest_problems((path, path.stem) for path in kept)
    yield from _links(kept)
    for path in sorted(home.snapshots.iterdir()) if home.snapshots.is_dir() else ():
        if not path.is_dir():
            yield f"{path} is no snapshot: it does not belong there"
