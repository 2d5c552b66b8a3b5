"""Tell what the machine denied (space, rights, memory, handles) from what the program got wrong."""

import errno
import os
import re
from collections.abc import Iterator

from flows.cli.stopped import what_stands
from transforms.errors import DigestDiffersError, MachineDeniedError, WuxingError

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


def denied_by_machine(stop: BaseException) -> MachineDeniedError | None:
    """Give what to say if the machine denied something, however it was passed on; else None."""
    if isinstance(stop, WuxingError) and stop.exit_code not in (1, 14):
        return None
    is_damage = isinstance(stop, DigestDiffersError)
    for error in _chain(stop):
        denial = _denial(error, DENIALS if is_damage else DENIALS | NOT_THERE)
        if denial is not None:
            return MachineDeniedError(
                f"{denial}: {what_stands()}; free space, memory or handles, give the rules more "
                "memory (--memory-limit, or memory in wuxing.toml), or get the right to write "
                "there, and repeat the command"
            )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _denial(error: BaseException, denials: set[int]) -> str | None:
    if isinstance(error, MemoryError):
        return "the memory is not enough"
    if isinstance(error, OSError) and error.errno in denials:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or type(error).__name__}"
    if isinstance(error, WuxingError):
        return None
    said = str(error)
    numbers = denials.intersection(map(int, NUMBERED.findall(said)))
    found = IN_WORDS.search(said)
    return found.group().capitalize() if found else os.strerror(min(numbers)) if numbers else None
