"""Ingest one kind of extract: its files in the order of their names, its table, what fell out."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from flows.ingest.csv_files import open_csv, read_csv_pieces
from flows.ingest.damage import refuse_damage
from flows.ingest.files import RawFile
from flows.ingest.parquet_files import open_parquet
from flows.ingest.tables import LayOut, RowGroups, TableWriter, in_buckets
from flows.ingest.workbooks import open_workbook
from transforms.extracts.cells import Piece, ReadColumn, Rows
from transforms.extracts.duplicates import row_hashes
from transforms.extracts.headers import Header
from transforms.extracts.kinds import Kind
from transforms.extracts.links import apply_links, links_of_file
from transforms.extracts.rows import lay_out, list_repairs, read_piece
from transforms.extracts.rules import (
    References,
    Verdicts,
    emptied_cells,
    judge_beside_others,
    judge_rows,
    quarantine_of,
    subjects_read,
)
from transforms.extracts.totals import stated_totals, sums_of_amounts, totals_findings
from transforms.words import Said

Report = Callable[[str, int], None]
# Of one file's column so many emptied cells are named; the rest are counted.
MOST_NAMED = 1000
FINDINGS = ("finding", "severity", "policy_id", "subject_kind", "subject_id", "detail", "said")


@dataclass
class FileTally:
    """What one file came to; `amount_fen` is what a delivery note would state, None if nothing."""

    raw: RawFile
    rows: int = 0
    totals_rows: int = 0
    quarantined: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    stated: list[tuple[int, dict[str, int | None]]] = field(default_factory=list)
    emptied: Counter[str] = field(default_factory=Counter)

    @property
    def amount_fen(self) -> int | None:
        """Return the sum that a delivery note states for this kind; None if it states none."""
        assert self.raw.file.kind is not None
        names = self.raw.file.kind.note_sums
        return sum(self.sums.get(name, 0) for name in names) if names else None


@dataclass
class KindTally:
    """What the files of one kind came to."""

    kind: Kind
    table: TableWriter
    late: RowGroups
    files: list[FileTally] = field(default_factory=list)
    quarantine: list[pl.DataFrame] = field(default_factory=list)
    repairs: list[pl.DataFrame] = field(default_factory=list)
    findings: list[tuple[str, str, Said]] = field(default_factory=list)
    notes: list[Said] = field(default_factory=list)


def ingest_kind(
    kind: Kind, parts: list[RawFile], raw: Path, staging: Path, beside: References, report: Report
) -> KindTally:
    """Read all parts of one extract; write its table; keep what fell out, and why.

    Holds:   per file, rows == accepted + quarantined
    """
    tables = staging / "tables"
    tally = KindTally(
        kind, TableWriter(kind, tables), RowGroups(staging / ".late" / f"{kind.name}.parquet")
    )
    for part in parts:
        file = FileTally(part)
        tally.files.append(file)
        links = links_of_file(beside.links, kind, part.sha256)
        header, pieces = open_part(part, raw / part.file.name, kind)
        if header.unknown:
            kept_out = {"file": part.file.name, "labels": list(header.unknown)}
            tally.notes.append(Said("columns_kept_out", kept_out))
        for piece in _ahead(pieces):
            refuse_damage(part.file, piece)
            _take_piece(tally, file, piece, beside, links)
            report(f"reading {part.file.name}", file.rows)
        _check_totals(tally, file)
        _count_unnamed(tally, file)
    tally.table.close()
    tally.late.close()
    return tally


def open_part(part: RawFile, path: Path, kind: Kind) -> tuple[Header, Iterator[Piece]]:
    """Open a file of any format: its header, and its rows in pieces, each with its line.

    Raises:  DropRefusedError if it can't be opened, or has no header
    """
    if part.file.format == "xlsx":
        return open_workbook(part, path, kind)
    if part.file.format == "parquet":
        return open_parquet(part, path, kind)
    file = open_csv(part, path, kind)
    assert file.header is not None
    return file.header, read_csv_pieces(file)


def _ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Read the next piece while the one before is judged."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            yield piece


def _take_piece(
    tally: KindTally,
    file: FileTally,
    piece: Piece,
    beside: References,
    links: pl.DataFrame | None,
) -> None:
    """Judge the rows of a piece; accepted ones go to the table, others to quarantine."""
    kind, name = tally.kind, file.raw.file.name
    columns = apply_links(read_piece(kind, piece), piece, links)
    verdicts = judge_rows(kind, piece, columns)
    _add_sums(file, kind, piece, columns)
    clear = verdicts.clear_rows()
    late = judge_beside_others(kind, columns, clear, beside)
    accepted = clear if not late.rules.any() else clear[late.rules == 0]
    tally.table.add(len(accepted), _layer_of(tally, piece, columns, accepted, name, beside.units))
    if late.rules.any():
        _hold_late(tally, piece, columns, late, clear, name)
    file.rows += piece.height
    file.quarantined += piece.height - len(accepted)
    _note_fallen(tally, piece, columns, verdicts, name)
    tally.repairs.append(list_repairs(kind, piece, columns, name))
    for column, rows in emptied_cells(kind, columns, verdicts):
        at, named = {"file": name, "column": column}, file.emptied[column]
        tally.findings += [
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
            line = int(piece.lines[row])
            file.stated.append((line, stated_totals(kind, piece, columns, row)))
            file.totals_rows += 1


def _check_totals(tally: KindTally, file: FileTally) -> None:
    for line, stated in file.stated:
        for said in totals_findings(file.raw.file.name, line, stated, file.sums):
            tally.findings.append(("totals_differ", "warning", said))


def _count_unnamed(tally: KindTally, file: FileTally) -> None:
    for column, count in sorted(file.emptied.items()):
        if count > MOST_NAMED:
            more = {"file": file.raw.file.name, "column": column, "count": count - MOST_NAMED}
            tally.findings.append(("cell_emptied", "info", Said("more_cells_not_read", more)))


def _note_fallen(
    tally: KindTally, piece: Piece, columns: dict[str, ReadColumn], verdicts: Verdicts, name: str
) -> None:
    rows = np.flatnonzero(verdicts.rules)
    if len(rows):
        tally.quarantine.append(
            quarantine_of(
                tally.kind,
                pl.Series(verdicts.rules[rows]),
                pl.Series(verdicts.blamed[rows]),
                name,
                pl.Series(piece.lines[rows]),
                subjects_read(columns, rows),
            )
        )


def _hold_late(
    tally: KindTally,
    piece: Piece,
    columns: dict[str, ReadColumn],
    late: Verdicts,
    clear: Rows,
    name: str,
) -> None:
    """Keep rows that another extract speaks against: duplicates are looked for among them too."""
    hit = np.flatnonzero(late.rules)
    rows = lay_out(tally.kind, piece, columns, clear[hit], name)
    told = quarantine_of(
        tally.kind,
        pl.Series(late.rules[hit]),
        pl.Series(late.blamed[hit]),
        name,
        pl.Series(piece.lines[clear[hit]]),
        subjects_read(columns, clear[hit]),
    )
    tally.late.add(rows.with_columns(told["rule"], told["column"].alias("blamed")))
    tally.table.hashes.append(row_hashes(tally.kind, rows))
