"""A reviewer's workbook read back: lines held or struck out, and the batch that is left."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from flows.ingest.filled import expect_as_written, read_filled
from flows.ingest.workbooks import read_sheet, rows_of_sheet
from flows.money.batch import REVIEW, fresh_review, posted_batch
from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.clock import today
from flows.money.evidence import expect_evidence
from flows.money.ledger import Ledger
from flows.money.payment_files import rendered
from flows.money.review_pack import sample_of
from flows.money.sign import person_named
from flows.money.whole import whole_ledger, witnessed
from flows.scratch import scratch_folder
from flows.store import Home, file_digest
from transforms.amounts import yuan_text
from transforms.errors import DropRefusedError, LedgerForbidsError
from transforms.extracts.kinds import heading
from transforms.masking import masked_keys
from transforms.money.batch_states import BatchState
from transforms.money.batches import DraftBatch
from transforms.money.entitlements import KEY
from transforms.money.payees import DESTINATION
from transforms.money.reviews import (
    HOLD,
    STRIKE,
    draw_reviewed,
    facts_digest,
    listed,
    sort_lines,
)
from transforms.payments.workbook import line_sheet_table
from transforms.review.sampling import SHEET, read_sample_answers, said_of_sample, sample_result
from transforms.review.verdicts import read_verdicts
from transforms.words import word, worded

GIVE = "the batch's review.xlsx, filled in"
LINES, SAMPLE = word("sheet_payment_lines"), word("sheet_sample")


def import_review(home: Home, batch_id: str, path: Path, by: str = "") -> dict[str, Any]:
    """Take a filled-in workbook: hold and strike out lines, draw up the batch that is left.

    Rows:    by  who reviewed; else who is logged in
    Holds:   all or nothing; the same file again gives the same answer
    Raises:  DropRefusedError if the workbook is of another batch or altered, naming the rows;
             LedgerForbidsError if the batch is not an unsigned draft
    """
    if not path.is_file():
        raise DropRefusedError(f"{path} is no file: give {GIVE}")
    workbook = file_digest(path)
    with whole_ledger(home, at_home=True) as ledger:
        state = known_state(ledger.batch_states(), batch_id)
        said = next((said for said in state.reviewed if said["workbook"] == workbook), None)
        if said is None:
            _expect_draft(ledger.batch_states(), state)
            stored = verify_batch(home, state)
            expect_evidence(home, state.run_id, ledger.books())
            _expect_same_batch(path, state)
            table = line_sheet_table(
                stored.manifest, stored.frame("instructions"), stored.frame("lines")
            )
            labels = [heading(name) for name in table.columns]
            filled = read_filled(path, labels, GIVE, LINES, others=None)
            verdicts = read_verdicts(filled, table, path.name)
            reviewed = sort_lines(stored.frame("lines"), verdicts)
            sample = _sample(home, stored, state, path)
            _expect_others_unchanged(home, ledger, state, path)
            said = post_review(home, ledger, state, stored, reviewed, (workbook, by, sample))
        states = ledger.batch_states()
    now, left = states[batch_id], states.get(said["successor"])
    to_sign = left or (now if now.state == "draft" else None)
    return {
        "batch_id": batch_id,
        "state": now.state,
        "agreed": said["agreed_count"],
        "held": len(said["held"]),
        "struck_out": len(said["struck"]),
        "lines": _taken_out(said),
        "by": said["by"],
        "sample": said["sample"],
        "to_be_signed": to_sign.batch_id if to_sign else "",
        "count": to_sign.instruction_count if to_sign else 0,
        "amount_yuan": yuan_text(to_sign.amount_fen if to_sign else 0),
    }


def _taken_out(said: Mapping[str, Any]) -> list[dict[str, str]]:
    """Tell what a review holds or strikes out, ids masked, for the reviewer to look at."""
    rows = [
        dict(zip((*KEY, "remark"), line, strict=False)) | {"verdict": verdict}
        for verdict, name in ((HOLD, "held"), (STRIKE, "struck"))
        for line in said[name]
    ]
    return masked_keys(pl.DataFrame(rows)).to_dicts() if rows else []


def post_review(
    home: Home,
    ledger: Ledger,
    state: BatchState,
    stored: StoredBatch,
    reviewed: Sequence[pl.DataFrame],
    read: tuple[str, str, dict[str, Any]],
) -> dict[str, Any]:
    """Post what a review said, and the batch that is left after it, at once; return what is posted.

    Rows:    reviewed  as sort_lines
             read      digest of the workbook, who reviewed, what the sample showed
    """
    (agreed, held, struck), (workbook, by, sample) = reviewed, read
    facts = pl.Series("facts", _facts(home, stored, struck), dtype=pl.String)
    said = {
        "batch_digest": state.batch_digest,
        "workbook": workbook,
        "by": person_named(by),
        "on": today(),
        "agreed_count": agreed.height,
        "held": listed(held),
        "struck": listed(struck.with_columns(facts), "facts"),
        "sample": sample,
        "successor": "",
    }
    is_changed = held.height or struck.height
    left = successor(stored, said) if is_changed and agreed.height else None
    said["successor"] = left.batch_id if left else ""
    posted = None
    if left:
        # Its copy says who holds what and why: it is made from the ledger with this review in it.
        reviewed_books = ledger.books_after("reviewed", said, state.batch_id, workbook)
        posted = posted_batch(home, reviewed_books, left)
    with witnessed(home, ledger):
        ledger.post("reviewed", said, state.batch_id, workbook)
        if left and posted:
            ledger.post("drafted", posted, left.batch_id, state.run_id)
    return said


def _sample(home: Home, stored: StoredBatch, state: BatchState, path: Path) -> dict[str, Any]:
    """Read what was filled in on the sheet of the sample that the batch's digest drew."""
    drawn = sample_of(home, stored.manifest, stored.frames(), state.batch_digest)
    if not drawn.height:
        return sample_result([], 0)
    labels = [heading(name) for name in SHEET]
    above = [worded(said) for said in said_of_sample(state.batch_id, drawn.height)]
    filled = read_filled(path, labels, GIVE, SAMPLE, above, others=None)
    return sample_result(read_sample_answers(filled, drawn, path.name), drawn.height)


def _expect_others_unchanged(home: Home, ledger: Ledger, state: BatchState, path: Path) -> None:
    """Hold the sheets that nobody fills in against those that were drawn up: what is there waits.

    Raises:  DropRefusedError naming what was written into them
    """
    written = home.batches / state.batch_id / REVIEW
    if not written.is_file() or file_digest(written) != state.review.get(REVIEW):
        # It was filled in at its place.
        with scratch_folder(home.temporary) as scratch:
            again = scratch / REVIEW
            again.write_bytes(fresh_review(home, ledger, state)[REVIEW])
            expect_as_written(path, again, (LINES, SAMPLE))
        return
    expect_as_written(path, written, (LINES, SAMPLE))


def successor(stored: StoredBatch, said: Mapping[str, Any]) -> DraftBatch:
    """Draw up the batch that a review leaves, from the batch reviewed and what was posted of it."""
    verdicts = ((HOLD, said["held"]), (STRIKE, said["struck"]))
    taken_out = {tuple(row[: len(KEY)]): code for code, rows in verdicts for row in rows}
    review = {
        "of": stored.manifest["batch_id"],
        "of_digest": said["batch_digest"],
        "workbook": said["workbook"],
        "held": len(said["held"]),
        "struck": len(said["struck"]),
        "sample": said["sample"],
    }
    return rendered(draw_reviewed(stored.manifest, stored.frames(), taken_out, review))


def _facts(home: Home, stored: StoredBatch, struck: pl.DataFrame) -> list[str]:
    """Return the digest of what each line rests on, from the run that determined it."""
    policies = home.runs / stored.manifest["run_id"] / "policies"
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for (policy_id,), lines in struck.group_by("policy_id"):
        policy = pl.read_parquet(policies / f"{policy_id}.parquet")
        found = policy.join(lines, on=KEY[1:], how="semi").iter_rows(named=True)
        rows |= {(str(policy_id), *(row[name] for name in KEY[1:])): row for row in found}
    payments = stored.frame("instructions").select("payment_id", *DESTINATION)
    places = {row["payment_id"]: row for row in payments.iter_rows(named=True)}
    return [
        facts_digest(
            rows[tuple(line[name] for name in KEY)],
            places[line["payment_id"]],
            line["paid_before_fen"],
        )
        for line in struck.iter_rows(named=True)
    ]


def _expect_draft(states: Mapping[str, BatchState], state: BatchState) -> None:
    """Check that a batch can be reviewed.

    Raises:  LedgerForbidsError naming the batch that another review left of it, if there is one
    """
    left = state
    while left.successor:
        left = states[left.successor]
    if left is not state:
        raise LedgerForbidsError(
            f"batch {state.batch_id} was reviewed by {state.reviewed[-1]['by']}: what is left of "
            f"it is batch {left.batch_id}; fill in that one's own review.xlsx: of this workbook "
            "nothing was taken in, no hold and nothing struck out"
        )
    if state.state == "signed":
        raise LedgerForbidsError(
            f"batch {state.batch_id} is signed: only an unsigned draft is reviewed; give it up "
            "with `wuxing batch withdraw`"
        )
    if state.state != "draft":
        raise LedgerForbidsError(
            f"batch {state.batch_id} is {state.state}: only an unsigned draft is reviewed"
        )


def _expect_same_batch(path: Path, state: BatchState) -> None:
    """Check that a workbook is of this batch, by its id and digest on the first sheet.

    Raises:  DropRefusedError if it is another's
    """
    title = word("sheet_approval")
    sheet = read_sheet(
        path, path.name, lambda names: next((n for n in names if n.strip() == title), names[0])
    )
    facts = {
        cells[0].strip(): "".join(cells[1].split())
        for cells in rows_of_sheet(next(sheet))
        if len(cells) > 1
    }
    found = {name: facts.get(word(name), "") for name in ("batch_id", "batch_digest")}
    if found["batch_id"] != state.batch_id:
        raise DropRefusedError(
            f"{path.name} is of batch {found['batch_id'] or 'unknown'}, not {state.batch_id}: fill "
            f"in the review.xlsx of {state.batch_id}; of this one nothing was taken in"
        )
    if found["batch_digest"].lower() != state.batch_digest:
        raise DropRefusedError(
            f"{path.name} is of batch {state.batch_id} with another digest than it has: fill in a "
            "fresh copy (`wuxing batch pack`)"
        )
