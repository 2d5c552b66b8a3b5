"""Settle what one row alone can't: duplicates, contradictions, and that no row got lost."""

import polars as pl

from flows.ingest.tally import KindTally
from transforms.errors import ContractError, DropRefusedError
from transforms.extracts.duplicates import Hashes, judge_candidates, repeated_hashes, row_hashes
from transforms.extracts.kinds import Kind
from transforms.extracts.rules import QUARANTINE_SCHEMA, add_messages, subject_of_row

# Beyond this, naming each row that repeats another takes more memory than the rows themselves.
MANY_REPEATS = 2_000_000


def settle_duplicates(tally: KindTally) -> pl.DataFrame:
    """Find rows that fall as duplicates or contradictions; enter all late rules in quarantine.

    Rows:    returns  accepted rows that fall: source_file, source_line
    Raises:  DropRefusedError if most rows are repeats, and they are too many to name each
    """
    repeated, repeats = repeated_hashes(tally.table.hashes())
    if repeats > MANY_REPEATS and repeats > tally.table.rows // 2:
        raise DropRefusedError(
            f"{tally.files[0].raw.file.name}: {repeats:,} of {tally.table.rows:,} rows of "
            f"{tally.kind.titles[1]} repeat others; was the extract delivered twice? Leave one"
        )
    late, places = tally.late(), ["source_file", "source_line"]
    fallen = QUARANTINE_SCHEMA.to_frame().select(*places, "subject_id", "rule")
    if len(repeated):
        fallen = judge_candidates(tally.kind, _candidates(tally, late, repeated))
    tally.table.forget_hashes()
    of_accepted = fallen
    if late.height:
        still = late.join(fallen, on=places, how="anti", maintain_order="left")
        told = still.select(
            *places, "rule", pl.col("blamed").alias("column"), subject_of_row(tally.kind)
        )
        _enter_quarantine(tally, told)
        of_accepted = fallen.join(late, on=places, how="anti", maintain_order="left")
    key = tally.kind.key[0] if tally.kind.key else ""
    blamed = pl.when(pl.col("rule") == "conflicting_key").then(pl.lit(key)).otherwise(pl.lit(""))
    _enter_quarantine(tally, fallen.with_columns(blamed.alias("column")))
    for file in tally.files:
        mine = of_accepted.filter(pl.col("source_file") == file.raw.file.name)
        file.quarantined += mine.height
    return of_accepted.select(places)


def _candidates(tally: KindTally, late: pl.DataFrame, repeated: Hashes) -> pl.DataFrame:
    """Collect, in the order they were read, all rows whose hash occurs more than once."""
    wanted = pl.Series(repeated)
    names = [column.name for column in tally.kind.columns] + ["source_file", "source_line"]
    found = []
    for rows in tally.table.frames(repeated):
        found.append(_with_hash(tally.kind, rows, wanted, names))
    if late.height:
        found.append(_with_hash(tally.kind, late, wanted, names))
    order = {file.raw.file.name: number for number, file in enumerate(tally.files)}
    return (
        pl.concat(found)
        .with_columns(part=pl.col("source_file").replace_strict(order, return_dtype=pl.Int32))
        .sort("part", "source_line")
        .drop("part")
    )


def _with_hash(kind: Kind, rows: pl.DataFrame, wanted: pl.Series, names: list[str]) -> pl.DataFrame:
    hashes = pl.Series(row_hashes(kind, rows))
    return rows.filter(hashes.is_in(wanted.implode())).select(names)


def _enter_quarantine(tally: KindTally, told: pl.DataFrame) -> None:
    """Add rows that have source_file, source_line, subject_id, rule and column."""
    if told.height:
        entries = add_messages(told.with_columns(kind=pl.lit(tally.kind.name)))
        tally.settled.append(entries.select(QUARANTINE_SCHEMA.names()))


def check_conservation(tally: KindTally) -> None:
    """Hold rows against accepted and quarantined rows, by two routes.

    Raises:  ContractError if a row got lost
    """
    entered = sum(frame.height for frame in tally.quarantine())
    counted = sum(file.quarantined for file in tally.files)
    rows = sum(file.rows for file in tally.files)
    if entered != counted or rows - counted != tally.table.rows:
        raise ContractError(
            f"{tally.kind.name}: {rows} rows, but {tally.table.rows} accepted, {counted} counted "
            f"out and {entered} in quarantine"
        )
