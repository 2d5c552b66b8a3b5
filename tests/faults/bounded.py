"""Run the program in a process of its own, with limits, and measure what it took."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GIB = 1 << 30
# The machine's own protection, far above what is allowed: the test asks for what was really used.
ADDRESS_SPACE, FILE_SIZE = 12 * GIB, 20 * GIB
LONGEST_SECONDS = 240.0
LAUNCH = """
import resource, sys
for limit, most in ((resource.RLIMIT_AS, {space}), (resource.RLIMIT_FSIZE, {size})):
    resource.setrlimit(limit, (most, most))
from flows.cli import main
main()
"""


@dataclass(frozen=True)
class Outcome:
    """How a process ended: exit code (negative: the signal), what it said, what it took.

    Processor time, and the memory of the process or of its largest child.
    """

    code: int
    out: str
    said: str
    seconds: float
    peak_bytes: int


def run_bounded(
    *words: str, address_space: int = ADDRESS_SPACE, file_size: int = FILE_SIZE
) -> Outcome:
    """Run `wuxing` with these words."""
    launch = LAUNCH.format(space=address_space, size=file_size)
    process = subprocess.Popen(
        [sys.executable, "-c", launch, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout and process.stderr
    watch = threading.Timer(LONGEST_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    watch.start()
    with process.stdout, process.stderr, ThreadPoolExecutor(max_workers=2) as readers:
        texts = list(readers.map(lambda stream: stream.read(), (process.stdout, process.stderr)))
    _, status, used = os.wait4(process.pid, 0)
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    out, said = (text.decode("utf-8", "backslashreplace") for text in texts)
    seconds = used.ru_utime + used.ru_stime
    return Outcome(process.returncode, out, said, seconds, used.ru_maxrss * 1024)
