"""The stage that drafts: batches from entitlements, their folders, their state in the ledger."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.batch_folder import (
    FRAMES,
    batch_digest,
    digests_of,
    expect_redrawn,
    is_filled_in,
    known_state,
    read_batch,
    review_as_drawn,
    verify_batch,
    write_record,
)
from flows.money.entitle import Entitled
from flows.money.evidence import run_record
from flows.money.funds import PAYER, Funds
from flows.money.ledger_store import Ledger, books_of, open_ledger
from flows.money.objections import withdrawn_answers
from flows.money.payment_files import rendered
from flows.money.review_pack import review_files
from flows.money.signatures import holds
from flows.money.standing import Standing
from flows.store import Home, replace_file, staged_folder
from sql import policy_cards
from transforms.amounts import yuan_text
from transforms.errors import DigestDiffersError, UsageError
from transforms.money.batch_states import BatchState, posted_of
from transforms.money.batches import DraftBatch, batch_name, draw_batch
from transforms.money.books import Books
from transforms.money.posting_rules import read_books
from transforms.policies.cards import PolicyStatus

REVIEW = "review.xlsx"
LISTED = ("batch_id", "state", "fund", "run_id", "as_of", "line_count", "amount_fen")
COPIED = ("review", "seen", "looked_at")
CARD_SAYS = ("policy_id", "title", "item", "authority", "clause", "bureau")
NUMBER_KEYS = ("name", "title", "value", "from", "source")


@dataclass(frozen=True)
class Drafted:
    """The batches of one run, in memory."""

    run_id: str
    batches: Sequence[DraftBatch]


def draft_batches(
    run_id: str,
    as_of: date,
    entitled: Entitled,
    policies: Mapping[str, PolicyStatus],
    funds: Funds,
    standing: Standing,
) -> Drafted:
    """Draw up a batch for each fund that has something to pay, in memory.

    Rows:    policies  what became of each policy, and the numbers it used
             returns   batches in the order of the funds' names
    Units:   fen
    Source:  rulebook §4.7
    """
    fund_of = {name: card.fund for name, card in policy_cards().items() if card.fund}
    by_fund = entitled.entitlements.with_columns(
        pl.col("policy_id").replace_strict(fund_of, return_dtype=pl.String).alias("fund")
    )
    payable_funds = by_fund.filter(pl.col("status") == "payable")["fund"].unique().sort()
    batches = []
    for fund in payable_funds:
        rows = by_fund.filter(pl.col("fund") == fund).drop("fund")
        entries, unconfirmed = _policies_of(rows, policies)
        identity = {
            "batch_id": batch_name(run_id, fund),
            "run_id": run_id,
            "fund": fund,
            "as_of": as_of.isoformat(),
            "code_version": importlib.metadata.version("wuxing"),
            "unconfirmed": unconfirmed,
            "titles": {name: card.title for name, card in policy_cards().items()},
        }
        funding = _funding(fund, as_of.year, funds, standing)
        drawn = draw_batch(identity, rows, entitled.payees, standing.installments, funding, entries)
        batches.append(rendered(drawn))
    return Drafted(run_id, batches)


def _policies_of(
    rows: pl.DataFrame, policies: Mapping[str, PolicyStatus]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the cards' words on a batch's policies, and the unconfirmed numbers they used."""
    entries, unconfirmed = [], []
    for policy_id in rows["policy_id"].unique().sort():
        card = policy_cards()[policy_id]
        entries.append({name: getattr(card, name) for name in CARD_SAYS})
        used = policies[policy_id].parameters_used if policy_id in policies else []
        unconfirmed += [
            {"policy_id": policy_id} | {key: number[key] for key in NUMBER_KEYS if key in number}
            for number in used
            if not number["confirmed"]
        ]
    return entries, unconfirmed


def _funding(fund: str, year: int, funds: Funds, standing: Standing) -> dict[str, Any]:
    configured = funds.by_name.get(fund)
    content = configured.content() if configured else {**dict.fromkeys(PAYER, ""), "profile": None}
    return {
        **content,
        "budget_year": year,
        "budget_fen": funds.budget_fen(fund, year),
        "spent_fen": standing.spent_fen[fund],
    }


def record_stopped_run(home: Home, run_id: str, ledger: Ledger) -> None:
    """Record a run that stopped; one that is done is recorded with its drafts."""
    with ledger.transaction():
        _post_run(home, run_id, ledger)


def _post_run(home: Home, run_id: str, ledger: Ledger) -> None:
    recorded, books = run_record(home, run_id), ledger.books()
    if books.runs.get(run_id) != recorded or books.may_stand_again(run_id):
        # Once a night has found an answer withdrawn, nobody takes that back unseen.
        new = [name for name in withdrawn_answers(home) if name not in books.withdrawn]
        ledger.post(
            "run_recorded", {**recorded, **({"withdrawn": new} if new else {})}, subject=run_id
        )


def record_drafts(home: Home, drafted: Drafted, ledger: Ledger) -> None:
    """Write the batches' folders, then record run and batches and withdraw other drafts, at once.

    Holds:   the newest run again changes nothing, nor does one of an older day than the newest; any
             other that is done again is the newest once more, and its drafts stand as they stood;
             but past another delivery of its day they don't, and that one's don't stand either
    """
    books = ledger.books()
    posted = {batch.batch_id: posted_batch(home, books, batch) for batch in drafted.batches}
    with ledger.transaction():
        _post_run(home, drafted.run_id, ledger)
        states, now = ledger.batch_states(), ledger.books()
        is_newest = now.newest_run == drafted.run_id
        is_past = now.runs[now.newest_run]["as_of"] > now.runs[drafted.run_id]["as_of"]
        for state in [*states.values()]:
            if not is_past and state.state == "draft" and state.run_id != drafted.run_id:
                ledger.post("withdrawn", {"by_run": drafted.run_id}, state.batch_id, drafted.run_id)
        for batch_id, said in posted.items():
            known = states.get(batch_id)
            if known and known.batch_digest != said["batch_digest"]:
                raise DigestDiffersError(
                    f"batch {batch_id} is not as the ledger recorded it; `wuxing verify`"
                )
            if is_newest and (known is None or known.state == "withdrawn"):
                ledger.post("drafted", said, batch_id, drafted.run_id)


def posted_batch(home: Home, books: Books, batch: DraftBatch) -> dict[str, Any]:
    """Write a batch's folder with the reviewer's copy; return what is posted of both.

    Rows:    books  the ledger as it stands, which the copy is made from
    Holds:   the copy of a batch that was drawn up before stays: it may be filled in by now
    """
    folder, known = home.batches / batch.batch_id, books.batches.get(batch.batch_id)
    is_there = folder.exists()
    copied = {name: getattr(known, name) for name in COPIED} if known else {}
    with nullcontext(folder) if is_there else staged_folder(folder) as place:
        if is_there:
            expect_redrawn(place, batch)
        else:
            write_record(place, batch)
        digest = batch_digest(place)
        # Also where a run that was cut short left the folder: nobody has seen its copy.
        if not (is_there and known):
            frames = {name: getattr(batch, name) for name in FRAMES}
            files, counts = review_files(home, books, batch.manifest, frames, digest)
            for name, content in files.items():
                replace_file(place / name, content)
            said = (digests_of(files), books.position, counts)
            copied = copied or dict(zip(COPIED, said, strict=True))
    return {**posted_of(batch.manifest, digest), **copied}


def fresh_review(home: Home, ledger: Ledger, state: BatchState) -> dict[str, bytes]:
    """Return a batch's reviewer's copy as it was drawn up: what lies there so, else made again.

    Raises:  DigestDiffersError if what is made again comes out otherwise
    """
    stored = verify_batch(home, state)
    lying = review_as_drawn(home, state)
    if lying and lying.keys() == state.review.keys():
        return lying
    books = read_books(ledger.postings()[: state.seen], holds)
    made, _ = review_files(home, books, stored.as_drawn, stored.frames(), state.batch_digest)
    for name, digest in digests_of(made).items():
        if name not in lying and digest != state.review.get(name):
            raise DigestDiffersError(
                f"{stored.folder / name} came out otherwise than when the batch was drawn up, by "
                "another version of wuxing; nothing was written: make a new run"
            )
    return {**made, **lying}


def list_batches(home: Home) -> list[dict[str, Any]]:
    """Return all batches with their state, in the order they were drafted."""
    return [_listed(state) for state in books_of(home).batches.values()]


def _listed(state: BatchState) -> dict[str, Any]:
    return {
        **{name: getattr(state, name) for name in LISTED},
        "amount_yuan": yuan_text(state.amount_fen),
        "mark": state.mark,
        "signed_by": sorted(state.signatures),
    }


def find_batch(home: Home, given: str) -> str:
    """Return the batch that the beginning of an id means, to look at: who acts gives it whole.

    Raises:  UsageError if it means several
    """
    states = books_of(home).batches
    found = [name for name in states if name.startswith(given)]
    if given in states or not found:
        return given
    if len(found) > 1:
        raise UsageError(f"{given!r} means {', '.join(found)}; `wuxing batch list` shows them")
    return found[0]


def show_batch(home: Home, batch_id: str) -> dict[str, Any]:
    """Return one batch: state, totals by policy, signatures, unconfirmed parameters, files."""
    books = books_of(home)
    state, members = known_state(books.batches, batch_id), books.roster.members
    stored = read_batch(home, batch_id)
    return {
        **_listed(state),
        "batch_digest": state.batch_digest,
        "control": stored.manifest["control"],
        "unconfirmed": stored.manifest["unconfirmed"],
        "missing_signatures": state.missing_roles,
        "came_from": state.came_from,
        "superseded_by": state.successor,
        "left_because": state.left_because,
        "announced": min(state.announced, default=""),
        "signatures": {
            role: {
                "name": members[said["statement"]["key_id"]].name,
                "fingerprint": said["statement"]["key_id"],
                "signed_on": said["statement"]["signed_on"],
            }
            for role, said in state.signatures.items()
        },
        "files": sorted(str(path) for path in stored.folder.iterdir()),
    }


def pack_batch(home: Home, batch_id: str) -> dict[str, Any]:
    """Write a batch's review pack again, the same to the byte; what lies there so stays.

    Rows:    returns  `review`: its path; `kept`: workbooks that were filled in, under other names
    Raises:  DigestDiffersError if what is made again comes out otherwise
    """
    with open_ledger(home) as ledger:
        made = fresh_review(home, ledger, known_state(ledger.batch_states(), batch_id))
    folder, kept = home.batches / batch_id, []
    for name, content in made.items():
        path = folder / name
        if is_filled_in(name) and path.is_file() and path.read_bytes() != content:
            kept.append(str(path.rename(_free_name(path))))
        replace_file(path, content)
    return {"batch_id": batch_id, "review": str(folder / REVIEW), "kept": kept}


def _free_name(path: Path) -> Path:
    """Return a name beside a file that no file has yet: what somebody filled in is kept."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
