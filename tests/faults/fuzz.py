"""`make fuzz`: mutated files of all kinds and formats; each must be read whole, or refused.

    python -m tests.faults.fuzz [--files N] [--seed S] [--jobs N] [--keep FOLDER]

Allowed is exit code 0 with every row accounted for, or 10; no traceback, no hang, nothing left
behind, no more than 2 GiB. What offends is told with its seed and number, and kept if asked to.
"""

import argparse
import csv
import io
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from flows import store
from flows.answers.clerical import import_decisions
from flows.ingest.drop import SnapshotRef, ingest_drop
from tests.faults.bounded import GIB, ROOT
from tests.faults.mutations import Mutated, mutated
from transforms.errors import WuxingError
from transforms.payments.profile import default_profile
from transforms.payments.return_file import read_answers
from transforms.payments.statement import read_statement

REFUSED = 10
FILES_AT_ONCE = 250
MOST_SECONDS, MOST_SECONDS_HUNG = 10.0, 120.0
ADDRESS_SPACE = 6 * GIB
# White space as Unicode has it; Python strips separators of old, too.
BLANKS = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
BLANKS += "".join(map(chr, range(0x2000, 0x200B)))
IN_MEMORY = Path("/dev/shm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the files that offend")
    parser.add_argument("--part", nargs=2, type=int, help="only these files, in this process")
    words = parser.parse_args()
    if words.part:
        work(words.seed, *words.part)
        return
    started = time.monotonic()
    seen, offenders = run(words.seed, words.files, words.jobs)
    for number, what in sorted(offenders.items()):
        print(f"  seed {words.seed}, file {number}: {what}")
        if words.keep:
            keep(words.keep / f"{words.seed}-{number}", mutated(words.seed, number))
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.items()))
    seconds = time.monotonic() - started
    print(f"seed {words.seed}: {sum(seen.values()):,} files: {counts}; {seconds:.0f} s")
    sys.exit(1 if offenders else 0)


def run(seed: str, files: int, jobs: int) -> tuple[Counter[str], dict[int, str]]:
    """Try files 0 to `files`, some in a process at a time: what came of them, and what offends."""
    seen, offenders = Counter[str](), dict[int, str]()
    starts = range(0, files, FILES_AT_ONCE)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        parts = pool.map(
            lambda start: list(part(seed, start, min(start + FILES_AT_ONCE, files))), starts
        )
        for number, came in (one for told in parts for one in told):
            seen[came.split(":")[0]] += 1
            if came.split(":")[0] not in ("read", "refused"):
                offenders[number] = came
                # A run of hours that is cut off has told what it found.
                print(f"  seed {seed}, file {number}: {came}", file=sys.stderr, flush=True)
    return seen, offenders


def part(seed: str, start: int, stop: int) -> Iterator[tuple[int, str]]:
    """Try files in a process of their own; after a death, the rest in another."""
    while start < stop:
        words = ["--seed", seed, "--part", str(start), str(stop)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fuzz", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert process.stdout
        watch = threading.Timer(MOST_SECONDS_HUNG, process.kill)
        watch.start()
        for line in process.stdout:
            watch.cancel()
            number, came = json.loads(line)
            yield number, came
            start = number + 1
            watch = threading.Timer(MOST_SECONDS_HUNG, process.kill)
            watch.start()
        _, said = process.communicate()
        watch.cancel()
        if start < stop:
            last = (said.strip().splitlines() or [""])[-1]
            yield start, f"died: exit code {process.returncode} {last[:200]}"
            start += 1


def work(seed: str, start: int, stop: int) -> None:
    """Try files in this process, one line of JSON each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    # What is on disk after a power cut is not the question here.
    store.sync_path = lambda path: None
    for number in range(start, stop):
        began = time.process_time()
        came = try_file(mutated(seed, number))
        if time.process_time() - began > MOST_SECONDS:
            came = f"slow: {time.process_time() - began:.0f} s"
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > 2 * GIB:
            came = "large: more than 2 GiB"
        print(json.dumps([number, came]), flush=True)


def try_file(file: Mutated) -> str:
    """Give a file to its reader: read, refused, or what is wrong."""
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as folder:
        try:
            if file.reader in ("return", "xml"):
                read_answers(file.content, default_profile(), file.name)
                return "read"
            if file.reader == "statement":
                read_statement(file.content, default_profile().statement, file.name)
                return "read"
            return _in_folder(file, Path(folder))
        except WuxingError as stop:
            left = [path.name for path in (Path(folder) / "snapshots").glob("*")]
            return (
                "refused" if stop.exit_code == REFUSED and not left else f"stopped: {stop} {left}"
            )
        except BaseException as bug:
            if isinstance(bug, KeyboardInterrupt):
                raise
            return f"bug: {type(bug).__name__} {str(bug)[:200]}"


def _in_folder(file: Mutated, folder: Path) -> str:
    keep(folder / "drop", file)
    if file.reader == "workbook":
        import_decisions(folder / "drop" / file.name, folder / "out.csv", {})
        return "read"
    snapshot = ingest_drop(folder / "drop", folder / "snapshots")
    lost = _lost_rows(snapshot, file)
    return f"lost: {lost}" if lost else "read"


def keep(folder: Path, file: Mutated) -> None:
    """Write a file as a drop: its delivery note beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file.name).write_bytes(file.content)
    if file.told is not None:
        (folder / "交接单.csv").write_bytes(file.told)


def _lost_rows(snapshot: SnapshotRef, file: Mutated) -> str:
    """Hold what the manifest says against the tables, and against a count of one's own."""
    entry = next(one for one in snapshot.manifest["files"] if one["name"] == file.name)
    kept = sum(pl.read_parquet(paths).height for paths in snapshot.tables().values())
    fallen = pl.read_parquet(snapshot.folder / "quarantine.parquet").height
    rows = int(entry["rows"])
    if rows != kept + fallen or kept != entry["accepted"]:
        return f"{rows} rows, {kept} kept, {fallen} fallen"
    found = _count_rows(file, str(entry["encoding"]))
    return "" if found is None or found == rows else f"{found} rows found, {rows} read"


def _count_rows(file: Mutated, encoding: str) -> int | None:
    """Count the rows below a header that stands at the top; None where it does not."""
    if file.name.endswith(".parquet"):
        return int(pq.read_metadata(io.BytesIO(file.content)).num_rows)
    if not file.name.endswith(".csv"):
        return None
    text = file.content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    separator = "\t" if "\t" in text.split("\n", 1)[0] else ","
    csv.field_size_limit(1 << 24)
    rows = list(csv.reader(io.StringIO(text, newline="\n"), delimiter=separator))
    csv.field_size_limit(131_072)
    if not rows or len(rows[0]) < 4:
        return None
    return sum(any(cell.strip(BLANKS) for cell in cells) for cells in rows[1:])


if __name__ == "__main__":
    main()
