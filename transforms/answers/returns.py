"""What goes back to a supplier: its rows that fell out, why, how to mend them, and the trend.

It leaves the house: of columns about persons it shows no value, the file and line say which.
"""

from collections.abc import Collection, Mapping

import polars as pl

from transforms.extracts.kinds import COLUMNS, KINDS, names_of_kinds
from transforms.extracts.rules import RULES
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, word, words_column

# A totals row and a form that nobody filled in are no errors.
ERRORS = tuple(rule for rule in RULES if rule not in ("", "totals_row", "not_filled_in"))
MOST_LINES = 10_000
# In a column that took another's cells, what looks like an id or an account is not shown either.
LONG_NUMBER = "[0-9０-９]{11}"
PLACE = ["source_file", "source_line", "column"]


def errors_of(
    quarantine: pl.LazyFrame, suppliers: Mapping[str, str], shared: Collection[str]
) -> pl.LazyFrame:
    """Keep the rows that fell out of suppliers' files.

    Rows:    suppliers  who delivered a file, by its name
             shared     kinds of several suppliers: what one says as another does is no error of it
             returns    the quarantine's, with supplier
    """
    owned = quarantine.filter(pl.col("source_file").is_in(list(suppliers)))
    named = pl.col("source_file").replace_strict(dict(suppliers), default="").alias("supplier")
    again = (pl.col("rule") == "duplicate_row") & pl.col("kind").is_in(list(shared))
    return owned.filter(pl.col("rule").is_in(ERRORS) & ~again).with_columns(named)


def may_be_shown(errors: pl.DataFrame) -> pl.DataFrame:
    """Keep the cells of which a supplier outside may be shown what stood there."""
    open_columns = [name for name, column in COLUMNS.items() if column.personal == "none"]
    return errors.filter(pl.col("column").is_in(open_columns)).select("kind", *PLACE)


def return_sheets(
    supplier: str, errors: pl.DataFrame, stood: pl.DataFrame, counted: pl.DataFrame, as_of: str
) -> list[Sheet]:
    """Lay out one supplier's workbook: the rows that fell out, then their count night by night.

    Rows:    errors   the supplier's, in the order of their places, cut at MOST_LINES
             stood    PLACE and `stood`, where it is known and may be shown
             counted  as_of, supplier, rule, rows of the last nights; rule "": what was delivered
    """
    mine = counted.filter(pl.col("supplier") == supplier)
    tonight = mine.filter((pl.col("as_of") == as_of) & (pl.col("rule") != ""))["rows"].sum()
    shown = pl.when(pl.col("stood").str.contains(LONG_NUMBER)).then(None).otherwise("stood")
    listed = errors.join(stood, on=PLACE, how="left", validate="m:1", maintain_order="left")
    frame = listed.select(
        # Where two suppliers name a file alike, each knows its own by the name it gave.
        pl.col("source_file").str.strip_prefix(f"{supplier}-"),
        pl.col("source_line").alias("line"),
        pl.col("kind").replace(names_of_kinds()).alias("kind_of_extract"),
        pl.struct("kind", "column").map_elements(_heading, pl.String).alias("heading"),
        pl.when(pl.col("column") == "")
        .then(pl.lit(""))
        .otherwise(shown.fill_null(word("see_own_file")))
        .alias("stood"),
        words_column("rule").alias("problem"),
        pl.col("rule")
        .replace_strict({rule: word(f"mend_{rule}") for rule in ERRORS})
        .alias("mend"),
    )
    above = [
        Said("returns_of", {"supplier": supplier, "as_of": as_of, "rows": tonight}),
        Said("returns_cut", {"rows": frame.height}) if tonight > frame.height else None,
        Said("returns_how"),
    ]
    trend = _trend(mine)
    return [
        Sheet(title=word("sheet_returns"), frame=frame, above=said_lines([a for a in above if a])),
        Sheet(title=word("sheet_trend"), frame=trend, above=said_lines([Said("returns_trend")])),
    ]


def _heading(cell: Mapping[str, str]) -> str:
    column = KINDS[cell["kind"]].column_named.get(cell["column"])
    # Which of them the supplier's file has is not kept.
    return " / ".join(column.labels[1:] or column.labels) if column else ""


def _trend(mine: pl.DataFrame) -> pl.DataFrame:
    """Lay out the counts: a night a line, the newest first; a rule a column."""
    rules = [rule for rule in ERRORS if rule in set(mine["rule"])]

    def rows_where(said: pl.Expr) -> pl.Expr:
        return pl.col("rows").filter(said).sum()

    return (
        mine.group_by("as_of")
        .agg(
            rows_where(pl.col("rule") == "").alias("row_count"),
            rows_where(pl.col("rule") != "").alias("error_count"),
            *(rows_where(pl.col("rule") == rule).alias(rule) for rule in rules),
        )
        .sort("as_of", descending=True)
    )
