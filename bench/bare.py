"""Bare reads that what the product does is measured beside: the least anybody must do."""

import os
import time
from pathlib import Path

from bench import AS_OF, THREADS, processor


def scan(home: str, snapshot: str) -> dict[str, object]:
    """Decode every column of every table: the least anybody must do who looks at all of it."""
    from flows.ingest.drop import load_snapshot
    from flows.store import Home
    from sql import connect, register_tables

    tables = load_snapshot(Home(Path(home)).snapshots, snapshot).tables()
    connection = connect(threads=THREADS)
    register_tables(connection, tables, AS_OF)
    started, before = time.perf_counter(), processor()
    for kind in sorted(tables):
        columns = [row[0] for row in connection.execute(f"describe delivered_{kind}").fetchall()]
        listed = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"select sum(hash({listed})) from delivered_{kind}").fetchall()
    return {"scan": time.perf_counter() - started, "scan_cpu": processor() - before}


def polars(drop: str) -> dict[str, object]:
    """Read the drop's CSV files with Polars and nothing else."""
    import polars as pl

    started, before, rows = time.perf_counter(), processor(), 0
    for path in sorted(Path(drop).glob("*.csv")):
        encoding = "utf8" if _is_utf8(path) else "gb18030"
        rows += pl.read_csv(path, infer_schema=False, encoding=encoding).height
    seconds = {"polars": time.perf_counter() - started, "polars_cpu": processor() - before}
    return {**seconds, "rows": rows}


def forget(home: str) -> list[Path]:
    """Let the machine forget what it has read of a home; return its files."""
    files = [path for path in sorted(Path(home).rglob("*")) if path.is_file()]
    for path in files:
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return files


def read_bytes(home: str) -> dict[str, object]:
    """Read every byte of a home from the disk, by as many threads as `verify` has, and no more."""
    from concurrent.futures import ThreadPoolExecutor

    def read(path: Path) -> int:
        block, count = bytearray(1 << 20), 0
        with path.open("rb", buffering=0) as stream:
            while got := stream.readinto(block):
                count += got
        return count

    files, started = forget(home), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        count = sum(pool.map(read, files))
    return {"bytes": time.perf_counter() - started, "count": count}


def _is_utf8(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    try:
        head[: head.rfind(b"\n")].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
