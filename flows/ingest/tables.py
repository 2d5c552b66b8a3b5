"""Write the rows of a kind to its table: one file, or once there are many, 16 buckets by person.

In buckets the rows of each big file lie apart: where the same file comes again, its part is there.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.ingest.hash_runs import HashRuns, hash_ranges
from flows.store import file_digest
from transforms.extracts.cells import ReadColumn, Rows
from transforms.extracts.duplicates import HASHES_AT_ONCE, Hashes, row_hashes
from transforms.extracts.kinds import Kind, table_schema
from transforms.extracts.outputs import described_schema
from transforms.identifiers import BUCKETS, MIXER, person_keys

ROWS_BEFORE_BUCKETS = 1_000_000
ROW_GROUP_ROWS = 250_000
# How the file of a bucket begins.
BUCKET = "bucket-"
PAGE_BYTES = 64 << 20
# So many big files are read side by side: one keeps three processors busy, reading, laying out and
# writing, and takes a third of a GiB.
FILES_AT_ONCE = max(1, min(4, (os.cpu_count() or 1) // 3))
# The columns by which queries skip row groups; statistics of all take a quarter of the time.
WITH_STATISTICS = ("month", "paid_on", "worked_on", "person_key")


# Lays rows out as a frame, by bucket with the edges of the buckets if asked to.
LayOut = Callable[[bool], tuple[pl.DataFrame, Rows | None]]


def buckets_of(person_keys: pl.Series) -> npt.NDArray[np.uint8]:
    """Give the bucket of each person: all rows of a person are in one."""
    mixed = person_keys.fill_null(0).to_numpy().astype(np.uint64) * np.uint64(MIXER)
    return (mixed >> np.uint64(60)).astype(np.uint8)


def in_buckets(ids: ReadColumn, rows: Rows) -> tuple[Rows, Rows]:
    """Order rows by bucket, else as they were read; also where each bucket starts and ends."""
    numbers = buckets_of(person_keys(ids.reading.values))
    numbers = numbers[rows] if ids.codes is None else numbers[ids.codes[rows]]
    order = np.argsort(numbers, kind="stable")
    edges = np.cumsum(np.append(0, np.bincount(numbers, minlength=BUCKETS)))
    return rows[order], edges


class RowGroups:
    """One Parquet file, written in row groups of one size whatever pieces its rows come in."""

    def __init__(self, path: Path) -> None:
        self.path, self.waiting, self.rows = path, list[pl.DataFrame](), 0
        self.writer: pq.ParquetWriter | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows; whole row groups are written at once, the rest waits."""
        self.waiting.append(frame)
        self.rows += frame.height
        while self.rows >= ROW_GROUP_ROWS:
            whole = pl.concat(self.waiting)
            self._write(whole.head(ROW_GROUP_ROWS))
            rest = whole.slice(ROW_GROUP_ROWS)
            self.waiting, self.rows = [rest], rest.height

    def _write(self, frame: pl.DataFrame) -> None:
        table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        # Every column says in the file what it means; kept with the Arrow schema, hence stored.
        table = pa.Table.from_arrays(table.columns, schema=described_schema(frame))
        if self.writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            plain = [name for name in ("serial_no", "source_line") if name in table.column_names]
            self.writer = pq.ParquetWriter(
                self.path,
                table.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[name for name in table.column_names if name not in plain],
                write_statistics=[name for name in WITH_STATISTICS if name in table.column_names],
                # One page a column: in pages of 20,000 rows, as is usual, repetition is not seen:
                # twice the bytes, and a third more time for whoever reads them.
                max_rows_per_page=ROW_GROUP_ROWS,
                data_page_size=PAGE_BYTES,
            )
        self.writer.write_table(table, row_group_size=ROW_GROUP_ROWS)

    def close(self) -> None:
        """Write what waits and end the file; there is none if nothing came."""
        if self.waiting and (self.rows or self.writer is None):
            self._write(pl.concat(self.waiting))
        self.waiting, self.rows = [], 0
        if self.writer is not None:
            self.writer.close()


class TablePart:
    """The rows of one big file, or of all small ones, in buckets: what other files bring to the
    kind changes nothing here but rows that fall."""

    def __init__(self, folder: Path, number: int) -> None:
        name = f"{BUCKET}{{:02d}}.{number:04d}.parquet"
        self.buckets = [RowGroups(folder / name.format(bucket)) for bucket in range(BUCKETS)]
        self.files: set[str] = set()
        self.digests: dict[Path, str] = {}
        self.hashes = HashRuns(folder.with_name(f".hashes-{folder.name}.{number:04d}"))
        self.rows = 0
        self.under_way: list[Future[None]] = []

    def paths(self) -> list[Path]:
        """Give the files written so far; a bucket without rows has none."""
        return [bucket.path for bucket in self.buckets if bucket.path.exists()]

    def wait(self) -> None:
        """Wait until the rows taken so far are written."""
        for written in self.under_way:
            written.result()
        self.under_way = []


class TableWriter:
    """The table of one kind in the making: in one file, or in parts by file and person bucket.

    Once it is in buckets, rows of several parts may be added side by side: parts share nothing.
    """

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.whole = RowGroups(folder / f"{kind.name}.parquet")
        self.whole.add(pl.DataFrame(schema=table_schema(kind)))
        self.waiting: list[tuple[TablePart, LayOut]] = []
        self.fallen_rows = 0
        self.parts: dict[int, TablePart] = {}
        self.is_bucketed = False
        self.writers = ThreadPoolExecutor(max_workers=2 * FILES_AT_ONCE)

    @property
    def rows(self) -> int:
        """Return how many rows are accepted, of all parts."""
        return sum(part.rows for part in self.parts.values()) - self.fallen_rows

    def part(self, number: int) -> TablePart:
        """Give the part of a file by its number, 0 for all small files."""
        folder = self.folder / self.kind.name
        return self.parts.setdefault(number, TablePart(folder, number))

    def add(self, number: int, count: int, lay_out: LayOut) -> None:
        """Take accepted rows of a part; they are laid out once it is known whether in buckets."""
        part = self.part(number)
        part.rows += count
        if self.kind.bucketed and self.rows > ROWS_BEFORE_BUCKETS:
            self.is_bucketed = True
        if self.kind.bucketed and not self.is_bucketed:
            self.waiting.append((part, lay_out))
            return
        self._lay_out_waiting()
        self._lay_out(part, lay_out)

    def _lay_out_waiting(self) -> None:
        waiting, self.waiting = self.waiting, []
        for part, lay_out in waiting:
            self._lay_out(part, lay_out)

    def _lay_out(self, part: TablePart, lay_out: LayOut) -> None:
        frame, edges = lay_out(self.is_bucketed)
        part.hashes.add(row_hashes(self.kind, frame))
        if edges is None:
            self.whole.add(frame)
            return
        # The writers take their rows while the next piece is read.
        part.wait()
        for bucket, start, stop in zip(part.buckets, edges[:-1], edges[1:], strict=True):
            if stop > start:
                rows = frame.slice(int(start), int(stop - start))
                part.under_way.append(self.writers.submit(bucket.add, rows))

    def end_part(self, number: int) -> None:
        """End the files of a part: no more rows come to it."""
        part = self.part(number)
        part.wait()
        for closed in [self.writers.submit(bucket.close) for bucket in part.buckets]:
            closed.result()
        if self.is_bucketed:
            part.hashes.write()

    def close(self) -> None:
        """End all files."""
        self._lay_out_waiting()
        for number in self.parts:
            self.end_part(number)
        if not self.is_bucketed:
            self.whole.close()
        self.writers.shutdown()

    def hashes(self) -> Iterator[list[Hashes]]:
        """Give the hashes of all rows, those included that were held late, range by range."""
        return hash_ranges([part.hashes for part in self.parts.values()], HASHES_AT_ONCE)

    def forget_hashes(self) -> None:
        """Let go of the hashes: they are many, and of no more use."""
        for part in self.parts.values():
            part.hashes.forget()

    def paths(self) -> list[Path]:
        """Give the files written so far, bucket by bucket."""
        if self.is_bucketed:
            found = [path for part in self.parts.values() for path in part.paths()]
            return sorted(found, key=lambda path: path.name)
        return [self.whole.path] if self.whole.path.exists() else []

    def digests(self) -> dict[Path, str]:
        """Give the digests of the files written, of `paths`."""
        known = {path: said for part in self.parts.values() for path, said in part.digests.items()}
        return {path: known.get(path) or file_digest(path) for path in self.paths()}

    def scan(self) -> pl.LazyFrame:
        """Read the rows of a table in one file back, after `close`."""
        return pl.scan_parquet(self.whole.path, glob=False)

    def frames(self, hashes: Hashes) -> Iterator[pl.DataFrame]:
        """Read the rows back a row group at a time, after `close`; only parts with these hashes."""
        if not self.is_bucketed:
            yield from _row_groups_of(self.whole.path)
            return
        for part in self.parts.values():
            if any(np.isin(mine, hashes).any() for mine in part.hashes.runs()):
                for path in part.paths():
                    yield from _row_groups_of(path)

    def finish(self, fallen: pl.DataFrame, extra: pl.DataFrame | None = None) -> None:
        """Leave out rows that fell after they were written.

        Rows:    fallen  source_file, source_line of rows to leave out
                 extra   a column to put in, from its key: employer_code → employer_key
        """
        self.fallen_rows = fallen.height
        if not self.is_bucketed and (fallen.height or extra is not None):
            _rewrite(self.whole.path, fallen, extra)
        for part in self.parts.values() if self.is_bucketed else ():
            mine = fallen.filter(pl.col("source_file").is_in(part.files))
            for path in part.paths() if mine.height else ():
                part.digests.pop(path, None)
                _rewrite(path, mine)


def put_column(frame: pl.DataFrame, extra: pl.DataFrame) -> pl.DataFrame:
    """Fill the second column of `extra`, empty so far, by matching its first."""
    key, name = extra.columns
    filled = frame.drop(name).join(extra, on=key, how="left", maintain_order="left", validate="m:1")
    return filled.select(frame.columns)


def _row_groups_of(path: Path) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as source:
        if source.num_row_groups == 0:
            yield pl.DataFrame(pl.from_arrow(source.schema_arrow.empty_table()))
        for number in range(source.num_row_groups):
            yield pl.DataFrame(pl.from_arrow(source.read_row_group(number)))


def _rewrite(path: Path, fallen: pl.DataFrame, extra: pl.DataFrame | None = None) -> None:
    fresh = path.with_suffix(".fresh")
    rewritten = RowGroups(fresh)
    place = ["source_file", "source_line"]
    for rows in _row_groups_of(path):
        kept = rows.join(fallen, on=place, how="anti", maintain_order="left")
        rewritten.add(kept if extra is None else put_column(kept, extra))
    rewritten.close()
    fresh.replace(path)


def scan_table(kind: Kind, paths: Sequence[Path]) -> pl.LazyFrame:
    """Scan the files of a kind's table; columns that it had not yet when stored are empty."""
    schema = pl.Schema(table_schema(kind))
    return pl.scan_parquet(
        list(paths), schema=schema, missing_columns="insert", extra_columns="ignore"
    )


def rows_beside(name: str, rows: pl.DataFrame, paths: Sequence[Path], into: Path) -> list[Path]:
    """Write rows of a kind as files beside its table's, in buckets where those are."""
    if not any(path.name.startswith(BUCKET) for path in paths):
        rows.write_parquet(into / f"{name}.supposed.parquet")
        return [into / f"{name}.supposed.parquet"]
    written = []
    numbers = pl.Series("bucket", buckets_of(rows["person_key"]))
    for (number,), of_bucket in rows.with_columns(numbers).group_by("bucket"):
        written.append(into / f"{BUCKET}{number:02d}.supposed.parquet")
        of_bucket.drop("bucket").write_parquet(written[-1])
    return written
