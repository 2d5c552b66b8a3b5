"""Kill the whole job at one effect on the disk after another, run it again, compare the end states.

A child process does run, sign, sign, release, from the command to be interrupted on; it is killed
(SIGKILL) just before or after an effect of it: an fsync, a rename, a SQLite statement or commit. A
second child then gives the interrupted command plainly again, and the rest. The end state must be
that of an undisturbed home, byte for byte.

Run as `python -m tests.faults.kill_harness TEMPLATE_HOME DROP WORK POINTS`; prints one JSON line
a point. The heavy imports are made once, before forking, by a process that starts no thread of
its own.
"""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from expectations import gate
from flows.money import release
from flows.money.batch import list_batches
from flows.money.sign import sign_batch
from flows.night import pipeline
from flows.night.progress import Progress
from flows.store import Home, hold_home
from tests.ceremony import key_of, one_place
from transforms.errors import LedgerForbidsError

AS_OF = date(2020, 3, 31)
KILLED = -signal.SIGKILL


class Effects:
    """Counts effects, and kills this process at the one that was asked for."""

    def __init__(self, fatal: int | None) -> None:
        self.fatal = fatal
        self.count = 0
        self.names: list[str] = []

    def note(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*words: Any, **named: Any) -> Any:
            self.note(f"before {name}")
            outcome = act(*words, **named)
            self.note(f"after {name}")
            return outcome

        return noted

    def watch(self) -> None:
        effects = self
        for name in ("fsync", "rename", "replace"):
            setattr(os, name, self.around(name, getattr(os, name)))
        original = sqlite3.connect

        class WatchedConnection(sqlite3.Connection):
            def execute(self, sql: str, *words: Any) -> Any:
                verb = sql.split(maxsplit=1)[0].lower()
                if verb in {"select", "pragma"}:
                    return super().execute(sql, *words)
                effects.note(f"before {verb}")
                outcome = super().execute(sql, *words)
                effects.note(f"after {verb}")
                return outcome

            def commit(self) -> None:
                effects.note("before commit")
                super().commit()
                effects.note("after commit")

        def watched_connect(*words: Any, **named: Any) -> Any:
            named.setdefault("factory", WatchedConnection)
            return original(*words, **named)

        sqlite3.connect = watched_connect  # type: ignore[assignment]


def scenario(
    home: Home,
    drop: Path,
    effects: Effects | None = None,
    keep: Callable[[], None] = lambda: None,
) -> None:
    """Give the commands of the whole job, one after another, beginning with the one interrupted.

    A command that ended is not given again: a run after a signature nets against it, and would
    rightly be another run. The list of ended commands is the operator's memory, outside the home.
    """
    ended = Path(f"{home.root}.ended")
    known = ended.read_text().split() if ended.exists() else []

    def give(command: str, act: Callable[[], Any]) -> None:
        if command not in known:
            refused_if_done(act)
            with ended.open("a") as memory:
                memory.write(f"{command}\n")
        mark(effects, command)
        keep()

    give("run", lambda: run_quietly(home, drop))
    for batch in list_batches(home):
        batch_id = batch["batch_id"]
        for role in ("reviewer", "approver"):
            give(
                f"sign-{role}-{batch_id}",
                lambda b=batch_id, r=role: held(home, sign_batch, b, r, key_of(home, r)),
            )
        give(f"release-{batch_id}", lambda b=batch_id: held(home, release.release_batch, b))


def held(home: Home, act: Callable[..., Any], *words: Any) -> None:
    """Do what a command does: the holder of the home sweeps what a kill left."""
    with hold_home(home):
        act(home, *words)


def run_quietly(home: Home, drop: Path) -> None:
    with Path(os.devnull).open("w") as nowhere:
        request = pipeline.NightRequest(home, AS_OF, drop=drop, threads=1)
        pipeline.run_night(request, Progress(nowhere))


def mark(effects: Effects | None, name: str) -> None:
    if effects is not None:
        effects.names.append(f"[{name}]")


def refused_if_done(act: Callable[[], Any]) -> None:
    try:
        act()
    except LedgerForbidsError as refusal:
        assert "already" in str(refusal), refusal


def fork(act: Callable[[], None]) -> int:
    """Run in a forked child; return its process number."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException as broken:  # the child must never run the parent's code
            sys.stderr.write(f"{type(broken).__name__}: {broken}\n")
            os._exit(1)
        os._exit(0)
    return child


def wait_for(child: int) -> int:
    """Wait for a child; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(act: Callable[[], None]) -> int:
    """Run in a forked child; return its exit code, negative for a signal."""
    return wait_for(fork(act))


def end_state(home: Home) -> dict[str, str]:
    """Describe a home: the digest of every file, and of the ledger every row of every table."""
    state: dict[str, str] = {}
    for path in sorted(home.root.rglob("*")):
        name = path.relative_to(home.root).as_posix()
        if path.is_file() and not name.startswith(("ledger.sqlite", ".lock", "tmp/")):
            state[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    connection = sqlite3.connect(home.ledger_path)
    tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (table,) in sorted(tables):
        rows = connection.execute(f"select * from {table} order by 1, 2").fetchall()
        state[f"ledger:{table}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
    connection.close()
    return state


def main(template: Path, drop: Path, work: Path, points: int) -> int:
    one_place()
    gate._context()
    undisturbed, listing = Home(work / "undisturbed"), work / "effects.json"
    shutil.copytree(template, undisturbed.root)

    def listed() -> None:
        effects = Effects(fatal=None)
        effects.watch()
        copy_home(template, work / "before-0")
        scenario(undisturbed, drop, effects, lambda: keep_home(undisturbed.root, work))
        listing.write_text(json.dumps(effects.names))

    if in_child(listed) != 0:
        return 1
    wanted = end_state(undisturbed)
    names = json.loads(listing.read_text())
    points = chosen(names, points)
    effects = placed(names)
    # Two workers share the points: each is a fork, so neither starts a thread in the other.
    workers = [
        fork(lambda mine=points[turn::2]: try_points(mine, effects, wanted, drop, work))
        for turn in range(2)
    ]
    return max(abs(wait_for(worker)) for worker in workers)


def copy_home(source: Path, target: Path) -> None:
    """Copy a home, and the operator's memory of what ended."""
    shutil.copytree(source, target)
    if (ended := Path(f"{source}.ended")).exists():
        shutil.copy(ended, f"{target}.ended")


def keep_home(home: Path, work: Path) -> None:
    """Keep the home as it is before the next command."""
    copy_home(home, work / f"before-{sum(path.is_dir() for path in work.glob('before-*'))}")


def placed(names: list[str]) -> list[tuple[str, int, int]]:
    """Say of each effect the number of its command, and its own number within it."""
    found, command, own = list[tuple[str, int, int]](), 0, 0
    for name in names:
        if name.startswith("["):
            command, own = command + 1, 0
        else:
            own += 1
            found.append((name, command, own))
    return found


def try_points(
    points: list[int],
    effects: list[tuple[str, int, int]],
    wanted: dict[str, str],
    drop: Path,
    work: Path,
) -> None:
    """Kill at each point, run again plainly, print what differs from the undisturbed home.

    What ended before the command that is killed is as it is in the undisturbed home then.
    """
    for point in points:
        home = Home(work / f"killed-{point}")
        name, command, own = effects[point - 1]
        copy_home(work / f"before-{command}", home.root)

        def killed(home: Home = home, own: int = own) -> None:
            Effects(fatal=own).watch()
            scenario(home, drop)

        code = in_child(killed)
        again = in_child(lambda home=home: scenario(home, drop))
        found = end_state(home)
        differing = sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))
        line = {"point": point, "effect": name, "killed": code == KILLED}
        # One write a line: two workers share the pipe.
        os.write(1, (json.dumps({**line, "again": again, "differing": differing}) + "\n").encode())
        shutil.rmtree(home.root)


def chosen(names: list[str], points: int) -> list[int]:
    """Choose effects to die at: half of them inside the releases, half over the whole job.

    Both are spread evenly by place, so that stages with many effects do not hide the others; the
    last effect of each kind is among them, however rare it is.
    """
    number, stage_start = 0, 1
    releasing: list[int] = []
    last_of_kind: dict[str, int] = {}
    for name in names:
        if not name.startswith("["):
            number += 1
            last_of_kind[name.split()[1]] = number
            continue
        if name.startswith("[release"):
            releasing += range(stage_start, number + 1)
        stage_start = number + 1
    everywhere = spread(list(range(1, number + 1)), points)
    return sorted({*spread(releasing, points // 2), *everywhere, *last_of_kind.values()})


def spread(numbers: list[int], count: int) -> list[int]:
    """Take so many numbers, evenly by place, the first and the last among them."""
    last = len(numbers) - 1
    return [numbers[place * last // (count - 1)] for place in range(count)]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
