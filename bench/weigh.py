"""What a home weighs, and how evenly its persons lie in buckets: bytes and rows, nothing timed."""

import re
from collections import Counter
from pathlib import Path

BUCKETED = "contributions"


def weigh(home: str, snapshot: str) -> dict[str, object]:
    """Return bytes of what was delivered, of the tables and of the runs; rows of each bucket."""
    import pyarrow.parquet as pq

    place = Path(home) / "snapshots" / snapshot
    tables = place / "tables"
    rows: Counter[str] = Counter()
    # A small town's are in one file.
    for path in [*tables.glob(f"{BUCKETED}.parquet"), *tables.glob(f"{BUCKETED}/*")]:
        bucket = re.match("bucket-([0-9]+)", path.name)
        rows[bucket[1] if bucket else path.stem] += pq.read_metadata(path).num_rows
    return {
        "bytes_delivered": bytes_of(place / "raw"),
        "bytes_tables": bytes_of(tables),
        "bytes_bucketed": sum(bytes_of(one) for one in (tables).iterdir() if one.is_dir()),
        "bytes_runs": bytes_of(Path(home) / "runs") + bytes_of(Path(home) / "batches"),
        "buckets": len(rows),
        "fewest_rows": min(rows.values()),
        "most_rows": max(rows.values()),
    }


def bytes_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
