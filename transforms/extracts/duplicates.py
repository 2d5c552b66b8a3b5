"""Find equal rows and rows that share a key: hashes propose candidates, the contents decide."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.extracts.kinds import Kind
from transforms.extracts.rules import subject_of_row

Hashes = npt.NDArray[np.uint64]
# So many hashes are sorted at a time: 8 bytes each, and as much again while sorting.
HASHES_AT_ONCE = 1 << 24


def row_hashes(kind: Kind, frame: pl.DataFrame) -> Hashes:
    """Hash each row's key, or all its columns where the kind or the row has no key.

    Rows:    frame  canonical columns of the kind; returns one hash per row, in order
    """
    canonical = [column.name for column in kind.columns]
    if not kind.key:
        return frame.select(canonical).hash_rows(seed=7).to_numpy()
    keys = frame.select(kind.key)
    hashes = keys.to_series().hash(seed=7) if keys.width == 1 else keys.hash_rows(seed=7)
    keyless = keys.to_series().is_null()
    if keyless.any():
        hashes = hashes.zip_with(~keyless, frame.select(canonical).hash_rows(seed=7))
    return hashes.to_numpy()


def repeated_hashes(ranges: Iterable[Sequence[Hashes]]) -> tuple[Hashes, int]:
    """Give the hashes that occur more than once, and how often again.

    Rows:    ranges  all hashes, each value's in one of the ranges; one range is held at a time

    >>> repeated_hashes([[np.array([3, 1], dtype=np.uint64), np.array([3, 2], dtype=np.uint64)]])
    (array([3], dtype=uint64), 1)
    """
    nothing = np.zeros(0, np.uint64)
    found, repeats = [nothing], 0
    for pieces in ranges:
        mine = np.sort(np.concatenate([nothing, *pieces]))
        again = mine[1:][mine[1:] == mine[:-1]]
        repeats += len(again)
        found.append(np.unique(again))
    return np.concatenate(found), repeats


def judge_candidates(kind: Kind, candidates: pl.DataFrame) -> pl.DataFrame:
    """Decide which candidates are duplicates of an earlier row, and which keys contradict.

    Rows:    candidates  in the order they were read: canonical columns, source_file, source_line
             returns     one per row that falls: source_file, source_line, subject_id, rule
    Holds:   of equal rows the first stays; of rows with one key and different contents none stays
    """
    canonical = [column.name for column in kind.columns]
    is_first = candidates.select(pl.struct(canonical).is_first_distinct()).to_series()
    place = ("source_file", "source_line", subject_of_row(kind))
    places = candidates.select(place)
    fallen = [places.filter(~is_first).with_columns(rule=pl.lit("duplicate_row"))]
    if kind.key:
        left = candidates.filter(is_first).drop_nulls(kind.key)
        shares = left.select(pl.struct(kind.key).is_duplicated()).to_series()
        conflicting = left.filter(shares).select(place)
        fallen.append(conflicting.with_columns(rule=pl.lit("conflicting_key")))
    return pl.concat(fallen)
