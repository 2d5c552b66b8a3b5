"""What would be determined otherwise if damaged rows were somebody's: the lines, and whose."""

from typing import Any

import polars as pl

from transforms.answers.open_questions import both_sides
from transforms.money.entitlements import KEY

ROW = ["kind", "file_digest", "line"]
PARTY = ["party_kind", "party_id"]
# What a person's own account would free.
WITHOUT_ACCOUNT = ("account_missing", "account_not_normal")
STAKES_SCHEMA: dict[str, Any] = {
    **{"kind": pl.String(), "file_digest": pl.String(), "line": pl.Int64()},
    **{"policy_id": pl.String(), "changed_count": pl.Int64(), "stake_fen": pl.Int64()},
}


def stakes_of_rows(
    supposed: pl.DataFrame,
    parties: pl.DataFrame,
    readers: pl.DataFrame,
    without: pl.DataFrame,
    given: pl.DataFrame,
) -> pl.DataFrame:
    """Say what depends on each row that was taken as somebody's.

    Rows:    supposed  ROW, person_id, employer_code (null: it names none)
             parties   person_id, PARTY: the employers and households of these persons
             readers   policy_id, kind: which policies read which rows
             without, given  determinations without and with all the rows
             returns   STAKES_SCHEMA: per row and policy whose lines differ, how many, and by what
    Units:   fen; the differences of amounts, each without its sign
    Holds:   a line that several rows touch is told in full at each of them
    """
    lines = changed_lines(without, given)
    sides = both_sides(lines, "party", "place", "policy_id")
    touched = []
    for near in _nearest_first(supposed, parties):
        met = near.join(sides, on=PARTY).join(readers, on=["policy_id", "kind"], how="semi")
        met = met.select(*ROW, "place").unique()
        touched.append(met)
        sides = sides.join(met, on="place", how="anti")
    of_rows = pl.concat(touched).join(lines, on="place")
    return _told(of_rows)


def held_for_accounts(supposed: pl.DataFrame, entitlements: pl.DataFrame) -> pl.DataFrame:
    """Say what is held for want of an account that a damaged row of accounts may give.

    Rows:    supposed  ROW, person_id; entitlements as a run has them
             returns   STAKES_SCHEMA
    Units:   fen due
    """
    waits = (pl.col("status") == "held") & pl.col("reason").is_in(WITHOUT_ACCOUNT)
    of_persons = entitlements.filter(waits & (pl.col("beneficiary_kind") == "person"))
    lines = of_persons.select("policy_id", person_id="beneficiary_id", stake_fen="due_fen")
    return _told(supposed.filter(pl.col("kind") == "accounts").join(lines, on="person_id"))


def _told(lines: pl.DataFrame) -> pl.DataFrame:
    """Add up, by row and policy, what the lines come to that depend on it."""
    told = lines.group_by(*ROW, "policy_id").agg(
        pl.len().alias("changed_count"), pl.col("stake_fen").sum()
    )
    return told.cast(pl.Schema(STAKES_SCHEMA)).sort(*ROW, "policy_id")


def changed_lines(without: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """List the lines whose outcome or amount differs.

    Rows:    returns  place, KEY, stake_fen; a line that is only there is held against an ineligible
                      one: that brings nobody anything either
    Units:   fen
    """
    both = without.join(given, on=KEY, how="full", coalesce=True, suffix="_given", validate="1:1")
    filled = both.with_columns(
        pl.col("outcome", "outcome_given").fill_null("ineligible"),
        pl.col("amount_fen", "amount_fen_given").fill_null(0),
    ).with_columns(stake_fen=(pl.col("amount_fen_given") - pl.col("amount_fen")).abs())
    differs = (pl.col("outcome") != pl.col("outcome_given")) | (pl.col("stake_fen") != 0)
    return filled.filter(differs).select(*KEY, "stake_fen").sort(KEY).with_row_index("place")


def _nearest_first(supposed: pl.DataFrame, parties: pl.DataFrame) -> list[pl.DataFrame]:
    """Give ROW and PARTY by nearness: a line is told at the rows that are nearest to it.

    The person and her household; then the employer of the row, or where it names none, those of the
    person; then those of the person.
    """
    columns = [*ROW, *PARTY]
    persons = supposed.with_columns(party_kind=pl.lit("person"), party_id="person_id")
    others = supposed.join(parties, on="person_id")
    households = others.filter(pl.col("party_kind") == "household")
    everywhere = others.filter(pl.col("party_kind") == "employer")
    there = supposed.with_columns(party_kind=pl.lit("employer"), party_id="employer_code")
    unnamed = everywhere.filter(pl.col("employer_code").is_null())
    nearness = [
        (persons, households),
        (there.filter(pl.col("employer_code").is_not_null()), unnamed),
        (everywhere,),
    ]
    return [pl.concat(frame.select(columns) for frame in frames) for frames in nearness]
