"""Apply the rules of one checkout to stored tables; started by bench.compare, for any checkout.

    python -P bench/determined.py CHECKOUT THREADS < nights.json

A night is the folder of its tables, its day and the file its determinations go into. Prints one
JSON line: seconds of each night and of its facts and policies, which policies ran, peak memory.
"""

import json
import resource
import sys
import time
from datetime import date
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

MEMORY_LIMIT = "3GB"


def main() -> None:
    checkout, threads = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    rules = rules_of(checkout)
    told = [apply(rules, night, threads) for night in json.load(sys.stdin)]
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps({"nights": told, "peak_mib": peak_mib}))


def rules_of(checkout: Path) -> Any:
    """Import the determine stage, wherever the checkout has it, and from nowhere else."""
    is_in_rooms = (checkout / "flows" / "night").is_dir()
    module = import_module("flows.night.determine" if is_in_rooms else "flows.determine")
    for imported in (module, import_module("sql"), import_module("transforms.money")):
        assert imported.__file__ and Path(imported.__file__).is_relative_to(checkout), imported
    return module


def apply(rules: Any, night: dict[str, str], threads: int) -> dict[str, Any]:
    import polars as pl

    tables = tables_in(Path(night["tables"]))
    nothing_paid = pl.DataFrame(schema=rules.PAID_LINE_SCHEMA)
    steps: list[tuple[str, float]] = [("tables", time.process_time())]
    started, cpu_before = time.perf_counter(), time.process_time()
    determined = rules.determine(
        tables,
        date.fromisoformat(night["as_of"]),
        nothing_paid,
        threads=threads,
        memory_limit=MEMORY_LIMIT,
        on_step=lambda name: steps.append((name, time.process_time())),
    )
    frame = determined.determinations
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_before
    steps.append(("", time.process_time()))
    frame.write_parquet(night["into"])
    ran = [name for name, status in determined.policies.items() if status.status == "ran"]
    determined.connection.close()
    taken = [(name, end - start) for (name, start), (_, end) in pairwise(steps)]
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "ran": sorted(ran), "steps": taken}


def tables_in(folder: Path) -> dict[str, list[Path]]:
    """Find the tables of a snapshot: one file per kind, or a folder of person buckets."""
    single = {path.stem: [path] for path in folder.glob("*.parquet")}
    bucketed = {path.name: sorted(path.glob("*.parquet")) for path in folder.iterdir()}
    return single | {kind: paths for kind, paths in bucketed.items() if paths}


if __name__ == "__main__":
    main()
