"""`make bench`: time, memory and growth at two sizes, each measured beside a bare scan of the same.

    python -m bench.scale [PERSONS …] [--csv PERSONS] [--pairs N] [--keep]
    python -m bench.scale --home HOME [--pairs N]

For each size: a Parquet drop (24 months × 5 insurances), its ingest, then pairs of a bare DuckDB
scan of all columns of the snapshot and of the rest of the run (A, B, A, B, two threads each), as
medians of ratios; then what-ifs beside the rules of a night, and `explain`; then every batch is
signed, paid and answered, and pairs of a bare read of all bytes and of `verify` are measured, both
from the disk; with --home these alone, of a home that is there. Then CSV ingest against a bare
Polars read of the same files.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--csv", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--home", type=Path, help="only verify, of a home that is there")
    parser.add_argument("--keep", action="store_true", help="keep drops and snapshots")
    words = parser.parse_args()
    if words.home:
        measure_verify(words.home, words.pairs)
        return
    shutil.rmtree(OUT, ignore_errors=True)
    measured = [measure_size(persons, words.pairs) for persons in words.persons]
    for smaller, larger in pairwise(measured):
        tell_growth(smaller, larger)
    if words.csv:
        measure_csv(words.csv, words.pairs)
    if not words.keep:
        shutil.rmtree(OUT, ignore_errors=True)


def measure_size(persons: int, pairs: int) -> dict[str, Any]:
    print(f"\n== {persons:,} persons, 24 months × 5 insurances, Parquet", flush=True)
    drop, home = make_drop(persons, "parquet")
    ingested = phase("ingest", drop, home)
    tell("ingest", ingested["ingest"], ingested, f"{ingested['rows']:,} rows")
    scans, rests = [], []
    for _ in range(pairs):
        scans.append(phase("scan", home, ingested["snapshot"]))
        rests.append(phase("rest", home, ingested["snapshot"]))
    scan_seconds = statistics.median(found["scan"] for found in scans)
    tell("bare scan (A)", scan_seconds, scans[0], f"median of {pairs}")
    for name, title in (
        ("determining", "facts + policies + determinations"),
        ("all", "snapshot → draft batches"),
    ):
        ratio = statistics.median(b[name] / a["scan"] for a, b in zip(scans, rests, strict=True))
        seconds = statistics.median(found[name] for found in rests)
        peak = max(rests, key=lambda found: found["peak_mib"])
        tell(title, seconds, peak, f"{ratio:.2f} × the bare scan (median of pairs)")
    stages = rests[-1]["stages"]
    for name, seconds in sorted(stages.items(), key=lambda pair: -pair[1]):
        print(f"      {name:<28} {seconds:8.2f} s", flush=True)
    tell_answers(phase("answers", home, ingested["snapshot"]))
    paid = phase("pay", home)
    print(f"  {paid['batches']} batches paid, {paid['entries']:,} ledger entries", flush=True)
    rate = paid["instructions_a_cpu_second"]
    print(f"  payment files: {rate:,} instructions a second of one core", flush=True)
    measure_verify(home, pairs)
    all_seconds = statistics.median(found["all"] for found in rests)
    return {
        "persons": persons,
        "ingest": ingested["ingest"],
        "all": all_seconds,
        "scan": scan_seconds,
    }


def measure_verify(home: Path, pairs: int) -> None:
    """Measure `wuxing verify` beside a bare read of the same bytes, both from the disk."""
    ratios = []
    for _ in range(pairs):
        read, verified = phase("bytes", home), phase("verify", home)
        ratios.append(verified["verify"] / read["bytes"])
        note = f"{read['count'] / 1e9:.2f} GB, {read['count'] / 1e9 / read['bytes']:.2f} GB/s"
        tell("bare read of the bytes", read["bytes"], read, note)
        tell("verify", verified["verify"], verified, f"{ratios[-1]:.2f} × the read")
    print(f"      median ratio {statistics.median(ratios):.2f}", flush=True)


def tell_answers(found: dict[str, Any]) -> None:
    """Say how long each question takes, a what-if beside the rules of a night in the same run."""
    print(f"  rules of a night {found['rules']:.2f} s", flush=True)
    for name, seconds in found["commands"].items():
        is_beside = name.startswith("whatif")
        ratio = f"   {seconds / found['rules']:.2f} × the rules" if is_beside else ""
        print(f"      {name:<28} {seconds:8.2f} s{ratio}", flush=True)


def make_drop(persons: int, formats: str) -> tuple[Path, Path]:
    folder = OUT / f"{formats}-{persons}"
    started = time.perf_counter()
    # In a process of its own: what it needed would stand in the peak of every later child.
    phase("sample", folder / "drop", persons, formats)
    print(f"  sample written in {time.perf_counter() - started:.1f} s", flush=True)
    return folder / "drop", folder / "home"


def phase(name: str, *words: object, code: Path | None = None) -> dict[str, Any]:
    """Do a phase in a process of its own, by this program or by another one laid out at `code`."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    environment |= {"PYTHONPATH": str(code)} if code else {}
    finished = subprocess.run(
        [sys.executable, "-m", "bench.phase", name, *map(str, words)],
        cwd=code,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def tell(title: str, seconds: float, found: dict[str, Any], note: str) -> None:
    print(
        f"  {title:<36} {seconds:8.2f} s   peak {found['peak_mib'] / 1024:5.2f} GiB   {note}",
        flush=True,
    )


def tell_growth(smaller: dict[str, Any], larger: dict[str, Any]) -> None:
    factor = larger["persons"] / smaller["persons"]
    print(f"\n== growth per person from {smaller['persons']:,} to {larger['persons']:,}")
    for name in ("ingest", "scan", "all"):
        print(f"  {name:<36} {larger[name] / smaller[name] / factor:8.2f}")


def measure_csv(persons: int, pairs: int) -> None:
    print(f"\n== {persons:,} persons, CSV ingest against a bare Polars read of the same files")
    drop, home = make_drop(persons, "csv")
    ratios = []
    for _ in range(pairs):
        read = phase("polars", drop)
        shutil.rmtree(home, ignore_errors=True)
        ingested = phase("ingest", drop, home)
        ratios.append(ingested["ingest"] / read["polars"])
        tell("bare Polars read", read["polars"], read, f"{read['rows']:,} rows")
        tell("ingest", ingested["ingest"], ingested, f"{ratios[-1]:.2f} × the read")
    print(f"  median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
