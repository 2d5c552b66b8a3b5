"""The public notice of a batch: a file beside it, the day it was put up, and whether it is over."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from flows.money.batch_folder import StoredBatch, known_state, verify_batch
from flows.money.clock import today
from flows.money.ledger_store import open_ledger
from flows.money.sign import expect_come
from flows.money.whole import expect_at_home, expect_whole
from flows.store import Home, replace_file
from transforms.errors import LedgerForbidsError, UsageError
from transforms.money.batch_states import LEFT_BEHIND, BatchState
from transforms.money.books import Books
from transforms.money.entitlements import KEY
from transforms.payments.notice import NOTICE_DAYS, notice_list, notice_window
from transforms.policies.cards import PolicyCard
from transforms.sheets.csv_file import csv_bytes

NOTICE = "notice.csv"


def write_notice(home: Home, batch_id: str, put_up: str = "") -> dict[str, Any]:
    """Write notice.csv of a batch, masked; record the day it is put up, if that is given.

    Rows:    put_up  YYYY-MM-DD, from the batch's as-of date to today: five working days follow it
    Holds:   the same batch and day give the same bytes; no day is recorded without its list
    Raises:  LedgerForbidsError for a batch that was left behind; UsageError for a day that
             can't be; DigestDiffersError for a changed batch
    """
    with open_ledger(home, only_look=not put_up) as ledger:
        if put_up:
            expect_whole(home, ledger, tells=False)
        state = known_state(ledger.batch_states(), batch_id)
        if state.state in LEFT_BEHIND:
            raise LedgerForbidsError(
                f"batch {batch_id} is {state.state}: it is not to be announced"
            )
        stored, states = verify_batch(home, state), ledger.batch_states()
        is_new = bool(put_up) and put_up not in state.announced
        if is_new:
            expect_at_home(home, ledger.books())
            expect_come(state)
            _expect_day(put_up, state)
            state = replace(state, announced=[*state.announced, put_up])
        counts_from, path = announced_from(state, states), stored.folder / NOTICE
        window, content = notice_window(counts_from), notice_bytes(stored, counts_from)
        with ledger.transaction() if is_new else nullcontext():
            if is_new:
                ledger.post("announced", {"put_up_on": put_up}, batch_id, put_up)
            replace_file(path, content)
    return {
        "batch_id": batch_id,
        "path": str(path),
        "rows": stored.manifest["control"]["instruction_count"],
        "put_up_on": put_up or next(iter(state.announced), ""),
        "first_day": window[0].isoformat(),
        "last_day": window[1].isoformat(),
    }


def _expect_day(put_up: str, state: BatchState) -> None:
    try:
        is_day = date.fromisoformat(put_up).isoformat() == put_up
    except ValueError:
        is_day = False
    if not is_day or not state.as_of <= put_up <= today():
        raise UsageError(
            f"--put-up takes the day the notice was put up, YYYY-MM-DD, from {state.as_of} to "
            f"{today()}; found {put_up!r}"
        )


def notice_bytes(stored: StoredBatch, counts_from: date) -> bytes:
    """Return a batch's notice.csv: the same batch, put up on the same day, gives the same bytes."""
    titles = {entry["policy_id"]: entry["title"] for entry in stored.manifest["policies"]}
    window = notice_window(counts_from)
    return csv_bytes(notice_list(stored.frame("instructions"), titles, window))


def announced_from(state: BatchState, states: Mapping[str, BatchState]) -> date:
    """Return the day a notice counts from: when it was put up first, or may be at the earliest.

    A batch that a review left and that was not put up itself is announced by the one reviewed.
    """
    while not state.announced and state.came_from:
        state = states[state.came_from]
    return date.fromisoformat(min(state.announced, default=state.as_of))


def notice_days(
    states: Mapping[str, BatchState], run_id: str, as_of: date, cards: Mapping[str, PolicyCard]
) -> dict[str, tuple[date, date]]:
    """Return by policy the day that the notice of its run's batch counts from, and its last one.

    Where the run has no batch of its fund, the day is the run's.
    """
    # A batch that a review left comes after the one reviewed.
    put_up = {
        one.fund: announced_from(one, states) for one in states.values() if one.run_id == run_id
    }
    days = {name: put_up.get(card.fund or "", as_of) for name, card in cards.items()}
    return {name: (day, notice_window(day)[1]) for name, day in days.items()}


def expect_announced(home: Home, books: Books, stored: StoredBatch, day: str) -> None:
    """Check that every line was publicly announced, in this batch or an earlier one, long enough.

    Raises:  LedgerForbidsError saying how many lines wait, and until when
    """
    count, ends = unannounced(home, books, stored, day)
    if count:
        raise LedgerForbidsError(
            f"batch {stored.manifest['batch_id']}: {count} lines were not publicly "
            f"announced for {NOTICE_DAYS} working days{ends}: put up its list (`wuxing notice`), "
            "record the day with --put-up, and release it when they are over"
        )


def unannounced(home: Home, books: Books, stored: StoredBatch, day: str) -> tuple[int, str]:
    """Count the lines that by a day were not announced long enough; say until when they wait.

    A line counts as announced with the same key and amount, in this batch or another. Policies
    that need no notice are in the fund's configuration, with the authority.
    """
    exempt = list(stored.manifest["funding"].get("notice_not_needed", {}))
    waiting = stored.frame("lines").filter(~pl.col("policy_id").is_in(exempt))
    own, ends = books.batches[stored.manifest["batch_id"]], ""
    # What was put up last holds most of them: who looks back reads few.
    others = (
        one
        for one in reversed(books.batches.values())
        if one is not own and one.fund == own.fund and min(one.announced, default=day) < day
    )
    for state in (own, *others):
        if not state.announced or not waiting.height:
            continue
        last = notice_window(announced_from(state, books.batches))[1].isoformat()
        if last < day:
            announced = verify_batch(home, state).frame("lines")
            waiting = waiting.join(announced, on=[*KEY, "amount_fen"], how="anti")
        elif state is own:
            ends = f"; its notice runs until {last}"
    return waiting.height, ends
