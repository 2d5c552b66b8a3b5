"""What a reviewer says of a batch's lines, read back from the workbook, and the batch after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from transforms.amounts import is_amount, yuan_column
from transforms.digest import content_digest
from transforms.errors import ContractError, DropRefusedError
from transforms.money.batches import DraftBatch, batch_name, draw_batch
from transforms.money.entitlements import KEY
from transforms.money.payees import PAYEE
from transforms.sheets.filled import ROW_NUMBER, named_rows, refuse_rows
from transforms.words import word

AGREED, HOLD, STRIKE = VERDICTS = ("verdict_agreed", "verdict_hold", "verdict_strike")
# What a line becomes that is not agreed to: a status of entitlements, and its reason.
REASONS = {HOLD: "review_hold", STRIKE: "struck_out"}
OPEN = ("verdict", "remark")
NUMBER = "number"
DESTINATION = ("holder", "account_no", "bank_name", "bank_code")


@dataclass(frozen=True)
class Reviewed:
    """A batch's lines as a reviewer left them: agreed, held, struck out; KEY and remark."""

    agreed: pl.DataFrame
    held: pl.DataFrame
    struck: pl.DataFrame

    @property
    def changes(self) -> bool:
        """Say whether anything is to be taken out of the batch."""
        return bool(self.held.height or self.struck.height)


def read_verdicts(filled: pl.DataFrame, table: pl.DataFrame, file_name: str) -> pl.DataFrame:
    """Read the verdicts of a filled-in sheet of lines, each line held against the record.

    Rows:    filled   text cells by column label, with row_number, the sheet's own
             table    the sheet as it was written, `number` counting from 1
             returns  one per line in the order of `table`: verdict (a code) and remark
    Holds:   all lines or none: what is altered, added, missing or repeated refuses the sheet
    Raises:  DropRefusedError naming the rows
    """
    labels = {name: word(name) for name in table.columns}
    missing = [label for label in labels.values() if label not in filled.columns]
    if missing:
        raise DropRefusedError(f"{file_name}: column missing: {', '.join(missing)}; restore it")
    cells = filled.select(ROW_NUMBER, *(pl.col(label).alias(n) for n, label in labels.items()))
    written = table.select(_as_written(table, name) for name in table.columns)
    read = cells.with_columns(_as_read(table, name) for name in table.columns)
    known = written.rename({name: f"{name}_written" for name in table.columns if name != NUMBER})
    both = read.join(known, on=NUMBER, how="left", maintain_order="left", validate="m:1")
    kept = [name for name in table.columns if name not in (NUMBER, *OPEN)]
    said, why = pl.col("verdict"), pl.col("remark")
    words = {word(code): code for code in VERDICTS} | {"": AGREED}
    is_known = pl.col(NUMBER).is_in(written[NUMBER].implode())
    refuse_rows(
        both,
        {
            "no line of this batch": ~is_known,
            "the same line twice": pl.col(NUMBER).is_duplicated(),
            "altered: restore the line as it came": pl.any_horizontal(
                pl.col(name).ne_missing(pl.col(f"{name}_written")) for name in kept
            ),
            f"{labels['verdict']} is none of {', '.join(filter(None, words))}": ~said.is_in(
                list(words)
            ),
            f"{labels['remark']} is missing": said.replace(words).is_in([HOLD, STRIKE])
            & (why == ""),
        },
        file_name,
    )
    absent = sorted(map(int, set(written[NUMBER]) - set(both[NUMBER])))
    if absent:
        raise DropRefusedError(
            f"{file_name}: nothing was imported; {labels[NUMBER]} {named_rows(absent)} missing: "
            "restore them as they came"
        )
    return both.sort(pl.col(NUMBER).cast(pl.Int64)).select(said.replace(words), why)


def _as_written(table: pl.DataFrame, name: str) -> pl.Expr:
    """Write a column of a sheet as a text that tells amounts to the cent and counts apart."""
    if is_amount(name):
        return yuan_column(name).alias(name)
    return pl.col(name).cast(pl.String).fill_null("").str.strip_chars()


def _as_read(table: pl.DataFrame, name: str) -> pl.Expr:
    stripped = pl.col(name).str.strip_chars()
    if is_amount(name):
        cents = stripped.cast(pl.Decimal(30, 2), strict=False)
        return pl.when(cents.is_null()).then(stripped).otherwise(cents.cast(pl.String)).alias(name)
    return stripped.alias(name)


def sort_lines(lines: pl.DataFrame, verdicts: pl.DataFrame) -> Reviewed:
    """Lay a batch's lines apart by what the reviewer said of each.

    Rows:    lines     as stored; verdicts: one per line, in the same order
    """
    said = pl.concat([lines, verdicts], how="horizontal")
    return Reviewed(*(said.filter(pl.col("verdict") == code).drop("verdict") for code in VERDICTS))


def listed(rows: pl.DataFrame, *more: str) -> list[list[str]]:
    """List lines by their keys and the reviewer's remark, as they are posted."""
    return [list(row) for row in rows.select(*KEY, "remark", *more).sort(KEY).iter_rows()]


def draw_reviewed(
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    taken_out: Mapping[tuple[str, ...], str],
    review: Mapping[str, Any],
) -> DraftBatch:
    """Draw up the batch that is left of one after its review; nothing is written.

    Rows:    manifest, frames  of the batch that was reviewed, as stored
             taken_out         per entitlement key held or struck out: its verdict
             review            of, of_digest, workbook: what it comes from
    Holds:   its lines and those taken out are the lines of the batch it comes from
    """
    lines = frames["lines"]
    codes = pl.DataFrame(
        [(*key, REASONS[verdict]) for key, verdict in sorted(taken_out.items())],
        schema=dict.fromkeys([*KEY, "reason"], pl.String()),
        orient="row",
    )
    told = lines.join(codes, on=KEY, how="left", validate="1:1").sort(KEY)
    out_fen = int(told.filter(pl.col("reason").is_not_null())["amount_fen"].sum())
    unpaid = frames["unpaid_lines"]
    due = told.select(
        *KEY,
        "determined_fen",
        "paid_before_fen",
        pl.col("amount_fen").alias("due_fen"),
        pl.when(pl.col("reason").is_null())
        .then(pl.lit("payable"))
        .otherwise(pl.lit("held"))
        .alias("status"),
        pl.col("reason").fill_null(""),
        pl.lit("").alias("cause"),
        pl.lit("").alias("cause_rows"),
    )
    names = ("run_id", "fund", "as_of", "code_version", "unconfirmed", "titles")
    identity = {
        "batch_id": batch_name(manifest["run_id"], manifest["fund"], review),
        **{name: manifest[name] for name in names},
        "came_from": review["of"],
        "review": dict(review),
    }
    drawn = draw_batch(
        identity,
        pl.concat([due.select(unpaid.columns), unpaid]),
        frames["instructions"].select(*PAYEE, *DESTINATION).unique(maintain_order=True),
        lines.select(*KEY, (pl.col("installment") - 1).alias("times")),
        manifest["funding"],
        manifest["policies"],
    )
    left_fen = drawn.manifest["control"]["amount_fen"]
    if left_fen + out_fen != manifest["control"]["amount_fen"]:
        raise ContractError(f"the review of batch {manifest['batch_id']} does not keep its sum")
    return drawn


def facts_digest(row: Mapping[str, Any], destination: Mapping[str, Any]) -> str:
    """Return the digest of what a line rests on: provisions, amount, facts, and where it is paid.

    Rows:    row          a policy's row, columns of its key left out
             destination  holder, account_no, bank_name, bank_code
    """
    facts = {name: value for name, value in row.items() if name not in KEY}
    place = {name: destination.get(name) for name in DESTINATION}
    return content_digest({name: str(value) for name, value in {**facts, **place}.items()})
