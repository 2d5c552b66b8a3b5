"""`python -m bench.compare BASE`: do two checkouts decide the same, row by row, and how fast?

    python -m bench.compare BASE [CHECKOUT] [--towns N] [--persons N | --snapshot FOLDER]
                            [--as-of D …] [--pairs N]

Random towns on the days of the second reading's test, and a large sample or a snapshot kept from
an earlier run: outcomes, amounts and reason codes of both are compared. The large one is applied
in pairs (A = BASE, B = CHECKOUT, A, B …). Exits 14 if anything differs.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from bench import AS_OF, THREADS
from bench.scale import OUT, make_drop, phase

RUNNER = Path(__file__).with_name("determined.py")
THIS = Path(__file__).parent.parent
HOUSEHOLDS = 60
SHOWN = 10
EXIT_DIFFERS = 14
KEYS = [
    *("policy_id", "period", "subject_kind", "subject_id"),
    *("beneficiary_kind", "beneficiary_id"),
]
DECIDED = ["outcome", "amount_fen", "reason_codes"]


@dataclass(frozen=True)
class Night:
    """Stored tables and the day on which the rules are applied to them."""

    tables: Path
    as_of: date


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("checkout", type=Path, nargs="?", default=THIS)
    parser.add_argument("--towns", type=int, default=20)
    parser.add_argument("--persons", type=int, default=0)
    parser.add_argument("--snapshot", type=Path, help="a snapshot's folder, instead of --persons")
    parser.add_argument("--as-of", type=date.fromisoformat, nargs="*", default=[AS_OF])
    parser.add_argument("--pairs", type=int, default=3)
    words = parser.parse_args()
    checkouts, differing = [words.base.resolve(), words.checkout.resolve()], 0
    with tempfile.TemporaryDirectory() as scratch:
        if words.towns:
            nights = town_nights(words.towns, Path(scratch))
            print(f"== {words.towns} random towns × {len(nights) // words.towns} dates", flush=True)
            differing += compare(checkouts, nights, 1, Path(scratch))
        snapshot = words.snapshot or (words.persons and large_snapshot(words.persons))
        for as_of in words.as_of if snapshot else ():
            print(f"== {snapshot} on {as_of}", flush=True)
            night = Night(snapshot / "tables", as_of)
            differing += compare(checkouts, [night], words.pairs, Path(scratch))
    if words.persons:
        shutil.rmtree(OUT, ignore_errors=True)
    sys.exit(EXIT_DIFFERS if differing else 0)


def town_nights(towns: int, folder: Path) -> list[Night]:
    """Write the tables of random towns on each of the days on which the readings are compared."""
    from data_samples.town.scene_rows import typed_tables
    from tests.reading.test_reading import DAYS
    from tests.reading.towns import random_town
    from tests.rules.golden_run import write_tables

    nights = []
    for seed in range(towns):
        for day in DAYS:
            place = folder / f"town-{seed}-{day}"
            place.mkdir()
            write_tables(typed_tables(random_town(seed, day, HOUSEHOLDS).tables), place)
            nights.append(Night(place, day))
    return nights


def large_snapshot(persons: int) -> Path:
    drop, home = make_drop(persons, "parquet")
    return home / "snapshots" / str(phase("ingest", drop, home)["snapshot"])


def compare(checkouts: list[Path], nights: list[Night], pairs: int, scratch: Path) -> int:
    """Apply both checkouts in pairs; print what differs and how long each took.

    Seconds of the processor beside those of the clock: they hold better on a busy machine.
    """
    ratios: dict[str, list[float]] = {"seconds": [], "cpu_seconds": []}
    differing = 0
    for number in range(1, pairs + 1):
        told = [
            run(checkout, nights, scratch / side)
            for side, checkout in zip("AB", checkouts, strict=True)
        ]
        texts = []
        for measure, found in ratios.items():
            a, b = (sum(night[measure] for night in side["nights"]) for side in told)
            found.append(b / a)
            texts.append(f"{measure} A {a:.2f}, B {b:.2f}: {b / a:.3f}")
        peaks = ", ".join(f"{side} {one['peak_mib']}" for side, one in zip("AB", told, strict=True))
        print(f"  pair {number}: {'; '.join(texts)}; peak MiB {peaks}", flush=True)
        differing = differing or tell_differences(nights, told, scratch)
    tell_steps(told)
    medians = [f"{statistics.median(found):.3f} in {name}" for name, found in ratios.items()]
    print(f"  rules core, median of B / A: {', '.join(medians)}", flush=True)
    return differing


def tell_steps(told: list[dict[str, Any]]) -> None:
    """Print the facts and policies that took the processor longest, in the last pair."""
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for side, one in enumerate(told):
        for night in one["nights"]:
            for name, seconds in night["steps"]:
                totals[name][side] += seconds
    for name, (a, b) in sorted(totals.items(), key=lambda pair: -max(pair[1]))[:SHOWN]:
        print(f"    {name:<32} cpu_seconds A {a:6.2f}, B {b:6.2f}", flush=True)


def run(checkout: Path, nights: list[Night], into: Path) -> dict[str, Any]:
    into.mkdir(exist_ok=True)
    asked = [
        {"tables": str(night.tables), "as_of": f"{night.as_of}", "into": str(into / f"{number}")}
        for number, night in enumerate(nights)
    ]
    finished = subprocess.run(
        [sys.executable, "-P", str(RUNNER), str(checkout), str(THREADS)],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "POLARS_MAX_THREADS": str(THREADS)},
    )
    told: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return told


def tell_differences(nights: list[Night], told: list[dict[str, Any]], scratch: Path) -> int:
    """Print how many rows were compared, and the first that differ."""
    rows = eligible = differing = 0
    for number, night in enumerate(nights):
        ran = [side["nights"][number]["ran"] for side in told]
        if ran[0] != ran[1]:
            differing += 1
            print(f"  {night.tables.name} on {night.as_of}: policies {ran[0]} against {ran[1]}")
        frames = [read_rows(scratch / side / f"{number}") for side in "AB"]
        rows += max(frame.height for frame in frames)
        eligible += int((frames[0]["outcome"] == "eligible").sum())
        for title, one, other in (("only A", *frames), ("only B", *reversed(frames))):
            only = one.join(other, on=[*KEYS, *DECIDED], how="anti", nulls_equal=True)
            shown = only.sort(KEYS).head(max(0, SHOWN - differing))
            for row in shown.iter_rows():
                print(f"  {night.tables.name} on {night.as_of}, {title}: {row}")
            differing += only.height
    print(
        f"  {rows:,} rows compared ({eligible:,} eligible): {differing:,} differences", flush=True
    )
    return differing


def read_rows(path: Path) -> pl.DataFrame:
    rows = pl.read_parquet(path, columns=[*KEYS, *DECIDED])
    return rows.with_columns(pl.col("reason_codes").list.join(" "))


if __name__ == "__main__":
    main()
