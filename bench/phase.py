"""One measured phase in a process of its own; prints one JSON line: seconds by part, peak memory.

python -m bench.phase sample DROP PERSONS FORMATS
python -m bench.phase ingest DROP HOME
python -m bench.phase scan HOME SNAPSHOT
python -m bench.phase rest HOME SNAPSHOT
python -m bench.phase polars DROP
"""

import json
import resource
import shutil
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, TextIO

AS_OF = date(2020, 11, 30)
MONTHS = 24
THREADS = 2
MEMORY_LIMIT = "3GB"
DETERMINING = ("determine_rows",)


class Quiet:
    """A stream that forgets what it is told."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def sample(drop: str, persons: str, formats: str) -> dict[str, object]:
    from data_samples.town.write import write_sample

    write_sample(Path(drop), int(persons), 1, AS_OF, False, formats, None, MONTHS)
    return {}


def ingest(drop: str, home: str) -> dict[str, object]:
    from flows.ingest.drop import ingest_drop
    from flows.store import Home, hold_home

    place, started = Home(Path(home)), time.perf_counter()
    with hold_home(place):
        made = ingest_drop(Path(drop), place.snapshots)
    rows = sum(entry["rows"] for entry in made.manifest["files"])
    return {"ingest": time.perf_counter() - started, "snapshot": made.snapshot_id, "rows": rows}


def scan(home: str, snapshot: str) -> dict[str, object]:
    """Decode every column of every table: the least anybody must do who looks at all of it."""
    from flows.ingest.drop import load_snapshot
    from flows.store import Home
    from sql import connect, register_tables

    tables = load_snapshot(Home(Path(home)).snapshots, snapshot).tables()
    connection = connect(threads=THREADS)
    register_tables(connection, tables, AS_OF)
    started = time.perf_counter()
    for kind in sorted(tables):
        columns = [row[0] for row in connection.execute(f"describe delivered_{kind}").fetchall()]
        listed = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"select sum(hash({listed})) from delivered_{kind}").fetchall()
    return {"scan": time.perf_counter() - started}


def rest(home: str, snapshot: str) -> dict[str, object]:
    """Do everything from the snapshot to draft batches, stage by stage."""
    from expectations import gate
    from flows.night import pipeline
    from flows.night.progress import Progress
    from flows.store import Home

    started = time.perf_counter()
    gate.preload().join()
    seconds = {"import_great_expectations": time.perf_counter() - started}
    place = Home(Path(home))
    for made in (place.runs, place.batches):
        shutil.rmtree(made, ignore_errors=True)
    place.ledger_path.unlink(missing_ok=True)
    stream: TextIO = Quiet()  # type: ignore[assignment]
    request = pipeline.NightRequest(
        place, AS_OF, snapshot_id=snapshot, threads=THREADS, memory_limit=MEMORY_LIMIT
    )

    def timed(_name: str, stage: Any, /, *given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        made = stage.act(*given, **named)
        taken[stage.act.__name__] = time.perf_counter() - started
        return made

    taken: dict[str, float] = {}
    summary = pipeline.run_night(request, Progress(stream), timed)
    return {
        "stages": {**seconds, **taken},
        "determining": sum(taken[name] for name in DETERMINING),
        "all": sum(taken.values()),
        "determinations": summary["counts"],
    }


def polars(drop: str) -> dict[str, object]:
    """Read the drop's CSV files with Polars and nothing else."""
    import polars as pl

    started = time.perf_counter()
    rows = 0
    for path in sorted(Path(drop).glob("*.csv")):
        encoding = "utf8" if _is_utf8(path) else "gb18030"
        rows += pl.read_csv(path, infer_schema=False, encoding=encoding).height
    return {"polars": time.perf_counter() - started, "rows": rows}


def _is_utf8(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    try:
        head[: head.rfind(b"\n")].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


PHASES = {"sample": sample, "ingest": ingest, "scan": scan, "rest": rest, "polars": polars}

if __name__ == "__main__":
    outcome = PHASES[sys.argv[1]](*sys.argv[2:])
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps({**outcome, "peak_mib": peak_mib}))
