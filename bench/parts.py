"""The rules over one snapshot, whole and in parts: seconds, memory, and that all is the same.

python -m bench.parts HOME SNAPSHOT [whole|N|dask|dask:ADDRESS ...]

Each form in a process of its own, one JSON line each; nothing in the home is changed. The memory of
`workers` is that of the largest of them; of a cluster elsewhere nothing is seen. `handed_mib`: what
the parts were given and handed over, on the disk.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from bench import AS_OF, THREADS
from bench.weigh import bytes_of

FORMS = ("whole", "2", "16", "dask", "whole")


def measure(home: str, snapshot: str, form: str, scratch: Path) -> dict[str, Any]:
    from flows.ingest.drop import load_snapshot
    from flows.night.determine import PAID_LINE_SCHEMA, determine
    from flows.night.parts import Parting
    from flows.store import Home
    from transforms.digest import content_digest, frame_digest

    place = Home(Path(home))
    found = load_snapshot(place.snapshots, snapshot)
    count, executor = (int(form), "local") if form.isdigit() else (None, form)
    parting = Parting(1) if form == "whole" else Parting(count, executor).at(place, found)
    parting = Parting(parting.count, parting.executor, scratch / "parts", parting.digests)
    started = time.perf_counter()
    determined = determine(
        *(found.tables(), AS_OF, pl.DataFrame(schema=PAID_LINE_SCHEMA)),
        threads=THREADS,
        temp_folder=scratch,
        parting=parting,
    )
    rows = determined.determinations
    seconds = time.perf_counter() - started
    ran = [name for name, status in determined.policies.items() if status.status == "ran"]
    frames = [rows, determined.findings, *map(determined.policy_rows, ran)]
    own, workers = (resource.getrusage(who) for who in (0, resource.RUSAGE_CHILDREN))
    return {
        "form": form,
        "seconds": round(seconds, 1),
        "cpu": round(own.ru_utime + own.ru_stime, 1),
        "cpu_of_workers": round(workers.ru_utime + workers.ru_stime, 1),
        "peak_mib": own.ru_maxrss >> 10,
        "peak_mib_of_workers": workers.ru_maxrss >> 10,
        "handed_mib": bytes_of(scratch / "parts") >> 20,
        "rows": rows.height,
        "digest": content_digest([frame_digest(frame) for frame in frames])[:12],
    }


def main(home: str, snapshot: str, *forms: str) -> None:
    for form in forms or FORMS:
        words = [sys.executable, "-m", "bench.parts", home, snapshot, "--one", form]
        subprocess.run(words, check=True)


if __name__ == "__main__":
    if "--one" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            told = measure(sys.argv[1], sys.argv[2], sys.argv[4], Path(folder))
        print(json.dumps(told), flush=True)
    else:
        main(*sys.argv[1:])
