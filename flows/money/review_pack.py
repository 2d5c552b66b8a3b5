"""What the reviewers of a batch get beside its signed record: collected here, computed purely."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.drop import SnapshotRef
from flows.money.batch_folder import StoredBatch, digests_of
from flows.money.doubts import find_doubts
from flows.money.identity import rows_set_aside, units_then
from flows.money.ledger_store import open_ledger
from flows.money.returned import returned_of
from flows.money.reviewed import read_reviewed
from flows.money.signatures import holds
from flows.program import deciding_texts, made_by_this_program
from flows.store import Home, read_inputs, read_manifest
from sql import Connection, DatabaseError, policy_cards, run_sql, show_frame
from sql.opening import connect_to
from transforms.answers.traces import TRACE_SCHEMA
from transforms.errors import DigestDiffersError
from transforms.money.batch_states import BatchState
from transforms.money.batches import LINE_SCHEMA
from transforms.money.books import OPEN_STATES, Books, snapshot_before
from transforms.money.entitlements import FINDING_COLUMNS, KEY
from transforms.money.ledger import PAID_KINDS
from transforms.money.payees import DESTINATION, PAYEE, normal_accounts
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting
from transforms.review.approval import counts_of
from transforms.review.comparison import last_paid
from transforms.review.page import review_page
from transforms.review.review import Review
from transforms.review.sampling import draw_sample
from transforms.review.workbook import review_workbook

PARTY_QUESTIONS = ("subject_names", "party_towns")
CHECK_FAILED = "check_failed"
NEVER = {"position": 0}
HELD_SAYS = {"by": "held_by", "since": "held_since", "reason": "held_reason"}
PARTY = ["subject_kind", "subject_id"]
BANK = ("bank_name", "bank_code")


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


def expect_drawn_so(
    home: Home, postings: Sequence[Posting], stored: StoredBatch, state: BatchState
) -> None:
    """Hold an open batch's reviewer's copy against what this program draws up of it.

    Rows:    postings  of the ledger, up to now
    Holds:   what another program or other rules drew up is not held against anything: `replay`
             with that program does
    Raises:  DigestDiffersError naming what was drawn up otherwise
    """
    run = read_manifest(home.runs / state.run_id, "run")
    if state.state not in OPEN_STATES or not _is_drawn_alike(home, run):
        return
    books = read_books(postings[: state.seen], holds)
    before = snapshot_before(books, run["snapshot_id"])
    if before and not (home.snapshots / before).is_dir():
        return
    made, _ = review_files(home, books, stored.as_drawn, stored.frames(), state.batch_digest)
    for name, digest in digests_of(made).items():
        if name in state.review and digest != state.review[name]:
            raise DigestDiffersError(
                f"{stored.folder / name} is not what this batch's tables give: do not sign; run "
                "`wuxing replay` on its night, ask who drew it up"
            )


def _is_drawn_alike(home: Home, run: Mapping[str, Any]) -> bool:
    """Say whether this program has the code and the texts that a run was made by."""
    if not made_by_this_program(run):
        return False
    return read_inputs(home, run["made_by"]["inputs"])["texts"] == deciding_texts()


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
        entries = _with_reasons(ledger.entries_before(books.position + 1), books)
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
            paid=_paid_to(home, entries, frames["instructions"]),
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


def _with_reasons(entries: pl.DataFrame, books: Books) -> pl.DataFrame:
    """Say of each entry's payment, if it came back, with which reason and on which day."""
    says = {
        payment_id: " ".join(said)
        for state in books.batches.values()
        for payment_id, said in returned_of(state).items()
    }
    told = pl.DataFrame([*says.items()], ["payment_id", "bank_says"], orient="row")
    told = told.cast(pl.String)
    return entries.join(told, on="payment_id", how="left", maintain_order="left", validate="m:1")


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


def _paid_to(home: Home, entries: pl.DataFrame, instructions: pl.DataFrame) -> pl.DataFrame:
    """Return where each payee was paid last; the bank of those of a batch, by the batch of then.

    Rows:    returns  one per payee: PAYEE, DESTINATION; no bank where that batch is not kept here
    """
    paid = last_paid(entries.filter(pl.col("kind").is_in(PAID_KINDS)))
    batches = paid.join(instructions, on=PAYEE, how="semi")["batch_id"].unique().sort()
    banks = [pl.DataFrame(schema=dict.fromkeys(["payment_id", *BANK], pl.String()))]
    for batch_id in batches:
        path = home.batches / batch_id / "instructions.parquet"
        if path.is_file():
            banks.append(pl.read_parquet(path, columns=["payment_id", *BANK]))
    return paid.join(pl.concat(banks), on="payment_id", how="left", validate="m:1").select(
        *PAYEE, *DESTINATION
    )


def _accounts_before(home: Home, books: Books, snapshot_id: str) -> pl.DataFrame:
    """Return the usable accounts of the snapshot read before this one, of who has one there.

    Rows:    returns  one per party: PAYEE, DESTINATION; none where the snapshot is not kept here
    """
    before = snapshot_before(books, snapshot_id)
    path = home.snapshots / before / "tables" / "accounts.parquet"
    if not before or not path.is_file():
        return pl.DataFrame(schema=dict.fromkeys([*PAYEE, *DESTINATION], pl.String()))
    normal = normal_accounts(pl.read_parquet(path)).select(*PAYEE, *DESTINATION)
    return normal.filter(pl.len().over(PAYEE) == 1)


def _open_snapshot(home: Home, run: Mapping[str, Any]) -> Connection:
    """Open the extracts that a run read, as they were visible to it."""
    folder = home.snapshots / run["snapshot_id"]
    snapshot = SnapshotRef(folder.name, folder, read_manifest(folder, "snapshot"))
    return connect_to(snapshot.tables(), date.fromisoformat(run["as_of"]))


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

    Rows:    returns  one per party: PARTY, subject_name, town, null where not known
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
    # Rules of before say no town.
    return pl.concat([listed, pl.DataFrame(schema={"town": pl.String})], how="diagonal")


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
