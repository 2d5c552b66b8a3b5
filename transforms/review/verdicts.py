"""What a reviewer filled in on the sheet of lines, held against the record line by line."""

import polars as pl

from transforms.amounts import is_amount, read_fen
from transforms.errors import DropRefusedError
from transforms.money.reviews import AGREED, HOLD, OPEN, STRIKE, VERDICTS
from transforms.sheets.filled import ROW_NUMBER, named_rows, refuse_rows
from transforms.words import word

NUMBER = "number"


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
    # Written as texts, amounts are told to the cent, and counts apart.
    written = table.select(pl.all().cast(pl.String).fill_null("").str.strip_chars())
    read = cells.with_columns(_as_read(cells[name]) for name in table.columns)
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
            # Who writes a reason objects: silence is no consent to pay then.
            f"{labels['verdict']} is missing": (said == "") & (why != ""),
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


def _as_read(texts: pl.Series) -> pl.Series:
    """Read a column as it is written; amounts as people write them: 2,832.08."""
    stripped = texts.str.strip_chars()
    if not is_amount(texts.name):
        return stripped
    cents = stripped.cast(pl.Decimal(30, 2), strict=False)
    fen = (cents * 100).cast(pl.Int64).fill_null(read_fen(stripped))
    return fen.cast(pl.String).fill_null(stripped)
