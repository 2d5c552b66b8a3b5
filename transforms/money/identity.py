"""Two ids that may be one person, one id that may be two: what speaks for it, in words."""

import polars as pl

from transforms.words import Language, Said, worded

DOUBT_SCHEMA = pl.Schema(dict.fromkeys(("person_id", "other_id", "doubt", "evidence"), pl.String()))
# Of two ids that a clerk linked: both stand in tonight's extracts, or the other one no more.
STANDING, GONE = "linked_both_stand", "linked_other_gone"
# What a clerk said already is asked no more.
DECIDED = ("clerk_linked", STANDING, GONE, "clerk_parted")


def doubt_words(doubts: pl.DataFrame, language: Language) -> pl.Series:
    """Word each doubt as a sentence, with the other id and what speaks for it."""
    told = []
    for other, doubt, evidence in doubts.select("other_id", "doubt", "evidence").iter_rows():
        values = {"other": other, "evidence": evidence.split(",")}
        told.append(worded(Said(doubt, values), language))
    return pl.Series(told, dtype=pl.String)


def with_causes(doubts: pl.DataFrame) -> pl.DataFrame:
    """Add to each doubt its cause, in the words of findings."""
    return doubts.with_columns(doubt_words(doubts, "en").alias("cause"))
