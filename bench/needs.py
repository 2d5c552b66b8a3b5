"""What a measured run needs of the disk and of hours, told before it begins; refused if too much.

Reckoned from what was measured on 2026-11-28 at 1,000,000 and 3,000,000 persons (docs/scale.md).
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

# A drop of Parquet, its copy in the snapshot, the tables; then runs, batches and what is spilled.
BYTES_A_PERSON = 1_424 + 1_424 + 868 + 600
BYTES_AT_LEAST = 500_000_000
# Wall seconds a million persons with both cores: the sample 140, ingest 80, answers, payments
# and their checks 160; and each pair: the scan 25, the run 45, the bare read and `verify` 10.
SECONDS_ONCE, SECONDS_A_PAIR = 380, 80
# The sample is written in chunks; its employers and what is not in buckets stay in memory.
SAMPLE_MIB, SAMPLE_MIB_A_MILLION = 2_000, 400


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
