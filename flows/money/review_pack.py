"""What the reviewers of a batch get beside its signed record: collected here, computed purely."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from flows.money.ledger_store import open_ledger
from flows.money.reviewed import read_reviewed
from flows.store import Home, read_manifest
from sql import (
    Connection,
    DatabaseError,
    connect,
    policy_cards,
    register_frame,
    register_tables,
    run_sql,
    show_frame,
)
from transforms.errors import DigestDiffersError
from transforms.money.batches import LINE_SCHEMA
from transforms.money.books import Books
from transforms.money.entitlements import KEY
from transforms.money.ledger import PAID_KINDS
from transforms.money.payees import PAYEE
from transforms.money.postings import Posting
from transforms.policies.cards import month_of
from transforms.review.comparison import last_paid
from transforms.review.doubts import DOUBT_SCHEMA, DOUBTS
from transforms.review.page import review_page
from transforms.review.review import Review
from transforms.review.sampling import draw_sample
from transforms.review.workbook import review_workbook

PARTY_QUESTIONS = ("subject_names", "divisions")
PARTY = ["subject_kind", "subject_id"]


@dataclass(frozen=True)
class Past:
    """What a home knew before a batch was drawn up."""

    last: dict[str, Any] | None
    last_snapshot: str
    entries: pl.DataFrame


def review_files(
    home: Home,
    books: Books,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    digest: str,
) -> dict[str, bytes]:
    """Make the files a reviewer gets of a batch, by their names.

    Rows:    books     the ledger as it stood when the batch was drawn up
             manifest  the batch's own, without its files; digest: that of the signed record
             frames    instructions, lines, unpaid_lines as stored
    Holds:   the same home at the same position of its ledger gives the same bytes
    """
    review = read_review(home, manifest, frames, digest)
    page = review_page(read_reviewed(home, books, review))
    return {"review.xlsx": review_workbook(review), "review.html": page.encode()}


def read_review(
    home: Home,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    digest: str,
) -> Review:
    """Collect what a batch is reviewed by: its run, the snapshot, and what came before it.

    Rows:    frames  instructions, lines, unpaid_lines
    Holds:   nothing that happened after the batch was drawn up is read: the same on any day
    """
    past = _past_of(home, manifest)
    with _readable(manifest["run_id"]), closing(_open_snapshot(home, manifest)) as connection:
        determined = _determinations(home, manifest)
        sample = draw_sample(determined, frames["lines"], frames["unpaid_lines"], digest)
        last_lines = _lines_of(home, past.last)
        parties = _parties(connection, [*frames.values(), sample, last_lines])
        return Review(
            manifest=manifest,
            digest=digest,
            **frames,
            parties=parties,
            last=past.last,
            last_lines=last_lines,
            paid=last_paid(past.entries),
            delivered=_accounts_before(home, past.last_snapshot),
            doubts=_doubts(connection, manifest, frames, parties, past.entries),
            sample=sample,
            parameters=_parameters(home, manifest),
        )


def _past_of(home: Home, manifest: Mapping[str, Any]) -> Past:
    """Read the ledger as it stood when a batch was drawn up first; as it stands, if it is not."""
    with open_ledger(home, only_look=True) as ledger:
        postings = ledger.postings()
        at = next(
            (
                posting.sequence
                for posting in postings
                if (posting.kind, posting.batch_id) == ("drafted", manifest["batch_id"])
            ),
            len(postings) + 1,
        )
        entries = ledger.entries_before(at)
    earlier = [posting for posting in postings if posting.sequence < at]
    return Past(
        last=_last_batch(earlier, manifest),
        last_snapshot=_last_snapshot(earlier, home, manifest),
        entries=entries.filter(pl.col("kind").is_in(PAID_KINDS)),
    )


def _last_batch(earlier: Sequence[Posting], manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find the batch of the fund that was released last, else drafted last, by another run."""
    drafted = {
        posting.batch_id: posting.said
        for posting in earlier
        if posting.kind == "drafted"
        and posting.said["fund"] == manifest["fund"]
        and posting.said["run_id"] != manifest["run_id"]
    }
    released = [p.batch_id for p in earlier if p.kind == "released" and p.batch_id in drafted]
    last = next(iter([*reversed(released), *reversed(drafted)]), None)
    if last is None:
        return None
    state = "released" if last in released else "draft"
    return {"batch_id": last, "as_of": drafted[last]["as_of"], "state": state}


def _last_snapshot(earlier: Sequence[Posting], home: Home, manifest: Mapping[str, Any]) -> str:
    """Find the last snapshot but this run's that a run read before; nothing if there is none."""
    own = read_manifest(home.runs / manifest["run_id"], "run")["snapshot_id"]
    read = [p.said["snapshot_id"] for p in earlier if p.kind == "run_recorded"]
    return next((snapshot for snapshot in reversed(read) if snapshot != own), "")


def _lines_of(home: Home, last: Mapping[str, Any] | None) -> pl.DataFrame:
    path = home.batches / last["batch_id"] / "lines.parquet" if last else None
    return pl.read_parquet(path) if path else pl.DataFrame(schema=LINE_SCHEMA)


def _accounts_before(home: Home, snapshot_id: str) -> pl.DataFrame:
    """Return the usable accounts of an earlier snapshot, of who has exactly one there.

    Rows:    returns  one per party: PAYEE, account_no; none where the snapshot is not kept here
    """
    path = home.snapshots / snapshot_id / "tables" / "accounts.parquet"
    if not snapshot_id or not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys([*PAYEE, "account_no"], pl.String()))
    kind = pl.when(pl.col("subject_kind") == "单位").then(pl.lit("employer"))
    return (
        pl.read_parquet(path)
        .filter(pl.col("account_state") == "正常")
        .select(
            kind.otherwise(pl.lit("person")).alias(PAYEE[0]),
            pl.col("subject_id").alias(PAYEE[1]),
            "account_no",
        )
        .filter(pl.len().over(PAYEE) == 1)
    )


def _open_snapshot(home: Home, manifest: Mapping[str, Any]) -> Connection:
    """Open the extracts that a batch's run read, as they were visible to it."""
    run = read_manifest(home.runs / manifest["run_id"], "run")
    folder = home.snapshots / run["snapshot_id"]
    tables = read_manifest(folder, "snapshot")["tables"]
    paths = {
        kind: [folder / name for name in sorted(entry["files"])] for kind, entry in tables.items()
    }
    connection = connect()
    register_tables(connection, paths, date.fromisoformat(manifest["as_of"]))
    return connection


def _determinations(home: Home, manifest: Mapping[str, Any]) -> pl.DataFrame:
    """Return what the run determined of the policies that the batch's fund pays."""
    paying = [card.policy_id for card in policy_cards().values() if card.fund == manifest["fund"]]
    path = home.runs / manifest["run_id"] / "determinations.parquet"
    wanted = pl.scan_parquet(path).filter(pl.col("policy_id").is_in(paying))
    return wanted.select(*KEY, "outcome", "amount_fen").collect()


def _parameters(home: Home, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every number that the batch's policies used; the unconfirmed are the manifest's."""
    run = read_manifest(home.runs / manifest["run_id"], "run")
    paid = [entry["policy_id"] for entry in manifest["policies"]]
    used = {name: entry["parameters_used"] for name, entry in run.get("policies", {}).items()}
    unconfirmed = [{**number, "confirmed": False} for number in manifest["unconfirmed"]]
    return unconfirmed + [
        {"policy_id": policy, **number}
        for policy in paid
        for number in used.get(policy, [])
        if number["confirmed"]
    ]


def _parties(connection: Connection, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return every party of some rows with the name by which it is known, and its town.

    Rows:    returns  one per party: PARTY, subject_name, division_code, null where not known
    """
    sides = [
        frame.select(pl.col(f"{side}_{part}").alias(f"subject_{part}") for part in ("kind", "id"))
        for frame in frames
        for side in ("subject", "beneficiary")
        if f"{side}_id" in frame.columns
    ]
    listed = pl.concat(sides).unique().sort(PARTY)
    show_frame(connection, "listed_subjects", listed)
    found = [run_sql(connection, f"review/{name}.sql", {}) for name in PARTY_QUESTIONS]
    for rows in found:
        listed = listed.join(rows, on=PARTY, how="left", validate="1:1")
    return listed


def _doubts(
    connection: Connection,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    parties: pl.DataFrame,
    entries: pl.DataFrame,
) -> pl.DataFrame:
    """Ask every question of sql/review/doubts about a batch."""
    types = [
        name
        for card in policy_cards().values()
        if card.fund == manifest["fund"]
        for name in card.support_types
    ]
    known = {
        "batch_lines": frames["lines"],
        "batch_payees": frames["instructions"],
        "party_names": parties.drop_nulls("subject_name"),
        "paid_entries": entries.filter(pl.col("fund") == manifest["fund"]),
        "fund_support_types": pl.DataFrame(
            {"support_type": types}, schema={"support_type": pl.String}
        ),
    }
    for name, frame in known.items():
        register_frame(connection, name, frame)
    values = {"as_of_month": month_of(date.fromisoformat(manifest["as_of"]))}
    found = [run_sql(connection, f"review/doubts/{name}.sql", values) for name in DOUBTS]
    return pl.concat([rows.cast(DOUBT_SCHEMA) for rows in found])


@contextmanager
def _readable(run_id: str) -> Iterator[None]:
    """Let a file of a run or its snapshot that can't be read be a plain answer."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError, DatabaseError) as broken:
        raise DigestDiffersError(
            f"a file of run {run_id} or of its snapshot is missing or damaged: nothing was drawn "
            "up; `wuxing verify` names it"
        ) from broken
