"""`make combinations`: one night under many machines' circumstances; are all digests the same?

    python -m tests.audit.combinations [N]

Threads 1, 2, 4, 8 × memory 1, 2, 4 GiB × rows in another order, files split anew × time zone,
language and hash seed; every combination differs from the one before in all of them.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from unittest.mock import patch

import polars as pl

from flows.audit.recompute import Mixture, compute
from tests.audit.planted import first_night
from transforms.digest import frame_digest

COMBINATIONS = 100
THREADS, MEMORY = (1, 2, 4, 8), ("1GB", "2GB", "4GB")
ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Pacific/Kiritimati")
LANGUAGES = ("C", "C.UTF-8", "zh_CN.GB18030", "tr_TR.UTF-8")
SEEDS = ("0", "1", "4711")


def circumstances() -> Iterator[tuple[int, str, dict[str, str]]]:
    """Give threads, memory and environment, each as often as the others."""
    pairs = list(product(THREADS, MEMORY))
    for number in range(len(pairs) * len(ZONES) * len(LANGUAGES)):
        threads, memory = pairs[number % len(pairs)]
        environment = {
            "TZ": ZONES[number % len(ZONES)],
            "LANG": LANGUAGES[number % len(LANGUAGES)],
            "LC_ALL": LANGUAGES[(number + 1) % len(LANGUAGES)],
            "PYTHONHASHSEED": SEEDS[number % len(SEEDS)],
        }
        yield threads, memory, environment


def told_otherwise(law: Mixture, folder: Path, number: int) -> Mixture:
    """Put every table's rows in another order, into one to three files."""
    tables = {}
    for kind, paths in law.tables.items():
        rows = pl.concat([pl.read_parquet(path) for path in paths]).sample(
            fraction=1.0, shuffle=True, seed=number
        )
        pieces = 1 + (number + len(kind)) % 3
        size = -(-max(rows.height, 1) // pieces)
        tables[kind] = []
        for piece in range(pieces):
            target = folder / f"{kind}-{piece}.parquet"
            rows.slice(piece * size, size).write_parquet(target)
            tables[kind].append(target)
    return Mixture(law.as_of, tables, law.texts, law.ledger_of)


def main(wanted: int) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        law = first_night(Path(scratch))
        base = compute(law)
        expected = [frame_digest(base.determinations), frame_digest(base.entitlements)]
        wrong = []
        for number, (threads, memory, environment) in enumerate(circumstances()):
            if number == wanted:
                break
            folder = Path(scratch) / f"told-{number}"
            folder.mkdir()
            with patch.dict(os.environ, environment):
                found = compute(told_otherwise(law, folder, number), threads=threads, memory=memory)
            digests = [frame_digest(found.determinations), frame_digest(found.entitlements)]
            same_bytes = found.determinations.equals(base.determinations)
            if digests != expected or not same_bytes:
                wrong.append(f"{number}: {threads} threads, {memory}, {environment}")
    done = min(wanted, len(list(circumstances())))
    print(f"{done - len(wrong)} of {done} combinations give the same digests")
    for name in wrong:
        print(f"  other: {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else COMBINATIONS))
