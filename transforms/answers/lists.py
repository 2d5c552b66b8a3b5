"""Lists for the bureaus: who is entitled to a relief or a referral, with the clause.

Nothing is paid for these. A list leaves the bureau that runs this, so persons and households are
masked in it; the same numbers stand in the unmasked list that stays inside.
"""

import polars as pl

from transforms.masking import masked_household, masked_name, masked_person_id
from transforms.policies.cards import PolicyCard
from transforms.sheets.workbook import Sheet, said_lines
from transforms.words import Said, word, words_column

IDENTIFIER, NAME = "identifier", "subject_name"
PERSONAL_KINDS = ("person", "household")


def listed_subjects(card: PolicyCard, determinations: pl.DataFrame) -> pl.DataFrame:
    """Return the eligible rows of one policy: subject and amount, in the order of the list."""
    return (
        determinations.filter(
            (pl.col("policy_id") == card.policy_id) & (pl.col("outcome") == "eligible")
        )
        .select("period", "subject_kind", "subject_id", "amount_fen")
        .sort("period", "subject_kind", "subject_id")
    )


def list_of(card: PolicyCard, listed: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Lay out a policy's list, unmasked.

    Rows:    listed   one per subject of the policy
             names    subject_kind, subject_id, subject_name; at most one per subject
             returns  one per listed row, numbered in its order
    """
    named = listed.join(
        names,
        on=["subject_kind", "subject_id"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    return named.select(
        pl.int_range(1, pl.len() + 1).alias("number"),
        "period",
        words_column("subject_kind"),
        pl.col("subject_id").alias(IDENTIFIER),
        pl.col("subject_name").fill_null("").alias(NAME),
        *([pl.col("amount_fen").alias("relief_fen")] if card.kind == "relief" else []),
        pl.lit(card.authority).alias("authority"),
        pl.lit(card.clause).alias("clause"),
        pl.lit(card.bureau).alias("bureau"),
    )


def has_persons(card: PolicyCard) -> bool:
    """Say whether a policy's list names persons or households."""
    return card.subject in PERSONAL_KINDS


def masked_list(card: PolicyCard, rows: pl.DataFrame) -> pl.DataFrame:
    """Mask the persons or households of a list; employers stay, their register is public.

    Holds:   the numbers are the same as in the unmasked list
    """
    if not has_persons(card):
        return rows
    if card.subject == "household":
        # The names of its members would name the household.
        return rows.with_columns(
            masked_household(IDENTIFIER).alias(IDENTIFIER), pl.lit("").alias(NAME)
        )
    return rows.with_columns(
        masked_person_id(IDENTIFIER).alias(IDENTIFIER),
        pl.when(pl.col(NAME) == "").then(pl.lit("")).otherwise(masked_name(NAME)).alias(NAME),
    )


def list_sheet(card: PolicyCard, rows: pl.DataFrame, as_of: str, *, is_masked: bool) -> Sheet:
    """Head a list with what it is, for whom, by which clause, and whether it may leave."""
    if not has_persons(card):
        handling = "list_of_employers"
    else:
        handling = "list_masked" if is_masked else "list_internal"
    what = {"policy": card.title, "as_of": as_of, "rows": rows.height}
    above = [
        Said("list_of", what),
        Said("list_by", {"bureau": card.bureau, "authority": card.authority}),
        Said("list_clause", {"clause": card.clause}),
        Said(handling),
    ]
    return Sheet(
        title=word("sheet_list"),
        frame=rows.drop("authority", "clause", "bureau"),
        above=said_lines(above),
    )
