"""Who are they? Ids in doubt that money is about, and what both of them were paid."""

import polars as pl

from sql import Connection, policy_cards, run_sql, show_frame
from sql.texts import FOLDER, exclusions
from transforms.money.entitlements import FINDING_COLUMNS, money_finding
from transforms.money.exclusion_file import rivals_of
from transforms.money.identity import DOUBT_SCHEMA, with_causes

PAIRS, CONFLICTS = "money/one_person_pairs.sql", "money/identity_conflicts.sql"
BOTH_PAID = "money/paid_of_one_person.sql"
NAMES = "names_differ"


def identity_conflicts(connection: Connection, waiting: pl.DataFrame) -> pl.DataFrame:
    """List the doubts of who the persons are that some rows of money are about.

    Rows:    returns  DOUBT_SCHEMA and cause, one per person, doubt and other id
    Source:  rulebook §4.6
    """
    roles = [
        waiting.filter(pl.col(f"{role}_kind") == "person").select(person_id=f"{role}_id")
        for role in ("subject", "beneficiary")
    ]
    concerned = pl.concat(roles).unique().sort("person_id")
    show_frame(connection, "concerned_persons", concerned)
    if not (FOLDER / PAIRS).is_file():
        # The stored rules of a night before there were pairs: they give the cause in words.
        told = run_sql(connection, CONFLICTS, {})
        known = {"other_id": pl.col("person_id"), "doubt": pl.lit(NAMES), "evidence": pl.lit(NAMES)}
        return told.select("person_id", **known, cause="cause")
    show_frame(connection, "one_person_pairs", run_sql(connection, PAIRS, {}))
    return with_causes(run_sql(connection, CONFLICTS, {}).cast(DOUBT_SCHEMA))


def paid_of_one_person(connection: Connection, paid: pl.DataFrame) -> pl.DataFrame:
    """Find money that stands under two ids of one person, as a clerk says.

    Rows:    paid     one per line that stands, with its amount_fen
             returns  findings, one per id, policy, other policy and periods
    Units:   fen
    Source:  rulebook §4.6
    """
    schema = dict.fromkeys(FINDING_COLUMNS, pl.String())
    if not (FOLDER / BOTH_PAID).is_file():
        # The stored rules of a night before this was asked.
        return pl.DataFrame(schema=schema)
    cards = policy_cards()
    rivals = [f"{one} {other}" for one in cards for other in sorted(rivals_of(one, exclusions()))]
    limited = [name for name, card in cards.items() if card.limit is not None]
    show_frame(connection, "paid_rows", paid.filter(pl.col("amount_fen") > 0))
    told = run_sql(connection, BOTH_PAID, {"rivals": rivals, "limited_policies": limited})
    return money_finding(
        told.with_columns(pl.concat_str("period", pl.lit("; "), "other").alias("period")),
        "paid_under_two_ids",
        "a clerk says that two ids are one person, and money was paid for both; a clerk decides "
        "what is asked back",
    )
