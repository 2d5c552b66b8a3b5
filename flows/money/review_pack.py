"""What the reviewers of a batch get beside its signed record: collected here, computed purely."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.money.identity import paired_policies, rows_set_aside, units_then
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
from sql.texts import doubt_names
from transforms.answers.traces import TRACE_SCHEMA
from transforms.errors import DigestDiffersError
from transforms.money.batches import LINE_SCHEMA
from transforms.money.books import Books
from transforms.money.entitlements import FINDING_COLUMNS, KEY
from transforms.money.exclusion_file import FORMS
from transforms.money.ledger import PAID_KINDS
from transforms.money.payees import PAYEE, normal_accounts
from transforms.policies.cards import month_of
from transforms.review.approval import counts_of
from transforms.review.comparison import last_paid
from transforms.review.doubts import AUDIT_FINDINGS, DOUBT_SCHEMA
from transforms.review.page import review_page
from transforms.review.review import Review
from transforms.review.sampling import draw_sample
from transforms.review.workbook import review_workbook

PARTY_QUESTIONS = ("subject_names", "party_towns")
CHECK_FAILED = "check_failed"
NEVER = {"position": 0}
HELD_SAYS = {"by": "held_by", "since": "held_since", "reason": "held_reason"}
PARTY = ["subject_kind", "subject_id"]


def review_files(
    home: Home,
    books: Books,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    digest: str,
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make the files that the reviewers of a batch get, by their names; count what they show.

    Rows:    books     the ledger as it stood when the batch was drawn up
             manifest  the batch's own, without its files; digest: that of the signed record
             frames    instructions, lines, unpaid_lines as stored
    Holds:   the same home at the same position of its ledger gives the same bytes
    """
    review = read_review(home, books, manifest, frames, digest)
    page = review_page(read_reviewed(home, books, review))
    return {"review.xlsx": review_workbook(review), "review.html": page.encode()}, counts_of(review)


def read_review(
    home: Home,
    books: Books,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    digest: str,
) -> Review:
    """Collect what a batch is reviewed by: its run, the snapshot, and what came before it.

    Holds:   nothing that happened after the batch was drawn up is read: the same on any day
    Raises:  DigestDiffersError if a file of the run or its snapshot can't be read
    """
    folder = home.runs / manifest["run_id"]
    run = read_manifest(folder, "run")
    with open_ledger(home, only_look=True) as ledger:
        entries = ledger.entries_before(books.position + 1)
    last = _last_batch(books, manifest)
    with _readable(manifest["run_id"]), _open_snapshot(home, run) as connection:
        sample = sample_of(home, manifest, frames, digest)
        last_lines = _lines_of(home, last)
        parties = _parties(connection, [*frames.values(), sample, last_lines])
        quarantine = home.snapshots / run["snapshot_id"] / "quarantine.parquet"
        doubted = {
            **frames,
            "set_aside": rows_set_aside(connection, folder, quarantine),
            "units_then": units_then(home, books, frames["unpaid_lines"], entries),
        }
        return Review(
            manifest=manifest,
            digest=digest,
            **frames,
            parties=parties,
            last=last,
            last_lines=last_lines,
            paid=last_paid(entries.filter(pl.col("kind").is_in(PAID_KINDS))),
            delivered=_accounts_before(home, books, run["snapshot_id"]),
            doubts=find_doubts(
                *(connection, manifest, doubted, parties, entries),
                _found(folder / "traces.parquet", TRACE_SCHEMA),
                _found(folder / "findings.parquet", dict.fromkeys(FINDING_COLUMNS, pl.String())),
            ),
            sample=sample,
            parameters=_parameters(run, manifest),
            held=_held_before(books),
            failed_checks=_failed_checks(run, manifest),
        )


def _failed_checks(run: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what the run's checks say, of the policies in a batch alone."""
    ours, found = {entry["policy_id"] for entry in manifest["policies"]}, []
    for said in run.get("said", ()):
        if not said["code"].startswith(CHECK_FAILED):
            continue
        values = dict(said["values"])
        touched = [policy for policy in values.pop("policies", ()) if policy in ours]
        code = f"{CHECK_FAILED}_at" if values.get("places") else CHECK_FAILED
        if touched:
            code, values["policies"] = f"{CHECK_FAILED}_touching", touched
        found.append({"code": code, "values": values})
    return found


def _last_batch(books: Books, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Find the batch of the fund that was released last, else drafted last, by another run."""
    others = [
        state
        for state in books.batches.values()
        if state.fund == manifest["fund"] and state.run_id != manifest["run_id"]
    ]
    if not others:
        return None
    last = max(others, key=lambda state: ((state.released or NEVER)["position"], state.drafted_at))
    said = "batch_released" if last.released else "batch_draft"
    return {"batch_id": last.batch_id, "as_of": last.as_of, "state": said}


def _held_before(books: Books) -> pl.DataFrame:
    """Return the lines that reviewers held or struck out: KEY, who did last, why, since when."""
    said = books.held_lines | {
        key: {**struck, "since": struck["on"]} for key, struck in books.struck_lines.items()
    }
    rows = [(*key, *(told[name] for name in HELD_SAYS)) for key, told in sorted(said.items())]
    schema = dict.fromkeys([*KEY, *HELD_SAYS.values()], pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _lines_of(home: Home, last: Mapping[str, Any] | None) -> pl.DataFrame:
    path = home.batches / last["batch_id"] / "lines.parquet" if last else None
    return pl.read_parquet(path) if path else pl.DataFrame(schema=LINE_SCHEMA)


def _accounts_before(home: Home, books: Books, snapshot_id: str) -> pl.DataFrame:
    """Return the usable accounts of the snapshot read before this one, of who has one there.

    Rows:    returns  one per party: PAYEE, account_no; none where the snapshot is not kept here
    """
    read = [run["snapshot_id"] for run in books.runs.values() if run["state"] == "done"]
    before = next((snapshot for snapshot in reversed(read) if snapshot != snapshot_id), "")
    path = home.snapshots / before / "tables" / "accounts.parquet"
    if not before or not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys([*PAYEE, "account_no"], pl.String()))
    normal = normal_accounts(pl.read_parquet(path)).select(*PAYEE, "account_no")
    return normal.filter(pl.len().over(PAYEE) == 1)


def _open_snapshot(home: Home, run: Mapping[str, Any]) -> Connection:
    """Open the extracts that a run read, as they were visible to it."""
    folder = home.snapshots / run["snapshot_id"]
    snapshot = SnapshotRef(folder.name, folder, read_manifest(folder, "snapshot"))
    connection = connect()
    register_tables(connection, snapshot.tables(), date.fromisoformat(run["as_of"]))
    return connection


def sample_of(
    home: Home, manifest: Mapping[str, Any], frames: Mapping[str, pl.DataFrame], digest: str
) -> pl.DataFrame:
    """Draw a batch's sample: its digest draws the same one on any day."""
    paying = [card.policy_id for card in policy_cards().values() if card.fund == manifest["fund"]]
    path = home.runs / manifest["run_id"] / "determinations.parquet"
    wanted = pl.scan_parquet(path).filter(pl.col("policy_id").is_in(paying))
    determined = wanted.select(*KEY, "outcome", "amount_fen").collect()
    return draw_sample(determined, frames["lines"], frames["unpaid_lines"], digest)


def _found(path: Path, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return what a run found; nothing where it is of before it looked for such."""
    return pl.read_parquet(path) if path.is_file() else pl.DataFrame(schema=schema)


def _parameters(run: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every number that the batch's policies used; the unconfirmed are the manifest's."""
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


def find_doubts(
    connection: Connection,
    manifest: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    parties: pl.DataFrame,
    entries: pl.DataFrame,
    traces: pl.DataFrame,
    findings: pl.DataFrame,
) -> pl.DataFrame:
    """Ask every question of sql/review/doubts about a batch.

    Rows:    entries  of the ledger, as it stood when the batch was drawn up: payments and returns
    """
    types = [
        (card.policy_id, name)
        for card in policy_cards().values()
        if card.fund == manifest["fund"]
        for name in card.support_types
    ]
    ours = entries.filter(pl.col("kind").is_in(PAID_KINDS) & (pl.col("fund") == manifest["fund"]))
    came_back = pl.col("idempotency_key").is_in(entries["reverses"].to_list())
    known = {
        "batch_lines": frames["lines"],
        "batch_payees": frames["instructions"],
        "unpaid_rows": frames["unpaid_lines"],
        "rows_set_aside": frames["set_aside"],
        "units_then": frames["units_then"],
        "party_names": parties.drop_nulls("subject_name"),
        "line_traces": traces,
        "run_findings": findings,
        "paid_entries": ours.with_columns(came_back.alias("is_reversed")).with_row_index(
            "entry_no"
        ),
        "fund_support_types": pl.DataFrame(
            types, schema=dict.fromkeys(("policy_id", "support_type"), pl.String), orient="row"
        ),
    }
    for name, frame in known.items():
        register_frame(connection, name, frame)
    # Each file takes what it names: stored rules of a night of before have others.
    as_of_month = month_of(date.fromisoformat(manifest["as_of"]))
    limited = [name for name, card in policy_cards().items() if card.limit is not None]
    values = {"audit_findings": [*AUDIT_FINDINGS], "as_of_month": as_of_month}
    values |= {"limited_policies": limited, "pairs": paired_policies(FORMS[0])}
    found = [run_sql(connection, f"review/doubts/{name}.sql", values) for name in doubt_names()]
    told = [_of_lines(rows, frames["lines"]).select(list(DOUBT_SCHEMA)) for rows in found]
    return pl.concat([rows.cast(pl.Schema(DOUBT_SCHEMA)) for rows in told])


def _of_lines(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Add to doubts that say of which line they are what stands on it."""
    if "policy_id" in rows.columns:
        return rows
    line = ["payment_id", "period", "subject_id"]
    kept = lines.select(n for n in DOUBT_SCHEMA if n in lines.columns)
    return rows.join(kept, on=line, how="inner", validate="m:1", maintain_order="left")


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
