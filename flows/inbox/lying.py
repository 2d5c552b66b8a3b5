"""What lies in the inbox: deliveries that are whole, and files that wait, each with the reason."""

import errno
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from flows.inbox.register import Line
from flows.inbox.suppliers import REFUSED, TAKEN, Suppliers
from flows.ingest.delivery import Delivery, read_delivery
from flows.ingest.files import DropFile, digest_file
from flows.ingest.folders import ARCHIVE, MOST_DEEP, UNREADABLE, is_rubbish, name_of_member
from transforms.errors import DropRefusedError
from transforms.extracts.headers import DELIVERY_NOTE_NAMES
from transforms.words import Said

MARK, LOOKS = "_ready", 5
# Beside a refused file lies why.
REASON_NAME = ".reason.txt"
# So programs call a file that they are still writing.
BEING_WRITTEN = (".part", ".filepart", ".partial", ".tmp", ".crdownload", ".writing")
# The file's own fault; what else the machine denies stops the night.
FILE_FAULTS = {errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP, errno.ENXIO}
Sizes = Mapping[Path, tuple[int, int]]


@dataclass(frozen=True)
class Unready:
    """A file that is not taken yet, and why."""

    path: Path
    why: Said


@dataclass(frozen=True)
class Whole:
    """A delivery that is whole: its files, and what lies beside them (note and mark).

    `bad_note`: why its note can't be read; then the note alone is refused.
    """

    folder: Path
    files: tuple[Path, ...]
    beside: tuple[Path, ...]
    note: Delivery | None = None
    bad_note: str = ""


@dataclass
class Lying:
    """All that lies in an inbox and is not rubbish."""

    whole: list[Whole] = field(default_factory=list)
    waiting: list[Unready] = field(default_factory=list)


def look(suppliers: Suppliers) -> Lying:
    """Look into the inbox; nothing is changed. Suppliers may move files meanwhile."""
    for _ in range(LOOKS - 1):
        with suppress(FileNotFoundError):
            return _look(suppliers)
    return _look(suppliers)


def _look(suppliers: Suppliers) -> Lying:
    lying, inbox = Lying(), suppliers.inbox
    if not inbox.is_dir():
        return lying
    below = sorted(inbox.iterdir())
    own = [path for path in below if suppliers.by_folder(path.name) and _is_folder(path)]
    others = [path for path in below if path not in own and path.name not in (TAKEN, REFUSED)]
    for folder in own:
        _look_into(folder, list(_files_of(folder)), lying)
    _look_into(inbox, [file for path in others for file in _files_of(path)], lying)
    return lying


def unregistered(suppliers: Suppliers, lines: Iterable[Line]) -> list[str]:
    """List what lies in taken and refused and is in no line of the register, by its path.

    An inbox of its own outlives a home: a register that was restored may be older than it.
    """
    inbox, known = suppliers.inbox, {line.lies for line in lines}
    there = (path for state in (TAKEN, REFUSED) for path in (inbox / state).rglob("[!.]*"))
    found = (path.relative_to(inbox).as_posix() for path in there if not path.is_dir())
    return sorted(one for one in found if one not in known and not one.endswith(REASON_NAME))


def unknown_files(found: Sequence[str]) -> str:
    """Say what is to be done with files that the register does not know."""
    count, first = len(found), found[0]
    return (
        f"{count} files lie in taken or refused that deliveries.jsonl does not know, as {first} "
        "(the home was restored, or another one takes from this inbox): put those of taken back "
        "into their suppliers' folders"
    )


def sizes_of(lying: Lying) -> Sizes:
    """Give size and time of change of all files of deliveries that are whole."""
    paths = [path for one in lying.whole for path in (*one.files, *one.beside)]
    stats = [(path, path.lstat()) for path in paths if os.path.lexists(path)]
    return {path: (found.st_size, found.st_mtime_ns) for path, found in stats}


def at_rest(lying: Lying, before: Sizes) -> list[Whole]:
    """Give the deliveries none of whose files has changed since an earlier look.

    Holds:   in the order in which they became whole: the newest of their files tells, then names
    """
    now = sizes_of(lying)
    rest = [
        one
        for one in lying.whole
        if all(now.get(path, 0) == before.get(path) for path in (*one.files, *one.beside))
    ]

    def arrived(one: Whole) -> tuple[int, Path, tuple[Path, ...]]:
        newest = max(now[path][1] for path in (*one.files, *one.beside))
        return newest, one.folder, one.files

    return sorted(rest, key=arrived)


def _is_folder(path: Path) -> bool:
    return S_ISDIR(path.lstat().st_mode)


def _files_of(path: Path, depth: int = 0) -> Iterator[Path]:
    if path.name.startswith(".") or is_rubbish(path.name) or depth > MOST_DEEP:
        return
    if not _is_folder(path):
        yield path
        return
    for below in sorted(path.iterdir()):
        yield from _files_of(below, depth + 1)


def is_note(path: Path) -> bool:
    """Say whether a file is a delivery note."""
    return path.name in DELIVERY_NOTE_NAMES


def is_mark(path: Path) -> bool:
    """Say whether a file is the mark that a delivery is whole.

    >>> is_mark(Path("_READY")), is_mark(Path("_ready.txt")), is_mark(Path("ready.csv"))
    (True, True, False)
    """
    return path.stem.casefold() == MARK


def _look_into(root: Path, paths: list[Path], lying: Lying) -> None:
    """Sort the files below a folder by the note or mark that speaks for them: the nearest one."""
    speaking = {path.parent for path in paths if is_note(path) or is_mark(path)}
    places: dict[Path | None, list[Path]] = {}
    for path in paths:
        above = [path.parent, *path.parent.parents]
        inside = above[: above.index(root) + 1]
        place = next((folder for folder in inside if folder in speaking), None)
        if place is None and path.suffix.lower() == ARCHIVE and _note_in(path):
            lying.whole.append(Whole(path.parent, (path,), ()))
            continue
        places.setdefault(place, []).append(path)
    for path in places.pop(None, []):
        lying.waiting.append(Unready(path, Said("waits_without_mark")))
    for place, files in places.items():
        assert place is not None
        _judge_place(place, files, lying)


def _judge_place(folder: Path, paths: list[Path], lying: Lying) -> None:
    """Say of the files that one note or mark speaks for whether they are a whole delivery."""
    notes, marks = [p for p in paths if is_note(p)], [p for p in paths if is_mark(p)]
    files = [path for path in paths if path not in (*notes, *marks)]
    fixed = sorted({path.parent.name for path in paths if not os.access(path.parent, os.W_OK)})
    written = [path.name for path in files if path.name.casefold().endswith(BEING_WRITTEN)]
    note, bad_note, beside = None, "", (*notes, *marks)
    why = Said("waits_being_written", {"files": written}) if written else None
    why = Said("waits_for_a_right", {"folders": fixed}) if fixed else why
    try:
        if len(notes) > 1:
            raise DropRefusedError(f"{notes[1].name}: there are two delivery notes; leave one")
        note = read_note(notes[0]) if notes else None
    except DropRefusedError as unreadable:
        lying.whole.append(Whole(folder, (), tuple(notes), None, str(unreadable)))
        notes, beside = [], tuple(marks)
    if note is not None:
        listed = {line.name for line in note.lines}
        there = {name for path in files for name in names_in(path)}
        absent = sorted(listed - there)
        why = why or (Said("waits_for_listed", {"files": absent}) if absent else None)
        if not marks:
            more = [path for path in files if not listed & names_in(path)]
            files = [path for path in files if path not in more]
            lying.waiting += [Unready(path, Said("waits_unlisted")) for path in more]
    elif not marks:
        why = Said("waits_without_mark")
    if why or not files:
        lying.waiting += [Unready(path, why or Said("waits_alone")) for path in (*files, *beside)]
    else:
        lying.whole.append(Whole(folder, tuple(files), beside, note, bad_note))


def read_note(path: Path) -> Delivery:
    """Read a delivery note where it lies.

    Raises:  DropRefusedError if it can't be read
    """
    expect_file(path)
    with denied_is_refused(path.name):
        note = read_delivery([digest_file(DropFile(path, None, "csv"))], path.parent)
    assert note is not None
    return note


def expect_file(path: Path) -> None:
    """Refuse what is no file of its own.

    Raises:  DropRefusedError
    """
    if not S_ISREG(path.lstat().st_mode):
        raise DropRefusedError(f"{path.name}: is a link or a device; put the file itself there")


@contextmanager
def denied_is_refused(name: str) -> Iterator[None]:
    """Refuse a file that the machine denies, where that is the file's own fault.

    Raises:  DropRefusedError if it is
    """
    try:
        yield
    except OSError as denied:
        if denied.errno not in FILE_FAULTS:
            raise
        raise DropRefusedError(f"{name}: can't be read: {denied.strerror}") from denied


def names_in(path: Path) -> set[str]:
    """Give a file's name, and of an archive the names of the files in it."""
    if path.suffix.lower() != ARCHIVE or not S_ISREG(path.lstat().st_mode):
        return {path.name}
    try:
        with zipfile.ZipFile(path) as archive:
            inner = [name_of_member(one) for one in archive.infolist() if not one.is_dir()]
    except (*UNREADABLE, OSError):
        inner = []
    return {path.name, *(Path(name).name for name in inner)}


def _note_in(path: Path) -> bool:
    return bool(names_in(path) & set(DELIVERY_NOTE_NAMES))
