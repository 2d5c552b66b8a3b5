"""Files that were read before are not read again: their parts of the table lie in a cache.

An entry stands under the digest of the file, its name, and the code and libraries that read it. It
holds what one file came to before other files spoke, and its damaged rows by content: what clerks
decided meets them anew. A damaged entry costs time; a forged one is found by replays from raw.
"""

import importlib.metadata
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest import tables
from flows.ingest.files import DropFile, RawFile, digest_file
from flows.ingest.tables import TablePart
from flows.ingest.tally import FileTally, KindTally
from flows.store import (
    MANIFEST,
    digest_problems,
    file_digest,
    read_manifest,
    staged_folder,
    write_manifest,
)
from transforms.digest import content_digest
from transforms.errors import WuxingError
from transforms.extracts import kinds
from transforms.extracts.kinds import Kind
from transforms.extracts.links import links_of_file, links_said
from transforms.extracts.rules import References
from transforms.words import said_of

HASHES = "hashes"
LISTS = ("quarantine", "repairs", "late", "damaged", "linked")
COUNTS = ("rows", "totals_rows", "quarantined", "sums", "links")
RAW = "raw"
# A file this big has its own part of the table, and is not read again when it comes again.
BIG_BYTES = 4 << 20
KEPT_SECONDS = 60 * 24 * 3600
# Their bytes are what the snapshot's digests are of.
LIBRARIES = ("polars", "pyarrow", "numpy")
READERS = (Path(__file__).parent, Path(kinds.__file__).parent)


@dataclass(frozen=True)
class Entry:
    """One file as it was read before: its folder and what its manifest says."""

    folder: Path
    said: Mapping[str, Any]


@dataclass
class ReadBefore:
    """The cache of one home; without a folder nothing is known and nothing is kept."""

    folder: Path | None
    version: str
    changed: dict[tuple[str, str, str], pl.Series] = field(default_factory=dict)
    kept_sizes: set[int] = field(default_factory=set)
    named: list[tuple[pl.DataFrame, str]] = field(default_factory=list)

    def receive(self, file: DropFile, raw: Path) -> RawFile:
        """Copy a file into a folder of raw files, or link the copy of it that is kept already."""
        if self.folder is None or file.path.stat().st_size < BIG_BYTES:
            return digest_file(file, raw)
        kept = self.folder / RAW
        if not self.kept_sizes and kept.is_dir():
            self.kept_sizes = {path.stat().st_size for path in kept.iterdir()}
        if file.path.stat().st_size in self.kept_sizes:
            read = digest_file(file)
            copy = kept / read.sha256
            if copy.is_file() and file_digest(copy) == read.sha256:
                os.utime(copy)
                _link(copy, raw / file.name)
                return read
        return digest_file(file, raw)

    def keep_raw(self, raws: Sequence[RawFile], folder: Path) -> None:
        """Keep the copies of big files: however many snapshots hold one, the disk has it once."""
        kept = self.folder / RAW if self.folder else None
        for raw in raws if kept else ():
            if raw.bytes >= BIG_BYTES and kept:
                with suppress(OSError):
                    kept.mkdir(parents=True, exist_ok=True)
                    # A damaged one gives way.
                    making = kept / f".making-{raw.sha256}"
                    making.unlink(missing_ok=True)
                    _link(folder / raw.file.name, making)
                    making.replace(kept / raw.sha256)

    def take(self, tally: KindTally, beside: References) -> set[int]:
        """Link the parts of files that were read before into the table; return their numbers.

        Holds:   what is taken is byte for byte what reading the file now would give
        """
        found: dict[int, Entry] = {}
        context = self._context(tally.kind, beside)
        for file in tally.files if self.folder else ():
            entry = self._entry(self._place(tally.kind, file)) if file.part else None
            if entry and self._is_as_now(entry, context, beside):
                links = links_of_file(beside.links, tally.kind, file.raw.sha256)
                damaged = pl.read_parquet(entry.folder / "damaged.parquet")
                if entry.said["links"] == links_said(links, [damaged]):
                    found[file.part] = entry
        # Whether the rows lie in buckets must not depend on what is known.
        if sum(entry.said["accepted"] for entry in found.values()) <= tables.ROWS_BEFORE_BUCKETS:
            return set()
        tally.table.is_bucketed = True
        for file in tally.files:
            if file.part in found:
                _take_in(found[file.part], file, tally.table.part(file.part))
        return set(found)

    def keep(self, tally: KindTally, beside: References, known: set[int]) -> None:
        """Keep what was read anew of big files; a disk that is full now is no reason to stop."""
        if self.folder is None or not tally.table.is_bucketed:
            return
        context = self._context(tally.kind, beside)
        with suppress(OSError):
            self._keep_references(context, beside)
            for file in tally.files:
                if file.part and file.part not in known:
                    place = self._place(tally.kind, file)
                    _keep_file(place, file, tally.table.part(file.part), context)

    def sweep(self) -> None:
        """Remove what no night has used for long."""
        oldest = time.time() - KEPT_SECONDS
        found = [*self.folder.glob("*"), *self.folder.glob(f"{RAW}/*")] if self.folder else []
        for place in found:
            mark = place / MANIFEST if place.is_dir() else place
            with suppress(OSError):
                if place.name != RAW and (not mark.exists() or mark.stat().st_mtime < oldest):
                    shutil.rmtree(place) if place.is_dir() else place.unlink()

    def _place(self, kind: Kind, file: FileTally) -> Path:
        said = {
            "version": self.version,
            "code": _code_digest(),
            "libraries": [importlib.metadata.version(name) for name in LIBRARIES],
            "kind": kind.name,
            "file": [file.raw.file.name, file.raw.sha256],
        }
        assert self.folder is not None
        return self.folder / content_digest(said)

    def _entry(self, place: Path) -> Entry | None:
        """Open an entry and hold its files against their digests; a damaged one is removed."""
        if not place.is_dir():
            return None
        with suppress(WuxingError, OSError, KeyError, TypeError, AttributeError):
            said = read_manifest(place, "kept file")
            if not digest_problems([(place / n, d) for n, d in said["files"].items()]):
                os.utime(place / MANIFEST)
                return Entry(place, said)
        shutil.rmtree(place, ignore_errors=True)
        return None

    def _context(self, kind: Kind, beside: References) -> dict[str, str]:
        """Name, by digest, what the rows of a kind are held against in other extracts."""
        units = beside.units if kind.names_units else None
        names = beside.names if "name" in kind.column_named else None
        return {"unit_no": self._frame_name(units), "person_key": self._frame_name(names)}

    def _frame_name(self, frame: pl.DataFrame | None) -> str:
        """Name a frame by its rows; another name for the same rows costs time, nothing else."""
        if frame is None:
            return ""
        for known, name in self.named:
            if known is frame:
                return name
        stream = frame.sort(frame.columns[0]).rechunk().write_ipc(None)
        self.named.append((frame, sha256(stream.getbuffer()).hexdigest()))
        return self.named[-1][1]

    def _is_as_now(self, entry: Entry, context: Mapping[str, str], beside: References) -> bool:
        """Say whether no row of the file meets a unit or a name that was another then."""
        frames = {"unit_no": beside.units, "person_key": beside.names}
        for column, name in context.items():
            before = entry.said["context"][column]
            if before == name:
                continue
            now = frames[column]
            if now is None or not before or not name:
                return False
            differing = self._differing(column, before, name, now)
            if differing is None or _has_any(entry, column, differing):
                return False
        return True

    def _differing(
        self, column: str, before: str, name: str, now: pl.DataFrame
    ) -> pl.Series | None:
        assert self.folder is not None
        key = (column, before, name)
        if key not in self.changed:
            try:
                then = pl.read_parquet(self.folder / f"{before}.parquet")
            except (OSError, pl.exceptions.PolarsError):
                return None
            both = pl.concat([then.unique(), now.select(then.columns).unique()])
            self.changed[key] = both.unique(keep="none")[column].unique()
        return self.changed[key]

    def _keep_references(self, context: Mapping[str, str], beside: References) -> None:
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        for column, frame in (("unit_no", beside.units), ("person_key", beside.names)):
            path = self.folder / f"{context[column]}.parquet"
            if frame is not None and context[column] and not path.exists():
                making = path.with_name(f".making-{path.name}")
                frame.write_parquet(making, compression="zstd", compression_level=1)
                making.replace(path)
            elif path.exists():
                os.utime(path)


@cache
def _code_digest() -> str:
    """Digest what reads a file: another reader reads every file anew."""
    files = sorted(path for room in READERS for path in room.iterdir() if path.is_file())
    return content_digest([[path.name, file_digest(path)] for path in files])


def _has_any(entry: Entry, column: str, keys: pl.Series) -> bool:
    if not len(keys):
        return False
    files = entry.said["files"]
    paths = [entry.folder / name for name in files if name.startswith(("bucket-", "late."))]
    rows = pl.scan_parquet(paths, extra_columns="ignore").select(column)
    return bool(rows.select(pl.col(column).is_in(keys.implode()).any()).collect().item())


def _take_in(entry: Entry, file: FileTally, part: TablePart) -> None:
    for name in COUNTS:
        setattr(file, name, entry.said[name])
    file.findings = [(*of, said_of(said)) for *of, said in entry.said["findings"]]
    file.notes = said_of(entry.said["notes"])
    for name in LISTS:
        path = entry.folder / f"{name}.parquet"
        setattr(file, name, [pl.read_parquet(path)] if path.exists() else [])
    part.rows, part.hashes.counts = entry.said["accepted"], entry.said["hash_runs"]
    _link(entry.folder / HASHES, part.hashes.path)
    for number, bucket in enumerate(part.buckets):
        kept = _bucket_name(number)
        if kept in entry.said["files"]:
            bucket.path.parent.mkdir(parents=True, exist_ok=True)
            _link(entry.folder / kept, bucket.path)
            part.digests[bucket.path] = entry.said["files"][kept]


def _keep_file(place: Path, file: FileTally, part: TablePart, context: Mapping[str, str]) -> None:
    with staged_folder(place, instead=place.exists()) as folder:
        for number, bucket in enumerate(part.buckets):
            if bucket.path.exists():
                _link(bucket.path, folder / _bucket_name(number))
                part.digests[bucket.path] = file_digest(bucket.path)
        _link(part.hashes.write(), folder / HASHES)
        for name in LISTS:
            frames = getattr(file, name)
            if frames:
                pl.concat(frames).write_parquet(folder / f"{name}.parquet")
        linked = {_bucket_name(n): part.digests.get(b.path) for n, b in enumerate(part.buckets)}
        own = [path for path in folder.iterdir() if path.name not in linked]
        said = {name: getattr(file, name) for name in COUNTS} | {
            "accepted": part.rows,
            "hash_runs": part.hashes.counts,
            "findings": [[*of, said.content()] for *of, said in file.findings],
            "notes": [said.content() for said in file.notes],
            "context": dict(context),
            "files": {path.name: file_digest(path) for path in own}
            | {name: digest for name, digest in linked.items() if digest},
        }
        write_manifest(folder, said)


def _bucket_name(number: int) -> str:
    return f"bucket-{number:02d}.parquet"


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk has none, a copy."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)
