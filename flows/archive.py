"""What an archive from elsewhere may hold: looked through before anything of it is unpacked."""

import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from transforms.errors import DigestDiffersError, DropRefusedError

# A text of extracts packs to a tenth or less; a thousandth is no text.
MOST_BYTES, MOST_RATIO, SMALL_BYTES = 64 << 30, 200, 64 << 20


def is_bomb(path: Path, members: Iterable[zipfile.ZipInfo]) -> bool:
    """Say whether an archive holds more than anybody packs."""
    size = sum(member.file_size for member in members)
    return size > MOST_BYTES or (size > SMALL_BYTES and size > MOST_RATIO * path.stat().st_size)


def names_within(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Name the files of an archive that the program itself wrote once.

    Raises:  DigestDiffersError for what it never writes: a name twice, a link, a way out of the
             folder; DropRefusedError if it holds more than anybody packs
    """
    members, seen = archive.infolist(), set[PurePosixPath]()
    if is_bomb(path, members):
        raise DropRefusedError(f"{path} holds far more than its size tells: nothing was unpacked")
    for member in members:
        name = PurePosixPath(member.filename)
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if is_link or name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise DigestDiffersError(
                f"{path} holds {member.filename}, a link or what lies outside of its folder: ask "
                "who changed it"
            )
        if name in seen:
            raise DigestDiffersError(
                f"{path} holds two files {name}: one might be shown, the other one checked; ask "
                "who changed it"
            )
        seen.add(name)
    return archive.namelist()
