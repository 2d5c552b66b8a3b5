"""`make bench`: time, memory and growth at three sizes, each measured beside a bare scan of it.

    python -m bench.scale [PERSONS …] [--csv PERSONS] [--pairs N] [--spark-python PYTHON] [--keep]
    python -m bench.scale --home HOME [--pairs N]

First what the sizes need of disk and hours, refused if the disk does not suffice. For each size: a
Parquet drop (24 months × 5 insurances), its ingest, then pairs of a bare DuckDB scan of all columns
of the snapshot and of the rest of the run (A, B, A, B, two threads each), as medians of ratios;
then what-ifs beside the rules of a night, and `explain`; then every batch is signed, paid and
answered, and pairs of a bare read of all bytes and of `verify` are measured, both from the disk;
with --home these alone, of a home that is there. At the largest size up to a million also the rules
in parts, here and by two Dask workers of one thread, and one policy by others' means. Then CSV
ingest against a bare Polars read of the same files, and at the end a table of what is aimed at.
Each size is removed before the next. Wall seconds, where they are compared processor seconds too.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import aims, needs

OUT = Path(__file__).parent / "out"
# Up to so many persons the rules are measured in parts, and one policy by others' means.
MOST_BESIDE = 1_000_000
RATIOS = {
    "determining": "facts + policies + determinations",
    "all": "snapshot → draft batches",
}
FORMS = ("16", "dask", "whole")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [100_000, 1_000_000, 3_000_000]
    parser.add_argument("persons", nargs="*", type=int, default=sizes)
    parser.add_argument("--csv", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--home", type=Path, help="only verify, of a home that is there")
    parser.add_argument("--spark-python", default=sys.executable, help="a Python with pyspark")
    parser.add_argument("--keep", action="store_true", help="keep drops and snapshots")
    words = parser.parse_args()
    if words.home:
        measure_verify(words.home, words.pairs)
        return
    shutil.rmtree(OUT, ignore_errors=True)
    needs.tell(words.persons, words.pairs, OUT, is_kept=words.keep)
    beside = max((size for size in words.persons if size <= MOST_BESIDE), default=None)
    measured: list[dict[str, Any]] = []
    found: list[aims.Found] = []
    same: dict[str, bool] = {}
    for persons in words.persons:
        size = measure_size(persons, words.pairs)
        measured.append(size)
        found += aims.sized(size)
        if persons == beside:
            home, snapshot = size["home"], size["snapshot"]
            found += measure_parts(home, snapshot, same)
            same["one policy, by others' means"] = is_one_policy(home, snapshot, words.spark_python)
        if not words.keep:
            shutil.rmtree(size["home"].parent)
    if words.csv:
        found += measure_csv(words.csv, words.pairs)
    aims.tell([*aims.grown(measured), *found], same)
    if not words.keep:
        shutil.rmtree(OUT, ignore_errors=True)
    if not all(same.values()):
        sys.exit("what had to be the same is not")


def measure_size(persons: int, pairs: int) -> dict[str, Any]:
    print(f"\n== {persons:,} persons, 24 months × 5 insurances, Parquet", flush=True)
    drop, home = make_drop(persons, "parquet")
    ingested = phase("ingest", drop, home)
    snapshot = ingested["snapshot"]
    cpu = ingested["ingest_cpu"]
    tell("ingest", ingested["ingest"], ingested, f"{ingested['rows']:,} rows", cpu)
    tell_weight(phase("weigh", home, snapshot))
    scans, rests = [], []
    for _ in range(pairs):
        scans.append(phase("scan", home, snapshot))
        rests.append(phase("rest", home, snapshot))
    size = {name: ingested[name] for name in ("ingest", "ingest_cpu", "snapshot")}
    size |= {"persons": persons, "home": home}
    size |= {name: _median(scans, name) for name in ("scan", "scan_cpu")}
    tell("bare scan (A)", size["scan"], scans[0], f"median of {pairs}", size["scan_cpu"])
    for name, title in RATIOS.items():
        for timed, scanned in ((name, "scan"), (f"{name}_cpu", "scan_cpu")):
            size[timed] = _median(rests, timed)
            ratios = (b[timed] / a[scanned] for a, b in zip(scans, rests, strict=True))
            size[timed.replace(name, f"{name}_ratio")] = statistics.median(ratios)
        note = f"{size[name + '_ratio']:.2f} × the bare scan (median of pairs), in processor "
        note += f"seconds {size[name + '_ratio_cpu']:.2f} ×"
        tell(title, size[name], _largest(rests), note, size[f"{name}_cpu"])
    stages = rests[-1]["stages"]
    for name, seconds in sorted(stages.items(), key=lambda pair: -pair[1]):
        print(f"      {name:<28} {seconds:8.2f} s", flush=True)
    answered = phase("answers", home, snapshot)
    tell_answers(answered)
    paid = phase("pay", home)
    print(f"  {paid['batches']} batches paid, {paid['entries']:,} ledger entries", flush=True)
    rate = paid["instructions_a_cpu_second"]
    print(f"  payment files: {rate:,} instructions a second of one core", flush=True)
    verified = measure_verify(home, pairs)
    phases = {"ingest": ingested, "run": _largest(rests), "answers": answered, "payments": paid}
    peaks = {name: one["peak_mib"] for name, one in (phases | {"verify": verified}).items()}
    return size | {"peaks": peaks}


def _median(found: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(one[name] for one in found))


def _largest(found: list[dict[str, Any]]) -> dict[str, Any]:
    return max(found, key=lambda one: one["peak_mib"])


def tell_weight(found: dict[str, Any]) -> None:
    """Say what a night moves, and how even the buckets are."""
    delivered, tables, bucketed = (
        found[f"bytes_{name}"] / 1e9 for name in ("delivered", "tables", "bucketed")
    )
    print(f"      delivered {delivered:.2f} GB, tables {tables:.2f} GB ({bucketed:.2f} in buckets)")
    fewest, most = found["fewest_rows"], found["most_rows"]
    skew = f"{most / fewest:.3f} ×"
    print(f"      {found['buckets']} buckets of {fewest:,} to {most:,} rows: {skew}", flush=True)


def measure_parts(home: Path, snapshot: str, same: dict[str, bool]) -> list[aims.Found]:
    """Measure the rules whole, in parts, and by two Dask workers of one thread."""
    called = [sys.executable, "-m", "bench.parts", str(home), snapshot, *FORMS]
    finished = subprocess.run(called, stdout=subprocess.PIPE, text=True, check=True)
    forms = [json.loads(line) for line in finished.stdout.splitlines()]
    for form in forms:
        note = f"workers {form['peak_mib_of_workers'] / 1024:.2f} GiB, {form['handed_mib']} MiB "
        note += f"of parts, {form['digest']}"
        tell(f"rules, {form['form']}", form["seconds"], form, note, aims.all_cpu(form))
    same["rules whole, in 16 parts, by Dask"] = len({form["digest"] for form in forms}) == 1
    return list(aims.clustered(forms))


def is_one_policy(home: Path, snapshot: str, spark_python: str) -> bool:
    """Let one policy be answered by the product, in pandas and in Spark, and say if it is one."""
    called = [sys.executable, "-m", "bench.one_policy", str(home), snapshot]
    called += ["--spark-python", spark_python]
    return subprocess.run(called, check=False).returncode == 0


def measure_verify(home: Path, pairs: int) -> dict[str, Any]:
    """Measure `wuxing verify` beside a bare read of the same bytes, both from the disk."""
    ratios, found = [], []
    for _ in range(pairs):
        read, verified = phase("bytes", home), phase("verify", home)
        found.append(verified)
        ratios.append(verified["verify"] / read["bytes"])
        note = f"{read['count'] / 1e9:.2f} GB, {read['count'] / 1e9 / read['bytes']:.2f} GB/s"
        tell("bare read of the bytes", read["bytes"], read, note)
        tell("verify", verified["verify"], verified, f"{ratios[-1]:.2f} × the read")
    print(f"      median ratio {statistics.median(ratios):.2f}", flush=True)
    return _largest(found)


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
    written = phase("sample", folder / "drop", persons, formats)
    tell("sample written", time.perf_counter() - started, written, "")
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


def tell(
    title: str, seconds: float, found: dict[str, Any], note: str, cpu: float | None = None
) -> None:
    """Print a line: wall seconds, processor seconds (by default of the whole process), peak."""
    used, peak = found["cpu"] if cpu is None else cpu, found["peak_mib"] / 1024
    print(
        f"  {title:<36} {seconds:8.2f} s   processor {used:8.2f} s   peak {peak:5.2f} GiB   {note}",
        flush=True,
    )


def measure_csv(persons: int, pairs: int) -> list[aims.Found]:
    print(f"\n== {persons:,} persons, CSV ingest against a bare Polars read of the same files")
    drop, home = make_drop(persons, "csv")
    ratios, in_processor = [], []
    for _ in range(pairs):
        read = phase("polars", drop)
        shutil.rmtree(home, ignore_errors=True)
        ingested = phase("ingest", drop, home)
        ratios.append(ingested["ingest"] / read["polars"])
        in_processor.append(ingested["ingest_cpu"] / read["polars_cpu"])
        tell("bare Polars read", read["polars"], read, f"{read['rows']:,} rows", read["polars_cpu"])
        note = f"{ratios[-1]:.2f} × the read"
        tell("ingest", ingested["ingest"], ingested, note, ingested["ingest_cpu"])
    wall, cpu = statistics.median(ratios), statistics.median(in_processor)
    return [aims.Found(f"CSV ingest, × a bare Polars read, {persons:,}", aims.CSV, wall, cpu)]


if __name__ == "__main__":
    main()
