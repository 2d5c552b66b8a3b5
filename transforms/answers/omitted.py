"""Who is eligible by the facts but gets nothing this run, and why: nobody is lost silently."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from transforms.extracts.kinds import names_of_kinds
from transforms.money.entitlements import KEY
from transforms.policies.cards import PolicyCard
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, said_column, word, words_column

OMITTED_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEY, pl.String()),
    "reason": pl.String(),
    "detail": pl.String(),
    "missed_fen": pl.Int64(),
}
SHOWN_PLACES, SHOWN_POLICIES = 5, 3
NO_LOSS_RULES = ("totals_row", "not_filled_in", "duplicate_row")


def omitted_rows(
    entitlements: pl.DataFrame,
    questions: pl.DataFrame,
    quarantined: pl.DataFrame,
    titles: Mapping[str, str],
) -> pl.DataFrame:
    """Collect all that is due or may be due and is not paid by this run.

    Rows:    entitlements  of the run; questions: one per unknown provision
             quarantined   OMITTED_SCHEMA, one per party, policy and set of rows set aside
             returns       OMITTED_SCHEMA, sorted by key and reason
    Units:   fen; missed_fen of an undetermined row is what it would be were all true
    """
    decided = (_held(entitlements), _in_conflict(entitlements, titles))
    typed = [
        frame.select(pl.col(name).cast(dtype) for name, dtype in OMITTED_SCHEMA.items())
        for frame in (*decided, _undetermined(questions), quarantined)
    ]
    return pl.concat(typed).sort([*KEY, "reason", "detail"])


def _held(entitlements: pl.DataFrame) -> pl.DataFrame:
    return entitlements.filter(pl.col("status") == "held").select(
        *KEY,
        pl.lit("held").alias("reason"),
        words_column("reason").alias("detail"),
        pl.col("due_fen").alias("missed_fen"),
    )


def _in_conflict(entitlements: pl.DataFrame, titles: Mapping[str, str]) -> pl.DataFrame:
    return entitlements.filter(pl.col("status") == "conflict").select(
        *KEY,
        pl.lit("conflict").alias("reason"),
        said_column("conflict_with", policies=words_column("reason", titles)).alias("detail"),
        (pl.col("determined_fen") - pl.col("paid_before_fen")).alias("missed_fen"),
    )


def _undetermined(questions: pl.DataFrame) -> pl.DataFrame:
    said = said_column("provision_unknown", provision="title", missing="missing")
    return (
        questions.sort("provision")
        .group_by(KEY, maintain_order=True)
        .agg(said.str.join("；").alias("detail"), missed_fen=pl.col("amount_fen").max())
        .with_columns(pl.lit("undetermined").alias("reason"))
    )


def parties_with_rows_set_aside(
    quarantine: pl.DataFrame, cards: Mapping[str, PolicyCard], determinations: pl.LazyFrame
) -> pl.DataFrame:
    """Name the parties of quarantined rows, with the policies that would have read those rows.

    Rows:    quarantine      with subject_id where the row's own id was readable, else null
             cards           of the policies that ran
             returns         OMITTED_SCHEMA, one per party; policy_id and period are empty
    Holds:   only rows whose id was readable are named: the rest is listed in clerical_review.csv;
             a policy under which the party is eligible all the same is not named for it
    """
    place = said_column(
        "row_set_aside",
        kind=words_column("kind", names_of_kinds()),
        file="source_file",
        line="source_line",
        rule=words_column("rule"),
    )
    touched = (
        naming_somebody(quarantine)
        .join(readers_of(cards), on="kind", how="inner")
        .join(_served(determinations), on=["policy_id", "subject_id"], how="anti")
        .with_columns(place.alias("place"), _party_kind().alias("subject_kind"))
    )
    in_file_order = pl.col("place").sort_by("source_file", "source_line")
    places = in_file_order.unique(maintain_order=True)
    policies = pl.col("policy_title").unique().sort()
    detail = said_column(
        "rows_set_aside", rows="row_count", places="places", count="count", some="some"
    )
    return (
        touched.group_by("subject_kind", "subject_id")
        .agg(
            places.head(SHOWN_PLACES).str.join("、").alias("places"),
            places.len().alias("row_count"),
            policies.head(SHOWN_POLICIES).str.join("、").alias("some"),
            policies.len().alias("count"),
        )
        .select(
            *(pl.lit("").alias(name) for name in ("policy_id", "period")),
            *("subject_kind", "subject_id"),
            pl.col("subject_kind").alias("beneficiary_kind"),
            pl.col("subject_id").alias("beneficiary_id"),
            pl.lit("quarantined").alias("reason"),
            detail.alias("detail"),
            pl.lit(0, pl.Int64).alias("missed_fen"),
        )
    )


def naming_somebody(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows set aside that name somebody who may have lost something by it."""
    is_loss = ~pl.col("rule").is_in(NO_LOSS_RULES)
    return quarantine.filter(pl.col("subject_id").is_not_null() & is_loss)


def readers_of(cards: Mapping[str, PolicyCard]) -> pl.DataFrame:
    """List which policy reads which kind: policy_id, policy_title, kind."""
    reads = [
        (name, card.title, kind) for name, card in sorted(cards.items()) for kind in card.reads
    ]
    schema = dict.fromkeys(("policy_id", "policy_title", "kind"), pl.String)
    return pl.DataFrame(reads, schema=schema, orient="row")


def _party_kind() -> pl.Expr:
    is_person = pl.col("subject_id").str.contains("^[0-9]{17}[0-9X]$")
    # A code of digits only may look like either; a person's has a century of birth inside.
    born = pl.col("subject_id").str.slice(6, 2).is_in(["19", "20"])
    return pl.when(is_person & born).then(pl.lit("person")).otherwise(pl.lit("employer"))


def _served(determinations: pl.LazyFrame) -> pl.DataFrame:
    eligible = determinations.filter(pl.col("outcome") == "eligible")
    sides = [
        eligible.select("policy_id", pl.col(side).alias("subject_id"))
        for side in ("subject_id", "beneficiary_id")
    ]
    return pl.concat(sides).unique().collect()


def omitted_sheets(omitted: pl.DataFrame, titles: Mapping[str, str], as_of: str) -> list[Sheet]:
    """Lay the report out for people: totals first, then every line; what most money waits for
    comes first, rows set aside last."""
    is_last = pl.col("reason") == "quarantined"
    in_order = omitted.sort(is_last, -pl.col("missed_fen"), maintain_order=True)
    readable = in_order.with_columns(
        pl.col("policy_id").replace(titles).alias("policy_title"),
        *(words_column(name) for name in ("subject_kind", "beneficiary_kind", "reason")),
    )
    sums = (
        readable.group_by("policy_title", "reason")
        .agg(pl.len().cast(pl.Int64).alias("row_count"), pl.col("missed_fen").sum())
        .sort(pl.col("policy_title") == "", -pl.col("missed_fen"), "policy_title", "reason")
    )
    above = [
        Said("omitted_of", {"as_of": as_of, "rows": omitted.height}),
        Said("omitted_are"),
        Said("omitted_not_added"),
    ]
    rows = readable.select("policy_title", *OMITTED_SCHEMA).drop("policy_id")
    return [
        Sheet(word("sheet_sums"), sums, above=said_lines(above)),
        Sheet(word("sheet_rows"), rows),
    ]
