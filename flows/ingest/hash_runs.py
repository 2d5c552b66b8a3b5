"""The hashes of a table part's rows: sorted runs in a file of their own, once they are many.

Eight bytes a row of everything ever delivered are more than all else that reading keeps: in memory
are only the newest, and of those in the file a range of values at a time.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from transforms.extracts.duplicates import Hashes

# 8 MiB of hashes wait in memory before they become a run of the file.
RUN_HASHES = 1 << 20
VALUES = 1 << 64


class HashRuns:
    """Hashes in the order they came; read back in any number of ranges of their values."""

    def __init__(self, path: Path) -> None:
        self.path, self.waiting, self.counts = path, list[Hashes](), list[int]()

    def __len__(self) -> int:
        """Return how many hashes there are."""
        return sum(self.counts) + sum(map(len, self.waiting))

    def add(self, hashes: Hashes) -> None:
        """Take the hashes of some rows."""
        self.waiting.append(hashes)
        if sum(map(len, self.waiting)) >= RUN_HASHES:
            self.write()

    def write(self) -> Path:
        """Bring those that wait into the file, as one sorted run; return the file's path."""
        run = np.sort(np.concatenate([np.zeros(0, np.uint64), *self.waiting]))
        with self.path.open("ab") as file:
            # Not tofile: it does not say that a disk is full.
            file.write(run.data)
        self.counts += [len(run)] if len(run) else []
        self.waiting = []
        return self.path

    def runs(self) -> Iterator[Hashes]:
        """Give all hashes, in sorted runs of bounded size; those of the file are not held."""
        for start, count in zip(np.cumsum([0, *self.counts]), self.counts, strict=False):
            yield np.memmap(self.path, np.uint64, "r", int(start) * 8, (count,))
        yield from map(np.sort, self.waiting)

    def forget(self) -> None:
        """Let go of all hashes, and of the file."""
        self.waiting, self.counts = [], []
        self.path.unlink(missing_ok=True)


def hash_ranges(kept: list[HashRuns], at_once: int) -> Iterator[list[Hashes]]:
    """Give all hashes range by range of their values, about so many at once, in one block each.

    Of a run's file nothing stays mapped but what is looked at; many small blocks would leave holes.
    """
    ranges = 1 << max(0, math.ceil(math.log2(max(1, sum(map(len, kept)) / at_once))))
    edges = [np.uint64(VALUES // ranges * number) for number in range(1, ranges)]
    for low, high in zip([None, *edges], [*edges, None], strict=True):
        cuts = [_cut(run, low, high) for one in kept for run in one.runs()]
        whole, filled = np.empty(sum(stop - start for start, stop in cuts), np.uint64), 0
        runs = (run for one in kept for run in one.runs())
        for run, (start, stop) in zip(runs, cuts, strict=True):
            whole[filled : filled + stop - start] = run[start:stop]
            filled += stop - start
        yield [whole]


def _cut(run: Hashes, low: np.uint64 | None, high: np.uint64 | None) -> tuple[int, int]:
    start = 0 if low is None else int(np.searchsorted(run, low))
    return start, len(run) if high is None else int(np.searchsorted(run, high))
