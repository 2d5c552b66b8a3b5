"""Stage one: a drop of extracts becomes an immutable snapshot, whole or not at all."""

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from flows.data_package import PACKAGE, write_data_package
from flows.ingest.contradictions import check_conservation, settle_duplicates
from flows.ingest.delivery import Delivery, check_delivery, read_delivery
from flows.ingest.files import DropFile, Listed, RawFile, list_drop
from flows.ingest.kind import FINDINGS, Report, ingest_kind
from flows.ingest.read_before import ReadBefore
from flows.ingest.registers import with_registers
from flows.ingest.tally import KindTally
from flows.store import (
    MANIFEST,
    expect_digests,
    file_digest,
    read_manifest,
    staged_folder,
    write_manifest,
)
from sql.texts import rule_words
from transforms.digest import canonical_json, short_id
from transforms.errors import DigestDiffersError
from transforms.extracts.kinds import KINDS, LOOKED_UP
from transforms.extracts.links import LINKED, links_in_force
from transforms.extracts.outputs import described_schema
from transforms.extracts.references import employer_ranks, names_on_record, notes_on_lists
from transforms.extracts.rows import REPAIRS
from transforms.extracts.rules import QUARANTINE_SCHEMA, References
from transforms.words import Said, said_of

# Raise it when the same files would become another snapshot: another reader, rule or layout.
INGEST_RULES_VERSION = "8"
LISTS = ("quarantine", "repairs", "findings")
# Only where clerks recognised somebody.
LINKS = "links.parquet"
# What other extracts are held against comes first.
IN_ORDER = sorted(KINDS.values(), key=lambda kind: (*LOOKED_UP, "").index(kind.others_look_up))


@dataclass(frozen=True)
class SnapshotRef:
    """A snapshot that is there, whole."""

    snapshot_id: str
    folder: Path
    manifest: dict[str, Any]

    def said(self, name: str) -> list[Said]:
        """Return its `warnings` or `notes`; one of before 0.2.0 has them in English only."""
        if "said" not in self.manifest:
            return [Said("said_in_english", {"text": text}) for text in self.manifest[name]]
        said: list[Said] = said_of(self.manifest["said"][name])
        return said

    def tables(self) -> dict[str, list[Path]]:
        """Return the files of every kind that was delivered."""
        return {
            kind: [self.folder / name for name in sorted(entry["files"])]
            for kind, entry in sorted(self.manifest["tables"].items())
        }


def ingest_drop(
    drop: Path | Listed,
    snapshots: Path,
    *,
    report: Report | None = None,
    registers: Sequence[Path] = (),
    cache: Path | None = None,
    used: Collection[str] | None = None,
) -> SnapshotRef:
    """Read a drop into a snapshot, and beside it a home's registers, those that it has.

    A drop is a folder, or files listed already; the same files again are the same snapshot.
    `cache`: where big files are kept as they were read, so that only what is new is read.
    `used`: snapshots of recorded runs; who put another one there nobody says: it is read again.

    Holds:   per file, rows == accepted + quarantined; nothing appears before all is on disk
    Raises:  DropRefusedError if the drop or one of its files can't be used
    """
    tell: Report = report or (lambda what, rows: None)
    snapshots.mkdir(parents=True, exist_ok=True)
    receiving = Path(tempfile.mkdtemp(prefix=".making-", dir=snapshots))
    unpacked = Path(tempfile.mkdtemp(prefix=".making-", dir=snapshots))
    try:
        listed = with_registers(list_drop(drop, unpacked), registers, unpacked)
        before = ReadBefore(cache, INGEST_RULES_VERSION)
        raws = _receive(listed.files, receiving, tell, before)
        snapshot_id = name_snapshot(raws)
        delivery = read_delivery(raws, receiving)
        there = snapshots / snapshot_id
        if there.exists() and (used is None or snapshot_id in used):
            found = load_snapshot(snapshots, snapshot_id)
            check_delivery(delivery, found.manifest["files"])
            return found
        with staged_folder(there, instead=True) as staging:
            receiving.rename(staging / "raw")
            manifest = _fill(snapshot_id, raws, delivery, staging, tell, listed.left_aside, before)
            write_manifest(staging, manifest)
            tell("syncing to disk", 0)
        before.keep_raw(raws, there / "raw")
        before.sweep()
    finally:
        for scratch in (receiving, unpacked):
            shutil.rmtree(scratch, ignore_errors=True)
    return SnapshotRef(snapshot_id, there, manifest)


def _receive(files: list[DropFile], raw: Path, tell: Report, before: ReadBefore) -> list[RawFile]:
    tell("copying and digesting the drop", 0)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda file: before.receive(file, raw), files))


def name_snapshot(raws: list[RawFile]) -> str:
    """Name a snapshot by the contents of its files, their kinds and the ingest rules."""
    return snapshot_name([{"kind": _kind_name(raw), "sha256": raw.sha256} for raw in raws])


def snapshot_name(files: Sequence[Mapping[str, Any]], version: str = INGEST_RULES_VERSION) -> str:
    """Name a snapshot by the kinds and digests of its files, as its manifest lists them."""
    contents = sorted([file["kind"], file["sha256"]] for file in files)
    return short_id("S", {"files": contents, "ingest_rules_version": version})


def _kind_name(raw: RawFile) -> str:
    return raw.file.kind.name if raw.file.kind else "delivery_note"


def _fill(
    snapshot_id: str,
    raws: list[RawFile],
    delivery: Delivery | None,
    staging: Path,
    tell: Report,
    left_aside: Sequence[str],
    before: ReadBefore,
) -> dict[str, Any]:
    """Fill the staged folder: tables, quarantine, repairs, findings; give the manifest."""
    (staging / "tables").mkdir()
    tallies, beside = list[KindTally](), References()
    for kind in IN_ORDER:
        parts = [raw for raw in raws if raw.file.kind is kind]
        if not parts:
            continue
        judged_beside = replace(beside, names=None) if kind.others_look_up else beside
        tally = ingest_kind(kind, parts, staging / "raw", staging, judged_beside, tell, before)
        tell(f"looking for duplicates in {kind.name}", 0)
        fallen = settle_duplicates(tally)
        table, is_units = tally.table, kind.others_look_up == "units"
        table.finish(fallen, employer_ranks(table.scan(), fallen) if is_units else None)
        check_conservation(tally)
        beside = _refer(beside, tally)
        if kind.name == "designations":
            tally.notes_on_lists = notes_on_lists(table.scan(), rule_words())
        tallies.append(tally)
    files = _file_entries(raws, tallies, delivery)
    said = {
        "warnings": check_delivery(delivery, files),
        "notes": [
            *(Said("left_aside", {"file": name}) for name in left_aside),
            *(note for tally in tallies for note in tally.notes()),
        ],
    }
    _write_lists(staging, tallies)
    write_data_package(staging, snapshot_id, f"Snapshot {snapshot_id}")
    return {
        "snapshot_id": snapshot_id,
        "ingest_rules_version": INGEST_RULES_VERSION,
        "files": files,
        "tables": {tally.kind.name: _table_entry(staging, tally) for tally in tallies},
        "lists": {
            path.name: file_digest(path)
            for path in (*sorted(staging.glob("*.parquet")), staging / PACKAGE)
        },
        **{name: [str(one) for one in every] for name, every in said.items()},
        "said": {name: [one.content() for one in every] for name, every in said.items()},
    }


def _refer(beside: References, tally: KindTally) -> References:
    looked_up = tally.kind.others_look_up
    if not looked_up:
        return beside
    rows = tally.table.scan()
    if looked_up == "links":
        return replace(beside, links=links_in_force(rows.collect()))
    if looked_up == "units":
        return replace(beside, units=rows.select("unit_no", "employer_key").collect())
    return replace(beside, names=names_on_record(beside.names, rows))


def _file_entries(
    raws: list[RawFile], tallies: list[KindTally], delivery: Delivery | None
) -> list[dict[str, Any]]:
    """List the drop's files for the manifest, in the order of their names."""
    noted = {line.name: line for line in delivery.lines} if delivery else {}
    counted = {file.raw.file.name: file for tally in tallies for file in tally.files}
    entries = []
    for raw in raws:
        entry: dict[str, Any] = {
            "name": raw.file.name,
            "kind": _kind_name(raw),
            "sha256": raw.sha256,
            "bytes": raw.bytes,
            "format": raw.file.format,
            "encoding": raw.encoding,
            "rows": 0,
            "accepted": 0,
            "quarantined": 0,
            "totals_rows": 0,
        }
        file = counted.get(raw.file.name)
        if file is not None:
            entry |= {
                "rows": file.rows,
                "accepted": file.rows - file.quarantined,
                "quarantined": file.quarantined,
                "totals_rows": file.totals_rows,
                "amount_fen": file.amount_fen,
            }
        if (line := noted.get(raw.file.name)) is not None:
            stated = {} if line.rows is None else {"stated_rows": line.rows}
            entry |= {**stated, "removed_rows": line.removed_rows}
        entries.append(entry)
    return entries


def _table_entry(staging: Path, tally: KindTally) -> dict[str, Any]:
    digests = tally.table.digests()
    return {
        "rows": tally.table.rows,
        "files": {path.relative_to(staging).as_posix(): said for path, said in digests.items()},
    }


def _write_lists(staging: Path, tallies: list[KindTally]) -> None:
    """Write quarantine, repairs and findings, each in a total order."""
    files = [file for tally in tallies for file in tally.files]
    fallen = [frame for tally in tallies for frame in tally.quarantine()]
    quarantine = pl.concat([QUARANTINE_SCHEMA.to_frame(), *fallen])
    _write(quarantine.sort("kind", "source_file", "source_line"), staging / "quarantine.parquet")
    repairs = pl.concat([REPAIRS, *(frame for file in files for frame in file.repairs)])
    ordered = repairs.sort("kind", "source_file", "source_line", "column")
    _write(ordered, staging / "repairs.parquet")
    linked = pl.concat([LINKED, *(frame for file in files for frame in file.linked)])
    if linked.height:
        _write(linked.sort(LINKED.columns), staging / LINKS)
    rows = [
        (finding, severity, "", "", "", str(said), canonical_json(said.content()))
        for file in files
        for finding, severity, said in file.findings
    ]
    findings = pl.DataFrame(rows, schema=dict.fromkeys(FINDINGS, pl.String()), orient="row")
    _write(findings.sort(FINDINGS), staging / "findings.parquet")


def _write(frame: pl.DataFrame, path: Path) -> None:
    described = described_schema(frame)
    frame.write_parquet(path, compression="zstd", compression_level=1, arrow_schema=described)


def load_snapshot(snapshots: Path, snapshot_id: str) -> SnapshotRef:
    """Open a snapshot, and hold every table and list of it against its manifest.

    Raises:  DropRefusedError if there is none; DigestDiffersError if it is damaged
    """
    folder = snapshots / snapshot_id
    found = SnapshotRef(snapshot_id, folder, read_manifest(folder, "snapshot"))
    try:
        files = snapshot_files(folder, found.manifest)
    except (KeyError, TypeError, AttributeError) as damaged:
        raise DigestDiffersError(f"{folder / MANIFEST} is damaged: it names no tables") from damaged
    expect_digests(files)
    return found


def snapshot_files(folder: Path, manifest: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """List a snapshot's tables and lists with the digests its manifest gives them."""
    parts = [table["files"] for table in manifest["tables"].values()] + [manifest["lists"]]
    return [(folder / name, digest) for part in parts for name, digest in part.items()]


def raw_files(folder: Path, manifest: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """List the drop's files, as the snapshot keeps them, with their digests."""
    return [(folder / "raw" / entry["name"], entry["sha256"]) for entry in manifest["files"]]
