"""Who are they? Ids in doubt that money is about, and what both of them were paid."""

from pathlib import Path

import polars as pl

from flows.money.twice import takes_up
from flows.store import Home
from sql import Connection, policy_cards, run_sql, show_frame
from sql.matching import clerical_links
from sql.texts import FOLDER, exclusions
from transforms.extracts.links import DAMAGED_ID, unanswered
from transforms.money.books import Books
from transforms.money.entitlements import FINDING_COLUMNS, money_finding
from transforms.money.exclusion_file import rivals_of
from transforms.money.exclusions import ROW
from transforms.money.identity import DOUBT_SCHEMA, GONE, STANDING, with_causes

PAIRS, CONFLICTS = "money/one_person_pairs.sql", "money/identity_conflicts.sql"
BOTH_PAID, IDS_GONE = "money/paid_of_one_person.sql", "money/linked_ids_gone.sql"
NAMES = "names_differ"
SET_ASIDE = ["kind", "source_file", "source_line", "rule", "subject_id"]
# More likely than not: a clerk is asked of each row; signers read of those alone.
LIKELY_PPM = 500_000


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
    doubts = run_sql(connection, CONFLICTS, {}).cast(DOUBT_SCHEMA)
    # The stored rules of an earlier night may not ask which of two ids is left.
    if doubts["doubt"].is_in(["clerk_linked"]).any() and (FOLDER / IDS_GONE).is_file():
        gone = run_sql(connection, IDS_GONE, {}).with_columns(is_gone=True)
        doubts = doubts.join(gone, on=["person_id", "other_id"], how="left", validate="m:1")
        said = pl.when("is_gone").then(pl.lit(GONE)).otherwise(pl.lit(STANDING))
        is_linked = pl.col("doubt") == "clerk_linked"
        doubts = doubts.with_columns(
            pl.when(is_linked).then(said).otherwise("doubt").alias("doubt")
        )
    return with_causes(doubts.select(DOUBT_SCHEMA.names()))


def held_by_identity(
    connection: Connection, waiting: pl.DataFrame, paid: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """List the rows of money that a doubt holds, those paid under another id, and these doubts.

    Of two ids that a clerk links only one may be left in the extracts: then only what was paid
    under the other is held, by any row that would pay it again.

    Rows:    waiting  those that would be paid; paid: the lines that stand, or are signed
             returns  rows of waiting, twice; DOUBT_SCHEMA and cause
    Source:  rulebook §4.6
    """
    doubts = identity_conflicts(connection, waiting)
    is_left = pl.col("doubt") == GONE
    held_ids = doubts.filter(~is_left)["person_id"].unique().implode()
    left_ids = doubts.filter(is_left)["person_id"].unique().implode()
    about = pl.any_horizontal(pl.col("subject_id", "beneficiary_id").is_in(held_ids))
    about |= pl.col("beneficiary_id").is_in(left_ids) & (
        pl.col("beneficiary_id") != pl.col("subject_id")
    )
    held = waiting.filter(about)
    left = waiting.filter(pl.col("subject_id").is_in(left_ids) & ~about)
    others = doubts.filter(is_left).select(subject_id="person_id", other_id="other_id")
    back = paid.filter(pl.col("amount_fen") > 0).rename({"subject_id": "other_id"})
    met = left.join(others.unique(), on="subject_id").join(
        back, on=["subject_kind", "other_id"], suffix="_back"
    )
    paid_before = left.join(met.filter(takes_up()), on=ROW, how="semi")
    rows = pl.concat([held, paid_before])
    ids = pl.concat([rows["subject_id"], rows["beneficiary_id"]]).unique().implode()
    return held, paid_before, doubts.filter(pl.col("person_id").is_in(ids))


def rows_set_aside(connection: Connection, run: Path, quarantine: Path) -> pl.DataFrame:
    """List the quarantined rows with whom they are about; of a damaged id, who it likely is.

    Rows:    run      its folder, which has the damaged rows and their candidates, if any
             returns  kind, source_file, source_line, rule, subject_id
    Holds:   a row that clerks called nobody's speaks against nobody
    """
    listed = pl.read_parquet(quarantine).select(SET_ASIDE)
    damaged, candidates = run / "damaged_rows.parquet", run / "identity_candidates.parquet"
    if not (damaged.is_file() and candidates.is_file()):
        return listed
    waiting = unanswered(pl.read_parquet(damaged), clerical_links(connection))
    likely = pl.read_parquet(candidates).filter(rank=1)
    likely = likely.filter(pl.col("probability_ppm") >= LIKELY_PPM)
    row = ["kind", "file_digest", "line"]
    told = waiting.join(likely.select(*row, "person_id"), on=row, how="inner", validate="1:1")
    renamed = told.select(
        *("kind", "source_file"),
        pl.col("line").alias("source_line"),
        pl.lit(DAMAGED_ID).alias("rule"),
        pl.col("person_id").alias("subject_id"),
    )
    return pl.concat([listed, renamed.cast(listed.schema)])


def units_then(
    home: Home, books: Books, unpaid: pl.DataFrame, entries: pl.DataFrame
) -> pl.DataFrame:
    """List the insured units that employers had in the nights whose money stands no more.

    Rows:    unpaid   rows of a night that are not paid; entries: of the ledger
             returns  employer_code, unit_no; none of a snapshot that is not kept here
    """
    gone = unpaid.filter(status="unsupported", beneficiary_kind="employer", determined_fen=0)
    paid = entries.join(gone, on="beneficiary_id", how="semi")["batch_id"].unique().sort()
    runs = {books.batches[batch].run_id for batch in paid if batch in books.batches}
    found = [pl.DataFrame(schema=dict.fromkeys(("employer_code", "unit_no"), pl.String))]
    for snapshot in sorted({books.runs[run]["snapshot_id"] for run in runs}):
        path = home.snapshots / snapshot / "tables" / "insured_units.parquet"
        if path.is_file():
            units = pl.scan_parquet(path).select(found[0].columns)
            codes = gone["beneficiary_id"].unique().to_list()
            found.append(units.filter(pl.col("employer_code").is_in(codes)).collect())
    return pl.concat(found).unique().sort(pl.all())


def paired_policies(form: str = "") -> list[str]:
    """Name each policy with itself, and with those that exclude it: by one form, or by any."""
    pairs = [(one, rivals_of(one, exclusions(), form)) for one in policy_cards()]
    return [f"{one} {other}" for one, others in pairs for other in sorted(others)]


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
    limited = [name for name, card in policy_cards().items() if card.limit is not None]
    show_frame(connection, "paid_rows", paid.filter(pl.col("amount_fen") > 0))
    values = {"rivals": paired_policies(), "limited_policies": limited}
    told = run_sql(connection, BOTH_PAID, values)
    return money_finding(
        told.with_columns(pl.concat_str("period", pl.lit("; "), "other").alias("period")),
        "paid_under_two_ids",
        "a clerk says that two ids are one person, and money was paid for both; a clerk decides "
        "what is asked back",
    )
