"""Who a person is: what a clerk is asked of ids in doubt, and what the lists say of them."""

import polars as pl

from transforms.answers.open_questions import BOTH, QUESTION_SCHEMA, SAME_PERSON
from transforms.extracts.dates import ALL_PERIODS
from transforms.money.entitlements import KEY
from transforms.money.identity import DECIDED, doubt_words
from transforms.money.payees import IDENTITY_CONFLICT
from transforms.words import said_column, word

# One question per pair, whatever lines wait for it: a later answer of the same clerk replaces it.
IDENTITY = "identity"


def held_in_doubt(entitlements: pl.DataFrame) -> pl.DataFrame:
    """Return the entitlements that are held because it is in doubt who a person is."""
    return entitlements.filter(
        (pl.col("status") == "held") & (pl.col("reason") == IDENTITY_CONFLICT)
    )


def identity_questions(doubts: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Ask of each doubt that holds money whether it is one person.

    Rows:    doubts   one per person, doubt and other id; held: the entitlements that they hold
             returns  one per two ids, or per id that may be two persons; the questions' columns
    Units:   amount_fen is what waits for the answer
    """
    sides = [
        held.with_row_index("line").select("line", "due_fen", pl.col(side).alias("person_id"))
        for side in ("subject_id", "beneficiary_id")
    ]
    open_ones = doubts.filter(~pl.col("doubt").is_in(DECIDED))
    asked = open_ones.with_columns(
        doubt_words(open_ones, "zh").alias("told"),
        pl.min_horizontal("person_id", "other_id").alias("subject_id"),
        pl.max_horizontal("person_id", "other_id").alias("beneficiary_id"),
    )
    of_lines = asked.join(pl.concat(sides).unique(), on="person_id").sort("person_id", "line")
    pairs = of_lines.unique(["subject_id", "beneficiary_id", "line"], keep="first")
    one = pairs.group_by("subject_id", "beneficiary_id", maintain_order=True).agg(
        pl.col("told").first(), pl.len().alias("lines"), pl.col("due_fen").sum()
    )
    is_one_id = pl.col("subject_id") == pl.col("beneficiary_id")
    texts = {
        "policy_id": IDENTITY,
        "period": ALL_PERIODS,
        "subject_kind": "person",
        "beneficiary_kind": "person",
        "provision": SAME_PERSON,
        "clause": word("same_person_clause"),
        "about": BOTH,
    }
    return (
        one.select(
            "subject_id",
            "beneficiary_id",
            *(pl.lit(text).alias(name) for name, text in texts.items()),
            pl.when(is_one_id)
            .then(pl.lit(word("rows_are_one_persons")))
            .otherwise(pl.lit(word("ids_are_one_persons")))
            .alias("title"),
            said_column("lines_wait", told="told", lines="lines").alias("missing"),
            pl.col("due_fen").alias("amount_fen"),
            pl.concat_str("subject_id", "beneficiary_id", separator="|").alias("fact"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in QUESTION_SCHEMA.items())
        .sort(KEY)
    )


def with_doubts(omitted: pl.DataFrame, doubts: pl.DataFrame) -> pl.DataFrame:
    """Add to what is held for it what the doubt is.

    Rows:    omitted  one per line that gets nothing; returns the same
    """
    told = doubts.select("person_id", doubt_words(doubts, "zh").alias("told"))
    said = told.group_by("person_id").agg(pl.col("told").sort().str.join("；"))
    for side in ("subject", "beneficiary"):
        named = said.rename({"person_id": f"{side}_id", "told": f"{side}_told"})
        omitted = omitted.join(
            named, on=f"{side}_id", how="left", validate="m:1", maintain_order="left"
        )
    both = pl.concat_str("detail", pl.coalesce("subject_told", "beneficiary_told"), separator="：")
    in_doubt = pl.col("detail") == word(IDENTITY_CONFLICT)
    detail = pl.when(in_doubt).then(pl.coalesce(both, "detail")).otherwise("detail")
    return omitted.with_columns(detail).drop("subject_told", "beneficiary_told")
