"""Kill -9 at effects of the whole job, `make kills` at many: run again, it ends as undisturbed."""

import json
import os
import subprocess
import sys
from pathlib import Path

POINTS = int(os.environ.get("KILLS", "4"))


def test_killed_anywhere_a_plain_rerun_ends_the_same(
    town: Path, empty_home: Path, tmp_path: Path
) -> None:
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults.kill_harness",
            empty_home,
            town,
            tmp_path,
            str(POINTS),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    points = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(points) > POINTS
    assert all(point["killed"] for point in points), "a point that kills nobody proves nothing"
    effects = {point["effect"].split()[1] for point in points}
    assert effects >= {"fsync", "commit", "rename", "replace"}
    disturbed = [p for p in points if p["again"] != 0 or p["differing"]]
    assert not disturbed, disturbed
