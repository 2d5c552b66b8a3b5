"""What a measured run needs of the disk and of hours, told before it begins; refused if too much.

Reckoned from what was measured on 2026-11-28 at 1,000,000 and 3,000,000 persons (docs/scale.md).
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

# At 1,000,000: a drop of Parquet, its copy in the snapshot, the tables (`bench.phase weigh`); and a
# margin for runs, batches and what is spilled.
BYTES_A_PERSON = 1_424 + 1_424 + 868 + 600
BYTES_AT_LEAST = 500_000_000
# Seconds a million persons. Once: the sample 140 (of processor, at 3,000,000; one thread), ingest
# 100 (164 of processor, at 1,000,000), two nights and eight commands that answer 350, payments 30.
# Each pair: the scan 10 and the run 70 (18 and 110 of processor), bare read and `verify` 15.
SECONDS_ONCE, SECONDS_A_PAIR = 620, 95
# The sample is written in chunks of 40,000 persons; its employers, and the kinds that are not in
# buckets, stay in memory: 2,188 MiB at 100,000 persons, 3,192 MiB at 3,000,000.
SAMPLE_MIB, SAMPLE_MIB_A_MILLION = 2_150, 350


def disk(persons: int) -> int:
    """Return the bytes that one size needs at most; the sizes follow one another."""
    return BYTES_AT_LEAST + persons * BYTES_A_PERSON


def hours(persons: int, pairs: int) -> float:
    """Return the hours that one size takes on two cores that are otherwise idle."""
    return persons / 1e6 * (SECONDS_ONCE + pairs * SECONDS_A_PAIR) / 3600


def tell(sizes: Sequence[int], pairs: int, folder: Path, *, is_kept: bool = False) -> None:
    """Say what the sizes need and what is free; end here if the disk does not suffice."""
    folder.mkdir(parents=True, exist_ok=True)
    free, most = shutil.disk_usage(folder).free, (sum if is_kept else max)(map(disk, sizes))
    for persons in sizes:
        memory = SAMPLE_MIB + SAMPLE_MIB_A_MILLION * persons / 1e6
        print(
            f"  {persons:>12,} persons: {disk(persons) / 1e9:6.1f} GB of disk, "
            f"{hours(persons, pairs):5.2f} hours, writing the sample {memory / 1024:4.1f} GiB",
            flush=True,
        )
    print(f"  {folder} has {free / 1e9:,.1f} GB free", flush=True)
    if free < most:
        sys.exit(f"{folder}: {most / 1e9:,.1f} GB are needed and {free / 1e9:,.1f} GB are free")
