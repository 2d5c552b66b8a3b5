"""Ingest one kind of extract: its files in the order of their names, its table, what fell out."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
import polars as pl

from flows.ingest import read_before, tables
from flows.ingest.csv_files import open_csv, read_csv_pieces
from flows.ingest.damage import refuse_damage
from flows.ingest.files import RawFile
from flows.ingest.parquet_files import open_parquet
from flows.ingest.read_before import ReadBefore
from flows.ingest.tables import LayOut, TableWriter, in_buckets
from flows.ingest.tally import FileTally, KindTally
from flows.ingest.workbooks import open_workbook
from transforms.extracts.cells import Piece, ReadColumn, Rows
from transforms.extracts.duplicates import row_hashes
from transforms.extracts.headers import Header, columns_absent, refuse_other_header
from transforms.extracts.kinds import Kind
from transforms.extracts.links import (
    apply_links,
    damaged_rows,
    differing_links,
    linked_rows,
    links_of_file,
    links_said,
    settle_links,
)
from transforms.extracts.rows import lay_out, list_repairs, read_piece
from transforms.extracts.rules import (
    References,
    Verdicts,
    emptied_cells,
    judge_beside_others,
    judge_rows,
    quarantine_of,
)
from transforms.extracts.totals import stated_totals, sums_of_amounts, totals_findings
from transforms.words import Said

Report = Callable[[str, int], None]
# Of one file's column so many emptied cells are named; the rest are counted.
MOST_NAMED = 1000
FINDINGS = ("finding", "severity", "policy_id", "subject_kind", "subject_id", "detail", "said")


def ingest_kind(
    kind: Kind,
    parts: list[RawFile],
    raw: Path,
    staging: Path,
    beside: References,
    report: Report,
    before: ReadBefore,
) -> KindTally:
    """Read all parts of one extract; write its table; keep what fell out, and why.

    Holds:   per file, rows == accepted + quarantined; what was read before is the same again
    """
    tally = KindTally(kind, TableWriter(kind, staging / "tables"))
    tally.files = [FileTally(part, _part_number(kind, parts, part)) for part in parts]
    for file in tally.files:
        tally.table.part(file.part).files.add(file.raw.file.name)
    known = before.take(tally, beside)
    read = partial(_read_file, tally, raw=raw, beside=beside)
    _read_files([file for file in tally.files if file.part not in known], tally.table, read, report)
    tally.table.close()
    before.keep(tally, beside, known)
    return tally


def _part_number(kind: Kind, parts: list[RawFile], part: RawFile) -> int:
    is_big = kind.bucketed and part.bytes >= read_before.BIG_BYTES
    return 1 + parts.index(part) if is_big else 0


def _read_files(
    files: list[FileTally], table: TableWriter, read: Callable[..., None], report: Report
) -> None:
    """Read files in order; once their rows go to buckets, the big ones side by side."""
    is_over, to_read, to_end = Event(), deque(files), list[int]()
    while to_read and (tables.FILES_AT_ONCE == 1 or not table.is_bucketed):
        file = to_read.popleft()
        read(file, report=report)
        to_end += [file.part] if file.part else []
        while table.is_bucketed and to_end:
            table.end_part(to_end.pop())
    with ThreadPoolExecutor(tables.FILES_AT_ONCE) as pool:
        aside = partial(_read_aside, table, read, is_over)
        reading = {file.part: pool.submit(aside, file) for file in to_read if file.part}
        try:
            for file in to_read:
                if not file.part:
                    read(file, report=report)
                    continue
                reading[file.part].result()
                report(f"reading {file.raw.file.name}", file.rows)
        finally:
            is_over.set()
            pool.shutdown(cancel_futures=True)


def _read_aside(
    table: TableWriter, read: Callable[..., None], is_over: Event, file: FileTally
) -> None:
    """Read a big file in a thread of its own; where the reading of all is over, so is its."""

    def expect_wanted(_what: str, _rows: int) -> None:
        if is_over.is_set():
            raise CancelledError

    read(file, report=expect_wanted)
    table.end_part(file.part)


def _read_file(
    tally: KindTally, file: FileTally, raw: Path, beside: References, report: Report
) -> None:
    part, kind = file.raw, tally.kind
    links = links_of_file(beside.links, kind, part.sha256)
    header, pieces = open_part(part, raw / part.file.name, kind)
    kept_out = {"file": part.file.name, "labels": list(header.unknown)}
    file.notes += [Said("columns_kept_out", kept_out)] if header.unknown else []
    file.notes += header.beside
    for column in columns_absent(kind, header):
        name, meaning = column.asked_as, column.absent_means
        told = {"file": part.file.name, "column": name, "meaning": meaning}
        said = Said("column_not_there", told)
        file.findings.append(("column_absent", "warning", said))
    for piece in _ahead(pieces):
        refuse_damage(part.file, piece)
        refuse_other_header(kind, header, piece, part.file.name)
        take_piece(tally, file, piece, beside, links)
        report(f"reading {part.file.name}", file.rows)
    file.links = links_said(links, file.damaged)
    _check_totals(file)
    _count_unnamed(file)


def open_part(part: RawFile, path: Path, kind: Kind) -> tuple[Header, Iterator[Piece]]:
    """Open a file of any format: its header, and its rows in pieces, each with its line.

    Raises:  DropRefusedError if it can't be opened, or has no header
    """
    if part.file.format == "xlsx":
        return open_workbook(part, path, kind)
    if part.file.format == "parquet":
        return open_parquet(part, path, kind)
    file = open_csv(part, path, kind)
    return file.header, read_csv_pieces(file)


def _ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Read the next piece while the one before is judged."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            yield piece


def take_piece(
    tally: KindTally,
    file: FileTally,
    piece: Piece,
    beside: References,
    links: pl.DataFrame | None,
) -> None:
    """Judge the rows of a piece; accepted ones go to the table, others to quarantine."""
    kind, name = tally.kind, file.raw.file.name
    columns = read_piece(kind, piece)
    file.damaged.append(damaged_rows(kind, piece, columns))
    columns, met = apply_links(kind, columns, piece, settle_links(links, pl.concat(file.damaged)))
    file.findings += differing_links(kind, met)
    file.linked.append(linked_rows(kind, name, met))
    verdicts = judge_rows(kind, piece, columns)
    _add_sums(file, kind, piece, columns)
    clear = verdicts.clear_rows()
    late = judge_beside_others(kind, columns, clear, beside)
    accepted = clear if not late.rules.any() else clear[late.rules == 0]
    lay = _layer_of(tally, piece, columns, accepted, name, beside.units)
    tally.table.add(file.part, len(accepted), lay)
    if late.rules.any():
        _hold_late(tally, file, piece, columns, late, clear)
    file.rows += piece.height
    file.quarantined += piece.height - len(accepted)
    if len(clear) < piece.height:
        every = np.arange(piece.height)
        file.quarantine.append(quarantine_of(verdicts, piece, columns, every, name))
    file.repairs.append(list_repairs(kind, piece, columns, name))
    for column, rows in emptied_cells(kind, columns, verdicts):
        at, named = {"file": name, "column": column}, file.emptied[column]
        file.findings += [
            ("cell_emptied", "info", Said("cell_not_read", at | {"line": line}))
            for line in piece.lines[rows[: max(0, MOST_NAMED - named)]].tolist()
        ]
        file.emptied[column] += len(rows)


def _layer_of(
    tally: KindTally,
    piece: Piece,
    columns: dict[str, ReadColumn],
    accepted: Rows,
    name: str,
    units: pl.DataFrame | None,
) -> LayOut:
    """Put off laying rows out until it is known whether they go to buckets."""

    def laid_out(by_bucket: bool) -> tuple[pl.DataFrame, Rows | None]:
        rows, edges = in_buckets(columns["person_id"], accepted) if by_bucket else (accepted, None)
        frame = lay_out(tally.kind, piece, columns, rows, name)
        if tally.kind.names_units and units is not None:
            frame = frame.with_columns(employer_key=_employer_keys(columns, rows, units))
        return frame, edges

    return laid_out


def _employer_keys(columns: dict[str, ReadColumn], rows: Rows, units: pl.DataFrame) -> pl.Series:
    """Give the employer of each row's unit; 0 where no unit is named: the person pays."""
    if "unit_no" not in columns:
        return pl.repeat(0, len(rows), dtype=pl.Int32, eager=True)
    numbers = columns["unit_no"].reading.values.alias("unit_no").to_frame()
    # m:1: a unit_no is a key of insured_units
    known = numbers.join(units, on="unit_no", how="left", maintain_order="left", validate="m:1")
    keys = known.select(
        pl.when(pl.col("unit_no").is_null()).then(0).otherwise("employer_key").cast(pl.Int32)
    )
    return columns["unit_no"].spread(keys.to_series(), rows)


def _add_sums(file: FileTally, kind: Kind, piece: Piece, columns: dict[str, ReadColumn]) -> None:
    rows = None if piece.totals is None else np.flatnonzero(~piece.totals)
    for name, total in sums_of_amounts(kind, columns, rows).items():
        file.sums[name] = file.sums.get(name, 0) + total
    if piece.totals is not None:
        for row in np.flatnonzero(piece.totals).tolist():
            file.stated.append((int(piece.lines[row]), stated_totals(kind, piece, columns, row)))
            file.totals_rows += 1


def _check_totals(file: FileTally) -> None:
    for line, stated in file.stated:
        for said in totals_findings(file.raw.file.name, line, stated, file.sums):
            file.findings.append(("totals_differ", "warning", said))


def _count_unnamed(file: FileTally) -> None:
    for column, count in sorted(file.emptied.items()):
        if count > MOST_NAMED:
            more = {"file": file.raw.file.name, "column": column, "count": count - MOST_NAMED}
            file.findings.append(("cell_emptied", "info", Said("more_cells_not_read", more)))


def _hold_late(
    tally: KindTally,
    file: FileTally,
    piece: Piece,
    columns: dict[str, ReadColumn],
    late: Verdicts,
    clear: Rows,
) -> None:
    """Keep rows that another extract speaks against: duplicates are looked for among them too."""
    name = file.raw.file.name
    rows = lay_out(tally.kind, piece, columns, clear[np.flatnonzero(late.rules)], name)
    told = quarantine_of(late, piece, columns, clear, name)
    file.late.append(rows.with_columns(told["rule"], told["column"].alias("blamed")))
    tally.table.part(file.part).hashes.add(row_hashes(tally.kind, rows))
