"""Parts on a cluster: a scheduler and two workers of `dask.distributed`, and what may befall them.

Whatever does, the night is tried again elsewhere and ends as the undisturbed one, or it ends with
a plain message and goes on from the parts that were made.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from data_samples.town.scene_rows import paid_lines_of, typed_tables
from flows.night import cluster
from flows.night.determine import determine
from flows.night.parts import TAKEN, Parting
from flows.store import Home, read_manifest
from tests.conftest import AS_OF
from tests.night.test_parts import in_files, outcome_of
from tests.reading.towns import random_town
from transforms.errors import DigestDiffersError, MachineDeniedError, UsageError

ROOT = Path(__file__).parent.parent.parent
DAY, COUNT = date(2020, 12, 15), 3
FAULTS = Path(__file__).with_name("cluster_faults.py")
WAIT = 60.0


class Cluster:
    """A scheduler and two workers, each with a nanny, and the town that they determine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, list[subprocess.Popen[bytes]]()
        (folder / "tables").mkdir()
        self.files = in_files(typed_tables(random_town(8, DAY, 8).tables), folder / "tables", True)
        begun = time.monotonic()
        self.undisturbed = outcome_of(determine(self.files, DAY, paid_lines_of([]), threads=1))
        # On a machine that is busy nobody is taken for hanging who is only slow.
        self.patience = max(5.0, 3 * (time.monotonic() - begun))
        self.begin()

    def begin(self) -> None:
        """Start the scheduler and its workers."""
        said = self.folder / f"scheduler-{len(self.started)}.json"
        where = ["--scheduler-file", str(said)]
        self._start("scheduler", *where, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        for name in ("one", "two"):
            place = ["--name", name, "--local-directory", str(self.folder / name)]
            takes = ["--nthreads", "1", "--memory-limit", "1GB", "--preload", str(FAULTS)]
            self._start("worker", *where, *place, *takes, "--no-dashboard")
        wait_for(said)
        self.address = str(json.loads(said.read_text("utf-8"))["address"])

    def _start(self, what: str, *words: str) -> None:
        called = [sys.executable, "-m", "distributed.cli.dask_" + what, *words]
        around = {**os.environ, "PYTHONPATH": str(ROOT), "WUXING_TEST_FAULTS": str(self.folder)}
        with (self.folder / f"{what}.log").open("ab") as log:
            self.started.append(
                subprocess.Popen(called, cwd=ROOT, env=around, stdout=log, stderr=log)
            )

    def end(self) -> None:
        """End all that was started."""
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def night(self, name: str, fault: str = "", **asked: Any) -> dict[str, str]:
        """Determine in parts on the cluster; `fault`: what one worker meets in the middle."""
        self.place = self.folder / name
        if fault:
            (self.folder / "fault").write_text(f"{name}\n{fault}", "utf-8")
        parting = Parting(COUNT, f"dask:{self.address}", self.place, **asked)
        return outcome_of(determine(self.files, DAY, paid_lines_of([]), threads=1, parting=parting))

    def met_by(self) -> int:
        """Return the process of the worker that met the fault; it may meet another."""
        (met,) = self.folder.glob("met-by-*")
        met.unlink()
        return int(met.name.rpartition("-")[2])

    def made(self) -> int:
        """Count the parts that were made."""
        return len(list(self.place.glob("*/part-*")))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(path: Path) -> None:
    until = time.monotonic() + WAIT
    while not path.exists():
        assert time.monotonic() < until, f"{path} does not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made
    finally:
        made.end()


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Take a worker that is silent for some seconds for one that hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "FIRST_SECONDS", seconds)
        patch.setattr(cluster, "LEAST_SECONDS", seconds)
        patch.setattr(cluster, "TIMES_LONGEST", 0)
        patch.setattr(cluster, "RESTART_SECONDS", seconds)
        yield


def test_two_workers_determine_what_one_process_does(
    two_workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Named by relative paths, too, which lead elsewhere from where the workers stand.
    monkeypatch.chdir(two_workers.folder)
    monkeypatch.setattr(two_workers, "folder", Path())
    files = {
        kind: [Path(os.path.relpath(path)) for path in paths]
        for kind, paths in two_workers.files.items()
    }
    monkeypatch.setattr(two_workers, "files", files)
    assert two_workers.night("undisturbed") == two_workers.undisturbed
    assert two_workers.made() == COUNT


@pytest.mark.parametrize("fault", ["killed", "out of memory", "fails", "hangs"])
def test_a_part_that_one_worker_does_not_end_is_made_elsewhere(
    two_workers: Cluster, fault: str
) -> None:
    with impatient(two_workers.patience) if fault == "hangs" else nullcontext():
        assert two_workers.night(fault, fault) == two_workers.undisturbed
    assert is_alive(two_workers.met_by()) == (fault == "fails")
    assert two_workers.made() == COUNT
    # nothing half made is taken for a part
    assert {path.name[:5] for path in two_workers.place.glob("*/*")} <= {
        "part-",
        "whole",
        ".maki",
        TAKEN,
    }


def test_a_worker_with_another_program_is_refused_by_name(two_workers: Cluster) -> None:
    with pytest.raises(UsageError, match=r"worker (one|two) \(.*\) runs another.*code_digest"):
        two_workers.night("other", "other program")
    assert is_alive(two_workers.met_by())


def test_files_are_held_against_their_digests_where_they_arrive(two_workers: Cluster) -> None:
    path = two_workers.files["payroll"][0]
    with pytest.raises(DigestDiffersError, match="was changed after it was written"):
        two_workers.night("changed", digests={path: "0" * 64})


def test_the_parts_of_a_night_whose_scheduler_is_lost_are_kept(two_workers: Cluster) -> None:
    def lose() -> None:
        wait_for(two_workers.folder / "begun")
        two_workers.started[0].kill()

    losing = Thread(target=lose)
    losing.start()
    with pytest.raises(MachineDeniedError, match=r"scheduler at tcp://.* was lost"):
        two_workers.night("lost", "slow")
    losing.join()
    two_workers.met_by()
    assert two_workers.made() < COUNT
    two_workers.end()
    two_workers.begin()
    assert two_workers.night("lost") == two_workers.undisturbed
    assert two_workers.made() == COUNT


def test_where_no_scheduler_answers_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    with pytest.raises(MachineDeniedError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        cluster.make_in_cluster("tcp://127.0.0.1:9", [], cluster.Means(), print)


def test_the_command_makes_the_same_night_in_processes_of_this_machine(
    home_after_run: Home, run_home: tuple[Path, dict[str, Any]]
) -> None:
    run_id, snapshot = run_home[1]["run_id"], run_home[1]["snapshot_id"]
    words = [
        "run",
        "--snapshot",
        snapshot,
        "--as-of",
        str(AS_OF),
        "--home",
        str(home_after_run.root),
    ]
    asked = [sys.executable, "-m", "flows", *words, "--parts", "2", "--executor", "dask", "--json"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and "distributed" not in done.stderr
    assert json.loads(done.stdout)["run_id"] == run_id
    assert len(list(home_after_run.cache.glob("parts/*/part-*"))) == 2
    made, whole = (
        read_manifest(place / run_id, "run")
        for place in (home_after_run.runs, run_home[0] / "runs")
    )
    assert made == whole
