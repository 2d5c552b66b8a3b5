"""Have a hostile format taken apart by a process with limits, whose death is a plain refusal."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from transforms.errors import DropRefusedError

ROOT = Path(__file__).parent.parent.parent
REFUSED = "refused: "
# Memory from the system's own allocator in one arena: others reserve more than they use.
CALM = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0"}


def decode(
    form: str, path: Path, name: str, choose: Callable[[list[str]], object]
) -> Iterator[pa.RecordBatch]:
    """Give the batches of a workbook's sheet or of a Parquet file's columns, in order.

    `choose` is told what there is, and says what is wanted: the name of a sheet, or labels.

    Raises:  DropRefusedError naming the file if it can't be taken apart within the limits
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.ingest.decoder", form, str(path.absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | CALM,
    )
    assert process.stdout and process.stderr
    try:
        yield from _converse(process, choose)
        if process.wait():
            raise DropRefusedError(f"{name}: {_reason(process.stderr.read())}")
    finally:
        process.kill()
        process.communicate()


def _converse(
    process: subprocess.Popen[bytes], choose: Callable[[list[str]], object]
) -> Iterator[pa.RecordBatch]:
    """Choose from what is offered, give what comes; where it breaks off, the exit code tells why."""
    assert process.stdin and process.stdout
    if offer := process.stdout.readline():
        wanted = json.dumps(choose(json.loads(offer)))
        with suppress(BrokenPipeError, pa.ArrowInvalid):
            process.stdin.write(wanted.encode() + b"\n")
            process.stdin.flush()
            yield from pa.ipc.open_stream(process.stdout)


def _reason(said: bytes) -> str:
    """Take the reason from what a process said before it ended."""
    for line in said.decode("utf-8", "replace").splitlines():
        if line.startswith(REFUSED):
            return line.removeprefix(REFUSED)
    return (
        "can't be taken apart within 2 GiB of memory and the time for its size: it is damaged, or "
        "far larger inside than outside; have it exported again, in parts or as CSV"
    )
