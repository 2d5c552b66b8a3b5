"""Have a hostile format taken apart by a process with limits, whose death is a plain refusal."""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pyarrow as pa

from transforms.errors import DropRefusedError

ROOT = Path(__file__).parent.parent.parent
REFUSED, ALL_SAID = "refused: ", b"all said\n"
# Memory from the system's own allocator in few arenas: others reserve more than they use.
CALM = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0"}


@cache
def _idle() -> list[subprocess.Popen[bytes]]:
    """Give the processes that wait for their next file: each takes a third of a second to start."""
    return []


def decode(
    form: str, path: Path, name: str, choose: Callable[[list[str]], object]
) -> Iterator[pa.RecordBatch]:
    """Give the batches of a workbook's sheet or of a Parquet file's columns, in order.

    `choose` is told what there is, and says what is wanted: the name of a sheet, or columns.

    Raises:  DropRefusedError naming the file if it can't be taken apart within the limits
    """
    process = _waiting() or _start()
    assert process.stdout and process.stderr
    is_whole, last = False, None
    try:
        for batch in _converse(process, [form, str(path.absolute())], choose):
            if last is not None:
                yield last
            last = batch
        is_whole = process.stdout.readline() == ALL_SAID
        if not is_whole:
            raise DropRefusedError(f"{name}: {_reason(process.stderr.read())}")
    finally:
        # Not later: a generator that is thrown away may find the pipes closed before itself.
        if is_whole:
            _idle().append(process)
        else:
            _end(process)
    # All is said by now: who wants no more than this one leaves a process that can go on.
    if last is not None:
        yield last


def _waiting() -> subprocess.Popen[bytes] | None:
    """Take one of the processes that wait; one that died meanwhile speaks against no file."""
    with suppress(IndexError):
        # Several threads take from it: whether one is left is known once it is taken.
        while process := _idle().pop():
            if process.poll() is None:
                return process
            _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process of which nothing more is wanted, whatever became of its pipes."""
    process.kill()
    with suppress(BrokenPipeError), process:
        pass


@atexit.register
def end_idle() -> None:
    """End the processes that wait: there are no more files."""
    while _idle():
        _idle().pop().communicate()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.ingest.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | CALM,
    )


def _converse(
    process: subprocess.Popen[bytes], file: list[str], choose: Callable[[list[str]], object]
) -> Iterator[pa.RecordBatch]:
    """Choose from what is offered, give what comes; where that breaks off, nothing more is said."""
    assert process.stdout
    with suppress(OSError, pa.ArrowInvalid):
        _say(process, file)
        if offer := process.stdout.readline():
            _say(process, choose(json.loads(offer)))
            yield from pa.ipc.open_stream(process.stdout)


def _say(process: subprocess.Popen[bytes], words: object) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(words).encode() + b"\n")
    process.stdin.flush()


def _reason(said: bytes) -> str:
    """Take the reason from what a process said before it ended."""
    for line in said.decode("utf-8", "replace").splitlines():
        if line.startswith(REFUSED):
            return line.removeprefix(REFUSED)
    return (
        "can't be taken apart within 2 GiB of memory and the time for its size: it is damaged, or "
        "far larger inside than outside; have it exported again, in parts or as CSV"
    )
