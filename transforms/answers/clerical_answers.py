"""The clerk's workbook as it came back: its answers as rows of the extract, or refused by row."""

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.answers.clerical import (
    ANSWER_NAMES,
    ASKED,
    DECISIONS,
    KEY_NAMES,
    LABELS,
    NUMBER,
    OPEN_NAMES,
    OWN,
    ROWS,
    ROWS_SHOWN,
    SHOWN,
    question_numbers,
)
from transforms.errors import DropRefusedError
from transforms.extracts.dates import read_dates
from transforms.extracts.kinds import heading
from transforms.sheets.filled import refuse_rows, without_codes

ALTERED = {
    "its number was altered, or is of a workbook by a version of before: restore it, or fill in "
    "the workbook of a new run": pl.col("code").is_null(),
    "altered: restore the line as it came": pl.col("code") != pl.col("is_code"),
}


def decided_lines(
    filled: pl.DataFrame, rows: pl.DataFrame, file_name: str, given: Mapping[str, str]
) -> pl.DataFrame:
    """Turn a filled-in workbook into rows of the extract; the whole file or nothing.

    Rows:    filled   the sheet of questions, text cells by heading, with row_number, the sheet's
             rows     the sheet of the rows that they ask about
             given    decided_by, for lines that do not say it
             returns  the extract's columns, and question_no
    Raises:  DropRefusedError naming the lines that are unchanged, incomplete, altered or repeated
    """
    read, about = _read_back(filled, SHOWN), _read_back(rows, ROWS_SHOWN)
    keyed = about.join(read.select("question_no"), on="question_no", how="semi")
    numbers = question_numbers(keyed, "question_no")
    whole = numbers.filter(pl.col("question_no") == pl.col("number"))["question_no"]
    days = read_dates(read["decided_on"])
    is_empty = pl.all_horizontal(pl.col(name) == "" for name in ANSWER_NAMES)
    faults = {
        "unchanged: decide them, or delete the lines": is_empty,
        **ALTERED,
        f"its number, or one of its rows in sheet {ROWS}, was altered: restore them as they came": (
            ~pl.col("question_no").is_in(whole.implode())
        ),
        "裁定 is neither 是 nor 否": ~pl.col("decision").is_in(DECISIONS),
        "裁定人 is empty": (pl.col("decided_by") == "") & (not given.get("decided_by")),
        "裁定日期 is no date": pl.lit(days).is_null(),
        "the same line twice": pl.col("question_no").is_duplicated(),
    }
    refuse_rows(read, faults, file_name)
    is_told = pl.col("own") != ""
    own = {
        f"{OWN} in sheet {ROWS} is neither 是 nor 否": ~pl.col("own").is_in([*DECISIONS, ""]),
        f"{OWN} in sheet {ROWS} of a question that sheet {ASKED} has no more: restore its line": (
            is_told & ~pl.col("question_no").is_in(read["question_no"].implode())
        ),
        **{f"in sheet {ROWS}, {said}": is_told & fault for said, fault in ALTERED.items()},
    }
    refuse_rows(about, own, file_name)
    if not read.height:
        raise DropRefusedError(f"{file_name}: no line is left; there is nothing to import")
    answers = read.with_columns(days.alias("decided_on")).select("question_no", *OPEN_NAMES)
    decided = keyed.select("question_no", *KEY_NAMES, "own").join(answers, on="question_no")
    decision = pl.when(pl.col("own") == "").then("decision").otherwise("own")
    return decided.with_columns(decision.alias("decision")).select("question_no", *LABELS)


def _read_back(filled: pl.DataFrame, shown: Sequence[str]) -> pl.DataFrame:
    """Name a sheet's columns, and take the digest off its numbers: `code`, `is_code` as it is."""
    names = {LABELS.get(name) or heading(name): name for name in (*shown, *OPEN_NAMES)}
    names |= {NUMBER: "question_no", OWN: "own"}
    read = filled.with_columns(pl.col(pl.String).str.strip_chars()).rename(names, strict=False)
    return without_codes(read, shown)
