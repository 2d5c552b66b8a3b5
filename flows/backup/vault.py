"""Where backups lie: contents by digest, each once; trees that name them; dated states over these.

    DIR/content/ab/abcd…    a file's bytes, named by their SHA-256
    DIR/states/DAY-POSITION-NUMBER-DIGEST.json
                            one backup: the home, its ledger's position, a tree per folder

The newest is the state of the longest ledger, of these the one written last: a clock can be wrong.
One that a copy of the home wrote is never the newest while there is one of the home at its place.
Nothing here is ever written in place. A state appears last, after all that it names is on disk.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.store import (
    CHUNK_BYTES,
    PRIVATE,
    file_digest,
    held_folder,
    replace_file,
    sync_path,
)
from transforms.digest import canonical_json, content_digest
from transforms.errors import DigestDiffersError, DropRefusedError

NAME_DIGITS = 12
# How often a file is read again that changes while it is read.
TRIES = 3
# Clocks may differ so much.
CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Entry:
    """One file of a backup: its path below its folder, its digest, its size, when it changed."""

    name: str
    sha256: str
    bytes: int
    changed_ns: int


@dataclass(frozen=True)
class Vault:
    """A backup's folder. Making one touches nothing."""

    root: Path

    @property
    def states(self) -> Path:
        """Return the folder of states."""
        return self.root / "states"

    def path_of(self, digest: str) -> Path:
        """Return where a content lies, or would lie."""
        return self.root / "content" / digest[:2] / digest

    def has(self, digest: str, size: int | None = None) -> bool:
        """Say whether a content is there, in its full size."""
        path = self.path_of(digest)
        return path.is_file() and size in (None, path.stat().st_size)

    def take(self, source: Path, name: str, expected: str = "") -> tuple[Entry, int]:
        """Copy a file in, read back what was written, and put it in place under its digest.

        Rows:    returns  its entry, and how many bytes of it were not there before

        Raises:  DigestDiffersError if it is not what was expected, or does not stand still
        """
        for _ in range(TRIES):
            before = source.stat()
            size, changed_ns = before.st_size, before.st_mtime_ns
            if expected and self.has(expected, size):
                return Entry(name, expected, size, changed_ns), 0
            with self._making() as making:
                digest = _copy(source, making)
                if expected and digest != expected:
                    break
                after = source.stat()
                if (after.st_size, after.st_mtime_ns) != (size, changed_ns):
                    continue
                is_new = not self.has(digest, size)
                if is_new:
                    self._put(making, digest)
            return Entry(name, digest, size, changed_ns), size if is_new else 0
        said = "was changed after it was written" if expected else "changes while it is read"
        raise DigestDiffersError(f"{source} {said}: it is not in this backup")

    def take_json(self, content: Mapping[str, Any] | list[Any]) -> str:
        """Keep plain content; return its digest."""
        digest = content_digest(content)
        if not self.has(digest):
            with self._making() as making:
                making.write_bytes(canonical_json(content).encode())
                self._put(making, digest)
        return digest

    def read(self, digest: str) -> bytes:
        """Read a content.

        Raises:  DigestDiffersError if it is missing or was changed
        """
        return self._checked(self.path_of(digest), digest)

    def write_out(self, entry: Entry, target: Path) -> None:
        """Write a content to a place outside, as it was.

        Raises:  DigestDiffersError if it is missing or was changed
        """
        path = self.path_of(entry.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or _copy(path, target) != entry.sha256:
            raise DigestDiffersError(self._damaged(path))
        os.utime(target, ns=(entry.changed_ns, entry.changed_ns))

    def put_state(self, made_at: str, content: Mapping[str, Any]) -> str:
        """Write a state; only now the backup exists. Return its name."""
        number = 1 + max((self._order(name)[1] for name in self.state_names()), default=0)
        digest = content_digest(content)[:NAME_DIGITS]
        name = f"{_stamp(made_at)}-{content['position']}-{number}-{digest}"
        replace_file(self.states / f"{name}.json", canonical_json(content).encode())
        return name

    def state_names(self) -> list[str]:
        """List the backups that are there, the oldest first."""
        return sorted((path.stem for path in self.states.glob("[!.]*.json")), key=self._order)

    def _order(self, name: str) -> tuple[int, int, str]:
        """Say when a state was written: after which entry of the ledger, after how many others."""
        told = name.split("-")[1:-1]
        if len(told) == 2 and all(one.isdecimal() for one in told):
            return int(told[0]), int(told[1]), name
        # Names of old say no position. Whoever reads the state finds what is wrong with it.
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads((self.states / f"{name}.json").read_bytes())
            return int(state["position"]), 0, name
        return 0, 0, name

    def read_state(self, name: str) -> dict[str, Any]:
        """Read a state.

        Raises:  DropRefusedError if there is none; DigestDiffersError if it was changed or renamed
        """
        path = self.states / f"{name}.json"
        if not path.is_file():
            raise DropRefusedError(
                f"there is no backup {name} in {self.root}"
                if name
                else f"there is no backup yet in {self.root}"
            )
        state: dict[str, Any] = json.loads(self._checked(path, name.rpartition("-")[2]))
        if self._order(name)[0] != state["position"]:
            # By its name it would be newer or older than it is.
            raise DigestDiffersError(self._damaged(path))
        return state

    def newest(self) -> dict[str, Any]:
        """Read the newest state; nothing if there is none."""
        name = self.newest_name()
        return self.read_state(name) if name else {}

    def newest_name(self) -> str:
        """Name the newest state of the home at its place, else of a copy; nothing if there is none.

        Raises:  DigestDiffersError if it was changed or renamed
        """
        names = self.state_names()[::-1]
        at_home = (name for name in names if is_of_home(self.read_state(name)))
        return next(at_home, next(iter(names), ""))

    def tree(self, digest: str) -> list[Entry]:
        """Read which files a folder held.

        Raises:  DigestDiffersError if it is missing or was changed
        """
        return [Entry(*fields) for fields in json.loads(self.read(digest))]

    def _checked(self, path: Path, digest: str) -> bytes:
        content = path.read_bytes() if path.is_file() else b""
        if not hashlib.sha256(content).hexdigest().startswith(digest):
            raise DigestDiffersError(self._damaged(path))
        return content

    def _damaged(self, path: Path) -> str:
        return (
            f"{path} is missing or was changed: this backup is damaged; restore from another copy "
            "of it, or an older state (`--state`), and look after the disk"
        )

    @contextmanager
    def _making(self) -> Iterator[Path]:
        making = self.root / ".making-content"
        try:
            yield making
        finally:
            making.unlink(missing_ok=True)

    def _put(self, making: Path, digest: str) -> None:
        sync_path(making)
        _forget(making)
        if file_digest(making) != digest:
            raise DigestDiffersError(f"{self.root} does not give back what was written: {making}")
        path = self.path_of(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.rename(making, path)
        sync_path(path.parent)


def is_of_home(state: Mapping[str, Any]) -> bool:
    """Say whether a home wrote a state at its place; older releases did not say who wrote it."""
    return bool(state.get("is_at_home", True))


def dated_ahead(vault: Vault, now: datetime) -> list[str]:
    """Say of states that are dated after now that they are, and what tells the newest."""
    until = _stamp((now + CLOCKS_DIFFER).isoformat())
    names = [name for name in vault.state_names() if name.partition("-")[0] > until]
    if not names:
        return []
    return [
        f"states in {vault.root} that are dated after now: {len(names)}, as {names[-1]}. The clock "
        "ran ahead then, or is behind now (`timedatectl set-ntp true`). Which state is the newest "
        "is told by its ledger, not by its day"
    ]


def _stamp(moment: str) -> str:
    return "".join(sign for sign in moment[:19] if sign not in "-:")


def _copy(source: Path, target: Path) -> str:
    """Copy a file; return the digest of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as stream, target.open("wb") as copy:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
            copy.write(piece)
    return digest.hexdigest()


def _forget(path: Path) -> None:
    """Ask the system to read a file from the disk next time, not from its memory."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def hold_vault(root: Path) -> Iterator[Vault]:
    """Hold a backup's folder for one writer; what a killed one left half made goes.

    Raises:  HomeBusyError if another backup writes there; DropRefusedError if it is no backup
    """
    before = os.umask(PRIVATE)
    try:
        if root.exists() and not root.is_dir():
            raise DropRefusedError(f"{root} is no folder: give an empty folder, or a backup's")
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "states").is_dir() and any(p.name != "content" for p in root.glob("[!.]*")):
            raise DropRefusedError(f"{root} holds other things than a backup: give an empty folder")
        with held_folder(root, f"another backup writes to {root}: wait until it ends"):
            for leftover in root.rglob(".making-*"):
                leftover.unlink()
            yield Vault(root)
    finally:
        os.umask(before)
