"""Take a drop's files in: which there are, their digests, their raw copies, their encodings."""

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flows.store import CHUNK_BYTES
from transforms.errors import DropRefusedError
from transforms.extracts.headers import DELIVERY_NOTE_NAMES, kind_of_file
from transforms.extracts.kinds import KINDS, Kind

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}
BOM = codecs.BOM_UTF8
DAMAGE = ("\ufffd", "锟斤拷")


@dataclass(frozen=True)
class DropFile:
    """One file of a drop; `kind` None: the delivery note."""

    path: Path
    kind: Kind | None
    format: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.name


@dataclass(frozen=True)
class RawFile:
    """A file copied and digested; `encoding` is empty where the format has its own."""

    file: DropFile
    sha256: str
    bytes: int
    encoding: str


def list_drop(drop: Path) -> list[DropFile]:
    """List the files of a drop, in the order of their names, before any is opened.

    Raises:  DropRefusedError if there is none, or one whose kind or format can't be told
    """
    if not drop.is_dir():
        raise DropRefusedError(f"{drop} is no folder: name the folder that holds the extracts")
    files = [_recognise(path) for path in sorted(drop.iterdir(), key=lambda path: path.name)]
    if not any(file.kind for file in files):
        raise DropRefusedError(
            f"{drop} holds no extract: put the night's files in, or name another"
        )
    if sum(file.kind is None for file in files) > 1:
        raise DropRefusedError(f"{drop} holds two delivery notes: leave one")
    return files


def _recognise(path: Path) -> DropFile:
    if path.name in DELIVERY_NOTE_NAMES:
        return DropFile(path, None, "csv")
    kind = kind_of_file(path.name)
    if kind is None or not path.is_file():
        titles = ", ".join(kind.titles[1] for kind in KINDS.values())
        raise DropRefusedError(
            f"{path.name}: can't tell what kind of extract this is; a drop holds files only, "
            f"whose names start with one of: {titles} (or the English names). Rename it, or take "
            "it out. Nothing was read"
        )
    if path.suffix.lower() not in FORMATS:
        raise DropRefusedError(
            f"{path.name}: format {path.suffix or 'unknown'} can't be read; "
            "deliver CSV, XLSX or Parquet. Nothing was read"
        )
    return DropFile(path, kind, FORMATS[path.suffix.lower()])


def digest_file(file: DropFile, raw: Path) -> RawFile:
    """Copy a file byte for byte and digest it in one read; find out a CSV file's encoding.

    Holds:   the digest is of the bytes that were written
    Raises:  DropRefusedError if a CSV file decodes neither as UTF-8 nor as GB18030
    """
    digest, size, utf8 = hashlib.sha256(), 0, _Utf8Watch(file.format == "csv")
    with file.path.open("rb") as source, (raw / file.name).open("wb") as copy:
        while block := source.read(CHUNK_BYTES):
            digest.update(block)
            copy.write(block)
            utf8.look_at(block)
            size += len(block)
    return RawFile(file, digest.hexdigest(), size, utf8.encoding())


class _Utf8Watch:
    """Tell while a file passes by whether it is UTF-8."""

    def __init__(self, watching: bool) -> None:
        self.watching = self.is_csv = watching
        self.has_bom: bool | None = None
        self.decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def look_at(self, block: bytes) -> None:
        if not self.watching:
            return
        if self.has_bom is None:
            self.has_bom = block.startswith(BOM)
        try:
            self.decoder.decode(block)
        except UnicodeDecodeError:
            self.watching = False

    def encoding(self) -> str:
        if not self.is_csv:
            return ""
        if self.watching:
            try:
                self.decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self.watching = False
        if self.watching:
            return "utf-8-sig" if self.has_bom else "utf-8"
        return "gb18030"


def open_as_utf8(raw: RawFile, path: Path) -> "Utf8Stream":
    """Open a CSV file's raw copy so that it reads as UTF-8 bytes without BOM."""
    return Utf8Stream(path.open("rb"), raw)


class Utf8Stream:
    """Blocks of UTF-8 bytes of a CSV file, whatever its encoding; damage refuses, with the line."""

    def __init__(self, stream: BinaryIO, raw: RawFile) -> None:
        self.stream, self.name, self.encoding = stream, raw.file.name, raw.encoding
        self.decoder = codecs.getincrementaldecoder("gb18030")("strict")
        self.line = 1
        self.tail = b""
        self.ends_with_cr: bool | None = None
        if raw.encoding == "utf-8-sig":
            stream.seek(len(BOM))

    def read(self, size: int) -> bytes:
        """Read about `size` bytes; empty at the end of the file."""
        block = self._with_line_feeds(self.stream.read(size))
        if self.encoding == "gb18030":
            block = self._transcode(block)
        self._look_for_damage(block)
        self.line += block.count(b"\n")
        return block

    def _with_line_feeds(self, block: bytes) -> bytes:
        """Read a file of an old system that ends its lines with CR alone as if with LF."""
        if self.ends_with_cr is None and block:
            self.ends_with_cr = b"\n" not in block and b"\r" in block
        return block.replace(b"\r", b"\n") if self.ends_with_cr else block

    def _transcode(self, block: bytes) -> bytes:
        try:
            text = self.decoder.decode(block, final=not block)
        except UnicodeDecodeError as broken:
            line = self.line + broken.object[: broken.start].count(b"\n")
            raise DropRefusedError(
                f"{self.name}, line {line}: is neither UTF-8 nor GB18030; save the file "
                "in one of them and deliver it again"
            ) from broken
        if block and not text:
            return self.read(1)
        return text.encode()

    def _look_for_damage(self, block: bytes) -> None:
        """Refuse a file that lost characters on its way; a sign may straddle two blocks."""
        seen = self.tail + block
        for sign in DAMAGE:
            place = seen.find(sign.encode())
            if place >= 0:
                line = self.line - self.tail.count(b"\n") + seen[:place].count(b"\n")
                shown = "U+FFFD" if sign == "\ufffd" else sign
                raise DropRefusedError(
                    f"{self.name}, line {line}: holds {shown}: characters were lost before the "
                    "file came here; have it exported again"
                )
        self.tail = block[-8:]

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
