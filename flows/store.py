"""The home folder: where snapshots, runs, batches and the ledger live, each written once."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flows.home import Home as Home  # noqa: PLC0414 -- this module is the door to a home
from flows.midway import midway
from flows.scratch import sweep_scratch
from transforms.digest import text_digest
from transforms.errors import DigestDiffersError, DropRefusedError, HomeBusyError

CHUNK_BYTES = 1 << 22
MANIFEST = "manifest.json"
PRIVATE = 0o077
# The second is of releases of before they staged under the first.
HALF_MADE = (".making-", ".staged-")
# Where a batch keeps the bank's files.
ANSWERS = "answers"
# Hashing gives the lock away; more threads than processors, so that some read meanwhile.
HASH_THREADS = 8
MACHINE_ID = Path("/etc/machine-id")


@contextmanager
def hold_home(home: Home, *, make: bool = False) -> Iterator[None]:
    """Hold the home folder for one writer; the lock ends with the process, however it ends.

    `make`: the folder is made if it is not there; else a mistyped name is refused.

    Raises:  DropRefusedError if there is no home; HomeBusyError if another process holds it
    """
    if not make:
        expect_home(home)
    # Names, accounts and amounts lie here: whatever is made is its owner's alone.
    before = os.umask(PRIVATE)
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        busy = f"another run holds the home folder {home.root}: wait until it ends, then try again"
        with held_folder(home.root, busy):
            sweep_leftovers(home)
            midway().begin(home.root, home.snapshots, home.runs, home.batches)
            yield
    finally:
        os.umask(before)


@contextmanager
def held_folder(folder: Path, said: str) -> Iterator[None]:
    """Hold a folder itself: a file in it could be removed and made anew by another.

    Raises:  HomeBusyError with these words if another process holds it
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise HomeBusyError(said) from busy
        yield
    finally:
        os.close(held)


def expect_home(home: Home) -> None:
    """Make sure that there is a home.

    Raises:  DropRefusedError if there is none
    """
    if not home.root.is_dir():
        raise DropRefusedError(f"there is no home {home.root}: check --home")


def place_of(home: Home) -> str:
    """Return where a home is: the digest of this machine's own id and the folder's path."""
    has_id = MACHINE_ID.is_file()
    machine = MACHINE_ID.read_text(encoding="ascii").strip() if has_id else str(uuid.getnode())
    return text_digest(f"{machine} {home.root.resolve()}")


def sweep_leftovers(home: Home) -> None:
    """Remove what a killed process left half made; only the holder of the lock may call this."""
    for spilled in home.temporary.glob("[!.]*"):
        is_folder = spilled.is_dir() and not spilled.is_symlink()
        shutil.rmtree(spilled) if is_folder else spilled.unlink()
    sweep_scratch(home.temporary)
    for leftover in half_made(home):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def half_made(home: Home) -> list[Path]:
    """List what a command that is at work, or was killed, has made half."""
    kept = (home.root, home.snapshots, home.runs, home.batches, home.inputs, home.cache)
    parts = (part for kind in kept[1:4] for part in kind.glob("*/"))
    folders = (*kept, *parts, *home.batches.glob(f"*/{ANSWERS}/"))
    forms = [f"{start}*" for start in HALF_MADE]
    return sorted(path for folder in folders for form in forms for path in folder.glob(form))


def is_half_made(place: Path) -> bool:
    """Say of a path in the folder of a snapshot, run or batch whether `half_made` lists it."""
    parts = place.parts[: 2 if place.parts[0] == ANSWERS else 1]
    return any(part.startswith(HALF_MADE) for part in parts)


def is_held(home: Home) -> bool:
    """Say whether a command holds the home right now; nothing is written to see it."""
    with suppress(OSError):
        seen = os.open(home.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(seen, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(seen)
    return False


@contextmanager
def staged_folder(target: Path, *, instead: bool = False) -> Iterator[Path]:
    """Make a folder whole or not at all: filled beside its place, synced, renamed into it.

    Holds:   the target appears only after everything in it is on disk; what it stands instead of
             is there until then
    Raises:  FileExistsError if the target is there already, unless it is to be replaced
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    was = making.with_name(f"{making.name}-was")
    try:
        yield making
        sync_tree(making)
        making.chmod(0o700)
        if target.exists():
            if not instead:
                raise FileExistsError(target)
            os.rename(target, was)
        os.rename(making, target)
        sync_path(target.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(was, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Ask the disk to keep every file and folder below, children first."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync_path(path)
    sync_path(folder)


def sync_path(path: Path) -> None:
    """Ask the disk to keep one file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Put a small file in place at once: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".making-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_path(path.parent)


def append_line(path: Path, content: Mapping[str, Any]) -> None:
    """Add one line of JSON to a file that only grows; a line that was torn is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        torn = size and os.pread(stream.fileno(), 1, size - 1) != b"\n"
        text = json.dumps(content, ensure_ascii=False, sort_keys=True) + "\n"
        left = b"\n" * bool(torn) + text.encode()
        # A disk that is nearly full takes a part, and denies the rest.
        while left:
            left = left[os.write(stream.fileno(), left) :]
        os.fsync(stream.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines of such a file; one that was torn as it was written says nothing."""
    found = []
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [content for content in found if isinstance(content, dict)]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in lower-case hexadecimal."""
    # In large pieces: between two of them a thread waits for Python, which others may hold.
    piece = memoryview(bytearray(max(1, min(CHUNK_BYTES, path.stat().st_size))))
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while count := stream.readinto(piece):
            digest.update(piece[:count])
    return digest.hexdigest()


def expect_digests(files: Iterable[tuple[Path, str]]) -> None:
    """Check files against their digests.

    Raises:  DigestDiffersError naming the first that is missing or differs
    """
    problem = next(iter(digest_problems(files)), None)
    if problem:
        raise DigestDiffersError(f"{problem}; find out who changed it")


def digest_problems(files: Iterable[tuple[Path, str]]) -> list[str]:
    """Say of each file that is missing or was changed, which it is, in the order given."""
    named = list(files)
    if len(named) <= 1:
        return [said for said in map(_digest_problem, named) if said]
    with ThreadPoolExecutor(max_workers=HASH_THREADS) as pool:
        return [said for said in pool.map(_digest_problem, named) if said]


def _digest_problem(file: tuple[Path, str]) -> str:
    path, digest = file
    try:
        found = file_digest(path)
    except OSError:
        return f"{path} is missing or can't be read"
    if found == digest:
        return ""
    return f"{path} was changed after it was written: expected {digest[:12]}…, found {found[:12]}…"


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write a folder's manifest.json."""
    write_json(folder / MANIFEST, manifest)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain content for people: sorted keys, two spaces, UTF-8, one line end at the end."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


def read_manifest(folder: Path, what: str) -> dict[str, Any]:
    """Read the manifest of a snapshot, run or batch.

    Raises:  DropRefusedError if there is no such folder; DigestDiffersError if it can't be read
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DropRefusedError(f"there is no {what} {folder.name} in {folder.parent}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as broken:
        raise DigestDiffersError(f"{path} is damaged: it is no JSON; find out why") from broken
    if not isinstance(manifest, dict):
        raise DigestDiffersError(f"{path} is damaged: it holds no JSON object; find out why")
    return manifest


def read_inputs(home: Home, digest: str) -> Mapping[str, Mapping[str, str]]:
    """Read what a night kept of the texts and the configuration that it was made by.

    Raises:  DigestDiffersError if it is missing or was changed
    """
    path = inputs_path(home, digest)
    if not path.is_file() or text_digest(path.read_text(encoding="utf-8")) != digest:
        raise DigestDiffersError(f"{path} is missing or was changed; find out who changed it")
    inputs: Mapping[str, Mapping[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return inputs


def inputs_path(home: Home, digest: str) -> Path:
    """Return where the inputs of a digest lie."""
    return home.inputs / f"{digest}.json"
