"""Loaded by the workers of the tests' cluster: the fault that a file asks for, once, in a part.

The file `fault` in the folder of WUXING_TEST_FAULTS names it, and the night that is to meet it:
parts of one that was given up go on to their end. Whoever meets it first takes it away.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from flows.night import cluster, part
from flows.program import program as made_by
from sql.policy_runs import run_policy as made_policy

SECONDS = 10.0
NIGHTS: list[str] = []


def run_policy(*given: Any) -> None:
    """Meet the fault in the middle of a part: its facts are written, its policies are not."""
    asked = taken(NIGHTS[-1], "killed", "hangs", "out of memory", "fails", "slow")
    if asked == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if asked == "hangs":
        os.kill(os.getpid(), signal.SIGSTOP)
    if asked == "out of memory":
        eaten = []
        while True:
            eaten.append(bytearray(os.urandom(1 << 20)) * 32)
    if asked == "fails":
        raise MemoryError
    if asked == "slow":
        (folder() / "begun").touch()
        time.sleep(SECONDS)
    made_policy(*given)


def make_part(order: part.PartOrder, means: part.Means) -> None:
    """Remember which night's part it is."""
    NIGHTS.append(order.folder.parent.name)
    part.make_part(order, means)


def program() -> dict[str, Any]:
    """Be another program, if that is the fault."""
    return {**made_by(), "code_digest": "another"} if taken("other", "other program") else made_by()


def taken(night: str, *faults: str) -> str:
    """Take the fault that is asked for, if it is one of these and nobody else took it."""
    mine = folder() / f"met-by-{os.getpid()}"
    try:
        meant, asked = (folder() / "fault").read_text("utf-8").splitlines()
        if meant == night and asked in faults:
            (folder() / "fault").rename(mine)
            return asked
    except FileNotFoundError:
        pass
    return ""


def folder() -> Path:
    """Return where the tests leave faults."""
    return Path(os.environ["WUXING_TEST_FAULTS"])


def dask_setup(_worker: Any) -> None:
    """Let a worker meet faults, as soon as it has started."""
    part.run_policy = run_policy
    cluster.make_part = make_part
    part.program = program  # type: ignore[assignment]
