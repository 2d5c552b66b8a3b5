"""Run the program in a process of its own, with limits, and measure what it took."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GIB = 1 << 30
# The machine's own protection, far above what is allowed: the test asks for what was really used.
ADDRESS_SPACE = 12 * GIB
LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit code (negative: the signal), what it said, what it took."""

    code: int
    out: str
    said: str
    seconds: float
    peak_bytes: int


def run_bounded(
    *words: str, address_space: int = ADDRESS_SPACE, file_size: int | None = None
) -> Outcome:
    """Run `wuxing` with these words; the peak is that of the process or of its largest child."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            preexec_fn=limit,
            start_new_session=True,
        )
        watch = threading.Timer(LONGEST_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        texts = []
        for stream in (out, said):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "backslashreplace"))
    return Outcome(process.returncode, texts[0], texts[1], seconds, used.ru_maxrss * 1024)
