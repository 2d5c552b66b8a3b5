"""`make unchanged`: reforms that change nothing, on many nights: exactly 0 rows and 0 分?

    python -m tests.audit.unchanged [NIGHTS]

A number set to what it is already makes another card, which is computed: of one policy, and of
what all share. The first night's batches are paid, so that the later ones net against a ledger.
"""

import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from flows.audit.whatif import whatif
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from tests.audit.conftest import release
from tests.conftest import AS_OF, make_home

NIGHTS = 100
SAME = ("hire_amount_fen=1000.00@2020-03-26", "minimum_wage_fen=1910.00@2018-06-01")


def moved(home: Home, run_id: str, settings: Sequence[str]) -> int:
    """Return how many rows and fen a reform moves, 0 if it is none; and that it was computed."""
    told = whatif(home, run_id, settings, [])
    assert all(told[name] == 0 for name in ("winners", "losers", "newly_reached"))
    return int(told["rows_changed"]) + abs(int(told["difference_fen"]))


def main(wanted: int) -> int:
    from data_samples.town.write import write_sample

    with tempfile.TemporaryDirectory() as scratch:
        drop = Path(scratch) / "drop"
        write_sample(drop, 250, 11, AS_OF)
        home, wrong = make_home(Path(scratch) / "home"), []
        for number in range(wanted):
            day = AS_OF + timedelta(days=number)
            summary = run_night(NightRequest(home, day, drop=drop), Progress())
            for batch_id in summary["batches"] if number == 0 else ():
                release(home, batch_id)
            run_id = summary["run_id"]
            found = [moved(home, run_id, ()), moved(home, run_id, [SAME[number % len(SAME)]])]
            wrong += [f"{day}: {found}"] if any(found) else []
        print(f"{wanted - len(wrong)} of {wanted} nights: 0 rows and 0 分 by a change that is none")
        for line in wrong:
            print(f"  wrong: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else NIGHTS))
