"""Take a drop's files in: which there are, their digests, their raw copies, their encodings."""

import codecs
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from io import RawIOBase
from mmap import ACCESS_READ, mmap
from pathlib import Path

from flows.ingest.folders import gather
from flows.ingest.watches import BOM, LineEndWatch, Utf8Watch
from flows.store import CHUNK_BYTES
from transforms.errors import DropRefusedError
from transforms.extracts.csv_text import Block
from transforms.extracts.headers import DELIVERY_NOTE_NAMES, IN_FORCE_NAME, kinds_of_file
from transforms.extracts.kinds import KINDS, Kind

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xls": "xlsx",
    ".parquet": "parquet",
}
TOP_BYTES = 1 << 16
# Decoding lets no other thread run; a slice takes milliseconds.
SLICE_BYTES = 1 << 20


@dataclass(frozen=True)
class DropFile:
    """One file of a drop; `kind` None: the delivery note; `named`: otherwise than where it lies."""

    path: Path
    kind: Kind | None
    format: str
    named: str = ""

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.named or self.path.name


@dataclass(frozen=True)
class Listed:
    """The files of a drop, and the names of what was left aside."""

    files: list[DropFile]
    left_aside: list[str]


@dataclass(frozen=True)
class RawFile:
    """A file copied and digested; `encoding` is empty where the format has its own.

    `has_lone_cr`: a CR somewhere in it is not followed by LF.
    """

    file: DropFile
    sha256: str
    bytes: int
    encoding: str
    has_lone_cr: bool


def list_drop(drop: Path | Listed, unpacked: Path) -> Listed:
    """List the files of a drop, in the order of their names, before any is opened.

    Rows:    drop      a folder, or files that were listed already
             unpacked  a scratch folder for what lies in archives
    Raises:  DropRefusedError if there is none, or one whose kind or format can't be told
    """
    if isinstance(drop, Listed):
        return drop
    if not drop.is_dir():
        raise DropRefusedError(f"{drop} is no folder: name the folder that holds the extracts")
    paths, left_aside = gather(drop, unpacked)
    files = [recognise(path) for path in paths]
    if not any(file.kind for file in files):
        raise DropRefusedError(
            f"{drop} holds no extract: put the night's files in, or name another"
        )
    if sum(file.kind is None for file in files) > 1:
        raise DropRefusedError(f"{drop} holds two delivery notes: leave one")
    return Listed(files, left_aside)


def recognise(path: Path) -> DropFile:
    """Tell kind and format of a file by its name.

    Raises:  DropRefusedError if either can't be told
    """
    is_note = path.name in (*DELIVERY_NOTE_NAMES, IN_FORCE_NAME)
    kinds = [] if is_note else kinds_of_file(path.name)
    if len(kinds) > 1:
        raise DropRefusedError(
            f"{path.name}: may be {', '.join(kind.titles[1] for kind in kinds)}; rename it so "
            "that one fits better"
        )
    if not kinds and not is_note:
        titles = ", ".join(kind.titles[1] for kind in KINDS.values())
        raise DropRefusedError(
            f"{path.name}: can't tell what kind of extract this is; names hold one of: "
            f"{titles} (or the English names). Rename it, or take it out"
        )
    if path.suffix.lower() not in FORMATS:
        raise DropRefusedError(
            f"{path.name}: format {path.suffix or 'unknown'} can't be read; "
            "deliver CSV, XLSX, XLS or Parquet"
        )
    return DropFile(path, kinds[0] if kinds else None, FORMATS[path.suffix.lower()])


def digest_file(file: DropFile, raw: Path | None = None) -> RawFile:
    """Copy a file byte for byte and digest it in one read; find out a CSV file's encoding.

    Without a folder for raw copies it is only read.

    Holds:   the digest is of the bytes that were written
    Raises:  DropRefusedError if a CSV file decodes neither as UTF-8 nor as GB18030
    """
    digest, size = hashlib.sha256(), 0
    utf8, ends = Utf8Watch(file.format == "csv"), LineEndWatch()
    space = memoryview(bytearray(CHUNK_BYTES))
    with (
        open(file.path, "rb", buffering=0, opener=_open_no_other) as source,
        nullcontext() if raw is None else (raw / file.name).open("wb", buffering=0) as copy,
    ):
        while count := source.readinto(space):
            block = space[:count]
            digest.update(block)
            if copy is not None:
                _write_all(copy, block)
            utf8.look_at(block)
            ends.look_at(bytes(block))
            size += count
    return RawFile(file, digest.hexdigest(), size, utf8.encoding(), ends.lone > 0)


def _open_no_other(name: str, flags: int) -> int:
    """Open a file, but no link or pipe that was put in its place since it was listed."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _write_all(copy: RawIOBase, block: memoryview) -> None:
    while block:
        block = block[copy.write(block) or 0 :]


class Utf8Stream:
    """Windows on a CSV file as UTF-8 without BOM, whatever its encoding.

    A file that is UTF-8 already is not copied: its windows look at the file itself. Of another,
    `ahead` bytes are read and decoded before they are asked for. CR, LF and CRLF each end a line;
    where a CR stands alone, all become LF.
    """

    def __init__(self, path: Path, raw: RawFile, ahead: int = SLICE_BYTES) -> None:
        self.path, self.name, self.ahead = path, raw.file.name, ahead
        self.is_gb18030, self.has_lone_cr = raw.encoding == "gb18030", raw.has_lone_cr
        self.stream = path.open("rb")
        self.position = len(BOM) if raw.encoding == "utf-8-sig" else 0
        self.stream.seek(self.position)
        self.decoder = codecs.getincrementaldecoder("gb18030")("strict")
        self.held = self.cut = b""
        self.reader = ThreadPoolExecutor(max_workers=1)
        self.coming: Future[bytes] | None = None
        self.mapped: memoryview | None = None
        if raw.bytes and not self.is_gb18030 and not self.has_lone_cr:
            self.mapped = memoryview(mmap(self.stream.fileno(), 0, access=ACCESS_READ))

    def window(self, kept: int, size: int) -> Block:
        """Give the last `kept` bytes of the window before, and about `size` bytes after them.

        Holds:   no more than `kept` bytes only at the end of the file
        Raises:  DropRefusedError naming the line that is neither UTF-8 nor GB18030
        """
        if self.mapped is not None:
            start, self.position = self.position - kept, self.position + size
            seen = self.mapped[start : self.position]
            self.position = start + len(seen)
            return seen
        block = self._read(size) if self.coming is None else self.coming.result()
        self.held = self.held[len(self.held) - kept :] + block
        # Read and decoded while this window is taken apart.
        self.coming = self.reader.submit(self._read, self.ahead) if block else None
        return self.held

    def _read(self, size: int) -> bytes:
        block = b"".join(self._decoded(size)) if self.is_gb18030 else self.stream.read(size)
        return self._with_line_feeds(block) if self.has_lone_cr else block

    def _decoded(self, size: int) -> Iterator[bytes]:
        """Read about `size` bytes by slices, to the end of the file at most."""
        while size > 0:
            block = self.stream.read(min(size, SLICE_BYTES))
            yield self._transcode(block)
            size = size - SLICE_BYTES if block else 0

    def _with_line_feeds(self, block: bytes) -> bytes:
        """End all lines with LF; a CR at the end of a block waits for what follows it."""
        seen = self.cut + block
        self.cut = b"\r" if block and seen.endswith(b"\r") else b""
        text = seen[: len(seen) - len(self.cut)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # A CR alone gives no text yet, but is not the end of the file.
        return self._read(1) if block and not text else text

    def _transcode(self, block: bytes) -> bytes:
        try:
            text = self.decoder.decode(block, final=not block)
        except UnicodeDecodeError as broken:
            line = self._line_at(self.stream.tell() - len(broken.object) + broken.start)
            raise DropRefusedError(
                f"{self.name}, line {line}: is neither UTF-8 nor GB18030; save the file "
                "in one of them and deliver it again"
            ) from broken
        # Half a character gives no text yet, but is not the end of the file.
        return self._transcode(self.stream.read(1)) if block and not text else text.encode()

    def _line_at(self, position: int) -> int:
        ends = LineEndWatch()
        with self.path.open("rb") as again:
            while position and (block := again.read(min(position, SLICE_BYTES))):
                ends.look_at(block)
                position -= len(block)
        return ends.feeds + ends.lone + 1
