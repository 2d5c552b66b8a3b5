"""What lies in a drop's folder: files in sub-folders and archives, and rubbish that is none."""

import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from stat import S_ISDIR, S_ISREG

from flows.archive import is_bomb
from transforms.errors import DropRefusedError
from transforms.visible import holds_control

# What programs leave beside the files of people: locks of open workbooks, thumbnails, settings.
RUBBISH = ("thumbs.db", ".ds_store", "desktop.ini", "__macosx")
RUBBISH_STARTS = ("~$", "._", ".~lock.")
ARCHIVE = ".zip"
MOST_DEEP, MOST_FILES = 8, 10_000
COPIED_BYTES = 1 << 20
# What a damaged archive makes its reader raise.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, EOFError, ValueError),
)


def gather(drop: Path, unpacked: Path) -> tuple[list[Path], list[str]]:
    """Look into a drop's folder, its sub-folders and archives.

    Rows:    unpacked  a scratch folder that archives are unpacked into
             returns   the files, by where they can be read; names of what is no extract
    Holds:   nothing of the drop is changed; an archive can't write outside the scratch folder
    Raises:  DropRefusedError for a link or a device, two files of one name, a hostile archive
    """
    paths, left_aside = list[Path](), list[str]()
    for path in _walk(drop, 0, left_aside):
        if path.suffix.lower() == ARCHIVE:
            place = unpacked / str(len(paths))
            place.mkdir(parents=True)
            paths += unpack(path, place, left_aside)
        else:
            paths.append(path)
        if len(paths) > MOST_FILES:
            raise DropRefusedError(f"{drop} holds more than {MOST_FILES} files: is it the drop?")
    names = [path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DropRefusedError(
            f"{drop} holds two files {twice[0]}, in sub-folders or archives: rename one. Nothing "
            "was read"
        )
    return sorted(paths, key=lambda path: path.name), sorted(left_aside)


def is_rubbish(name: str) -> bool:
    """Say whether a file is none that somebody delivers.

    >>> is_rubbish("~$收款账户.xlsx"), is_rubbish("Thumbs.db"), is_rubbish("收款账户.xlsx")
    (True, True, False)
    """
    plain = name.casefold()
    return plain in RUBBISH or plain.startswith(RUBBISH_STARTS)


def _walk(folder: Path, depth: int, left_aside: list[str]) -> Iterator[Path]:
    if depth > MOST_DEEP:
        raise DropRefusedError(f"{folder} lies {depth} folders deep: put the files higher up")
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        mode = path.lstat().st_mode
        if is_rubbish(path.name):
            left_aside.append(path.name)
        elif holds_control(path.name):
            raise DropRefusedError(
                f"{path.name}: the name is no UTF-8, or holds characters that can't be seen; "
                "rename the file. Nothing was read"
            )
        elif S_ISDIR(mode):
            yield from _walk(path, depth + 1, left_aside)
        elif S_ISREG(mode):
            yield path
        else:
            raise DropRefusedError(
                f"{path.name}: is a link or a device; a drop holds files only: put the file "
                "itself there. Nothing was read"
            )


def unpack(path: Path, place: Path, left_aside: list[str]) -> list[Path]:
    """Unpack an archive into a folder, file beside file, by their last names.

    Raises:  DropRefusedError if it can't be, or if what it holds is hostile
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not name_of_member(m).endswith("/")]
            _expect_harmless(path, members)
            unpacked = []
            for member in members:
                inner = PurePosixPath(name_of_member(member))
                if any(map(is_rubbish, inner.parts)):
                    left_aside.append(f"{path.name}: {inner.name}")
                    continue
                target = place / inner.name
                if target.exists():
                    raise DropRefusedError(f"{path.name} holds two files {inner.name}: rename one")
                with archive.open(member) as source, target.open("xb") as copy:
                    shutil.copyfileobj(source, copy, COPIED_BYTES)
                unpacked.append(target)
            return unpacked
    except UNREADABLE as bad:
        raise DropRefusedError(
            f"{path.name}: can't be unpacked (damaged, or with a password); deliver the files "
            "themselves"
        ) from bad


def _expect_harmless(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Check names, sizes and count of an archive's members before anything is unpacked."""
    if len(members) > MOST_FILES or is_bomb(path, members):
        size = sum(member.file_size for member in members)
        raise DropRefusedError(
            f"{path.name}: {len(members)} files of {size >> 20} MiB are no ordinary archive; "
            "deliver the files themselves"
        )
    for member in members:
        inner = PurePosixPath(name_of_member(member))
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        outside = bool(PureWindowsPath(inner).anchor) or ".." in inner.parts
        if outside or is_link or holds_control(str(inner)) or inner.suffix.lower() == ARCHIVE:
            raise DropRefusedError(
                f"{path.name}: {inner.name} lies outside the archive, or is a link, an archive in "
                "an archive, or has a name that can't be seen; deliver the files themselves"
            )


def name_of_member(member: zipfile.ZipInfo) -> str:
    """Return a member's name; programs for Chinese write it as GBK and do not say so.

    Those of Windows may part its folders by backslashes.
    """
    name = member.filename
    if not member.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("gb18030")
    return name.replace("\\", "/")
