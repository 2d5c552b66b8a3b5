"""Kill -9 at every effect of a release: releasing again ends as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

from tests.money.money_town import TWO, new_home, night, refund, sign_both


def test_killed_anywhere_a_second_release_ends_the_same(tmp_path: Path) -> None:
    home = new_home(tmp_path / "signed")
    batch_id = night(home, "R1", [refund(1000), refund(7, TWO)])[1].batches[0].batch_id
    sign_both(home, batch_id)
    finished = subprocess.run(
        [sys.executable, "-m", "tests.faults.kill_release", home.root, batch_id, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    points = [json.loads(line) for line in finished.stdout.splitlines()]
    assert {point["effect"].split()[1] for point in points} >= {"fsync", "replace", "commit"}
    assert all(point["killed"] for point in points)
    disturbed = [point for point in points if point["again"] != 0 or point["differing"]]
    assert not disturbed, disturbed
