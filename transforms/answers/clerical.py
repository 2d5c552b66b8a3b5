"""The clerk's workbook: what is not known or contradicts itself goes out, decisions come back.

Its first columns are those of the extract clerical_decisions, so that what a clerk fills in becomes
the next drop's 人工裁定.csv. A check code per line tells whether the line's key was altered.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from transforms.answers.open_questions import KEY
from transforms.digest import text_digest
from transforms.errors import DropRefusedError
from transforms.extracts.dates import read_dates
from transforms.extracts.kinds import KINDS
from transforms.money.objections import OBJECTION
from transforms.sheets.filled import refuse_rows
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, said_column, word, words_column

KIND = KINDS["clerical_decisions"]
NAMES = [column.name for column in KIND.columns]
LABELS = {column.name: column.labels[1] for column in KIND.columns} | {
    "subject_id": "主体代码",
    "decided_by": "裁定人",
    "decided_on": "裁定日期",
    "document_no": "文号",
}
KEY_NAMES = ["policy_id", "period", "subject_id", "beneficiary_id", "provision"]
ANSWER_NAMES = ["decision", "decided_by", "decided_on"]
OPEN_NAMES = [*ANSWER_NAMES, "document_no"]
DECISIONS = ("是", "否")
CHECK = word("check_code")
CONFLICT = "conflict"
RECOVERY, KEPT = "recovery", "clerk_kept"
CODE_LENGTH = 12
SHOWN_NUMBERS = 20


def conflict_questions(entitlements: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    """Ask of each conflicting line whether it may stand.

    Rows:    one per entitlement with status conflict, with the questions' columns
    """
    return entitlements.filter(pl.col("status") == CONFLICT).select(
        *KEY,
        pl.lit(CONFLICT).alias("provision"),
        pl.lit(word(CONFLICT)).alias("title"),
        pl.lit(word("once_a_month")).alias("clause"),
        said_column("excluded_by", policies=words_column("reason", titles)).alias("missing"),
        pl.col("determined_fen").alias("amount_fen"),
    )


def recovery_questions(entitlements: pl.DataFrame) -> pl.DataFrame:
    """Ask of each unsupported line whether the money is to be asked back.

    Rows:    one per entitlement with status unsupported, with the questions' columns
    Units:   amount_fen is what would be asked back
    """
    is_open = (pl.col("status") == "unsupported") & (pl.col("cause") != KEPT)
    return entitlements.filter(is_open).select(
        *KEY,
        pl.lit(RECOVERY).alias("provision"),
        pl.lit(word(RECOVERY)).alias("title"),
        pl.lit(word("recovery_clause")).alias("clause"),
        said_column("cause_at", cause=words_column("cause"), places="cause_rows").alias("missing"),
        (pl.col("paid_before_fen") - pl.col("determined_fen")).alias("amount_fen"),
    )


def objection_questions(weighed: pl.DataFrame) -> pl.DataFrame:
    """Ask of each line objected to, and not decided yet, whether the objection is upheld.

    Rows:    weighed  the night's objections; returns  one per line, with the questions' columns
    """
    pending = pl.col("is_holding") & pl.col("decision").is_null() & pl.col("outcome").is_not_null()
    asked = weighed.filter(pending).sort("objection_id").unique(KEY, keep="first")
    return asked.select(
        *KEY,
        pl.lit(OBJECTION).alias("provision"),
        pl.lit(word(OBJECTION)).alias("title"),
        pl.lit(word("objection_clause")).alias("clause"),
        said_column("objection_says", reason="objection_reason").alias("missing"),
        "amount_fen",
    )


def clerical_sheet(questions: pl.DataFrame, titles: Mapping[str, str], as_of: str) -> Sheet:
    """Lay out the workbook's sheet: key, cells to fill in, and what the clerk needs to decide.

    Rows:    questions  one per unknown provision or conflicting line
    Holds:   conflicting lines of one person and month stand together
    """
    is_conflict = pl.col("provision") == CONFLICT
    asked = questions.sort(
        is_conflict,
        pl.when(is_conflict).then(pl.concat_str("subject_id", "period")).otherwise(pl.lit("")),
        *KEY,
        "provision",
    )
    checks = [check_code(row) for row in asked.select(KEY_NAMES).iter_rows()]
    question = (
        pl.when(is_conflict)
        .then(pl.lit(word("may_row_stand")))
        .when(pl.col("provision") == RECOVERY)
        .then(pl.lit(word("is_it_recovered")))
        .when(pl.col("provision") == OBJECTION)
        .then(pl.lit(word("is_it_upheld")))
        .otherwise(said_column("does_provision_hold", provision="title"))
    )
    frame = asked.select(
        *(
            pl.lit("").alias(LABELS[name])
            if name in OPEN_NAMES
            else pl.col(name).alias(LABELS[name])
            for name in NAMES
        ),
        pl.col("policy_id").replace(titles).alias("policy_name"),
        question.alias("question"),
        "missing",
        pl.col("clause").alias("basis"),
        "amount_fen",
        pl.Series("check_code", checks, pl.String),
    )
    above = [
        Said("clerical_how", {"as_of": as_of, "rows": frame.height}),
        Said("clerical_then"),
    ]
    return Sheet(
        title=KIND.titles[1],
        frame=frame,
        above=said_lines(above),
        open_columns=[LABELS[name] for name in OPEN_NAMES],
        choices={LABELS["decision"]: DECISIONS},
    )


def check_code(cells: Sequence[str]) -> str:
    """Return the code of a line's key: it tells a slip of the hand, it is no signature.

    >>> check_code(["stability_refund", "2020", "A", "A", "s5_is_enterprise"])
    '5539e2122904'
    """
    return text_digest("|".join(cells))[:CODE_LENGTH]


def decided_lines(filled: pl.DataFrame, file_name: str, given: Mapping[str, str]) -> pl.DataFrame:
    """Turn a filled-in sheet into the extract clerical_decisions; the whole file or nothing.

    Rows:    filled   text cells by column label, with row_number, the sheet's own
             given    decided_by, for lines that do not say it
             returns  one per line, with the extract's columns and labels
    Raises:  DropRefusedError naming the rows that are unchanged, incomplete, altered or repeated
    """
    missing = [label for label in (*LABELS.values(), CHECK) if label not in filled.columns]
    if missing:
        raise DropRefusedError(f"{file_name}: column missing: {', '.join(missing)}; restore it")
    cells = filled.with_columns(pl.col(pl.String).str.strip_chars())
    read = cells.rename({label: name for name, label in LABELS.items()})
    days = read_dates(read["decided_on"])
    codes = pl.Series(
        [check_code(row) for row in read.select(KEY_NAMES).iter_rows()], dtype=pl.String
    )
    is_empty = pl.all_horizontal(pl.col(name) == "" for name in ANSWER_NAMES)
    faults = {
        "unchanged: decide them, or delete the lines": is_empty,
        "key cells or check code altered: restore the line as it came": pl.lit(codes)
        != pl.col(CHECK),
        "裁定 is neither 是 nor 否": ~pl.col("decision").is_in(DECISIONS),
        "裁定人 is empty": (pl.col("decided_by") == "") & (not given.get("decided_by")),
        "裁定日期 is no date": pl.lit(days).is_null(),
        "the same line twice": pl.struct(KEY_NAMES).is_duplicated(),
    }
    refuse_rows(read, faults, file_name)
    if not read.height:
        raise DropRefusedError(f"{file_name}: no line is left; there is nothing to import")
    return read.with_columns(days.alias("decided_on")).select(NAMES)
