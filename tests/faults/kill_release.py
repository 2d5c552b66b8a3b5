"""Kill -9 a release at each of its effects, release again, compare with an undisturbed release.

Run as `python -m tests.faults.kill_release SIGNED_HOME BATCH WORK`; prints one JSON line a point.
The heavy imports are made once, before forking, by a process that starts no thread of its own.
"""

import json
import shutil
import sys
from pathlib import Path

from flows.money.release import release_batch
from flows.store import Home, hold_home
from tests.ceremony import one_place
from tests.faults.kill_harness import KILLED, Effects, end_state, in_child, refused_if_done


def release(home: Home, batch_id: str) -> None:
    """Release as the command does: the holder of the home sweeps what a kill left."""
    with hold_home(home):
        release_batch(home, batch_id)


def main(template: Path, batch_id: str, work: Path) -> int:
    one_place()
    undisturbed, listing = Home(work / "undisturbed"), work / "effects.json"
    shutil.copytree(template, undisturbed.root)

    def listed() -> None:
        effects = Effects(fatal=None)
        effects.watch()
        release(undisturbed, batch_id)
        listing.write_text(json.dumps(effects.names))

    if in_child(listed) != 0:
        return 1
    wanted, names = end_state(undisturbed), json.loads(listing.read_text())
    for point, name in enumerate(names, start=1):
        home = Home(work / f"killed-{point}")
        shutil.copytree(template, home.root)

        def killed(home: Home = home, point: int = point) -> None:
            Effects(fatal=point).watch()
            release(home, batch_id)

        code = in_child(killed)
        again = in_child(lambda home=home: refused_if_done(lambda: release(home, batch_id)))
        found = end_state(home)
        differing = sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))
        line = {"effect": name, "killed": code == KILLED, "again": again, "differing": differing}
        print(json.dumps(line), flush=True)
        shutil.rmtree(home.root)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
