"""Tell what the machine denied (space, rights, memory, handles) from what the program got wrong."""

import errno
import os
import re
import resource
import traceback
from collections.abc import Iterator
from pathlib import Path

from transforms.errors import DigestDiffersError, WuxingError

DENIALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.EBUSY),
}
# What is not there, or is something else: where a record is missing, that is damage.
NOT_THERE = {
    *(errno.ENOENT, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP),
    *(errno.ENODEV, errno.ESTALE),
}
# How libraries say the same: with the number of the system's error, or in words of their own.
NUMBERED = re.compile(r"(?:os error|errno:?) (\d+)", re.IGNORECASE)
IN_WORDS = re.compile(
    "failed to map segment|no space left(?: on device)?|disk quota(?: exceeded)?|disk is full|"
    "disk i/o error|file too large|read-only file(?: system)?|readonly data(?:base)?|"
    "permission denied|unable to open database file|too many open files|cannot allocate memory|"
    "out of memory|not enough memory|can't start new thread|resource temporarily unavailable",
    re.IGNORECASE,
)


def denial(stop: BaseException) -> tuple[str, str]:
    """Say what the machine denied, however it was passed on, and of which file; else nothing."""
    if isinstance(stop, WuxingError) and stop.exit_code not in (1, 14):
        return "", ""
    is_damage = isinstance(stop, DigestDiffersError)
    for error in _chain(stop):
        denied = _denial(error, DENIALS if is_damage else DENIALS | NOT_THERE)
        if denied:
            return denied, str(getattr(error, "filename", None) or "")
    return "", ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _denial(error: BaseException, denials: set[int]) -> str:
    if isinstance(error, MemoryError):
        return "the memory is not enough"
    if isinstance(error, OSError) and error.errno in denials:
        return error.strerror or type(error).__name__
    if isinstance(error, WuxingError):
        return ""
    said = str(error)
    numbers = denials.intersection(map(int, NUMBERED.findall(said)))
    found = IN_WORDS.search(said)
    return found.group().capitalize() if found else os.strerror(min(numbers)) if numbers else ""


def where_broken(bug: BaseException) -> str:
    """Say what broke the program without its data: type and place, never the message's values."""
    frames = traceback.extract_tb(bug.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    return f"unexpected {type(bug).__name__} at {place}"


def keep_limit(limit: int, most: int) -> None:
    """Lower a limit of this process, or raise it as far as is allowed."""
    _, hard = resource.getrlimit(limit)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (soft, hard))
