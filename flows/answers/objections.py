"""Writes an objection into the home's register: every night takes it in, holds, and answers."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import polars as pl

from flows.answers.explain import card_named, period_of, valid_id
from flows.language import policy_word
from flows.money.clock import today
from flows.money.evidence import run_table
from flows.money.ledger_store import books_of
from flows.money.objections import LABELS, objections_named, registered
from flows.store import Home, replace_file
from transforms.errors import UsageError
from transforms.extracts.dates import ALL_PERIODS
from transforms.money.objections import PARTY
from transforms.policies.card_form import period_form
from transforms.visible import FORMULA_STARTS, holds_control

MOST_CHARACTERS = 500
TEXTS = {"raised_by": "--by", "reason": "--reason", "document_no": "--document"}


def register_objection(home: Home, given: Mapping[str, str]) -> dict[str, Any]:
    """Add one objection to objections.csv; the same again stands there already.

    Holds:   what stands in the register stays as it is; the file is replaced whole or not at all
    Raises:  UsageError for words that can't be meant, or that a spreadsheet would take as a formula
    """
    row = _read(given)
    before = registered(home)
    named = objections_named(pl.DataFrame([row]))
    is_new = named.join(before, on="objection_id", how="anti").height > 0
    if is_new:
        path = home.objections_path
        head = path.read_bytes() if path.is_file() else _line(LABELS.values()).encode("utf-8-sig")
        replace_file(path, head + _line(row.values()).encode())
    return {
        "path": str(home.objections_path),
        "objection_id": named["objection_id"].item(),
        "objections": before.height + is_new,
        "is_new": is_new,
        "warnings": list(_warnings(home, row)),
        **{name: row[name] for name in ("policy_id", "period", "raised_on")},
    }


def _warnings(home: Home, row: Mapping[str, str]) -> Iterator[str]:
    """Say if the newest run determines nothing of what is objected to: a code may be mistyped."""
    books = books_of(home)
    newest = books.newest_run
    path = newest and run_table(home, newest, books.runs[newest], "determinations")
    if path:
        is_meant = [pl.col(name) == row[name] for name in PARTY]
        if not pl.scan_parquet(path).filter(is_meant).head(1).collect().height:
            policy_id, subject_id = (row[name] for name in PARTY)
            named = policy_word(policy_id)
            yield (
                f"the newest run has no line of {named} about {subject_id}: look at the code "
                "again; it is answered by a letter all the same"
            )


def _line(cells: Any) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerow(cells)
    return stream.getvalue()


def _read(given: Mapping[str, str]) -> dict[str, str]:
    """Read what was given as the extract will read it, so that both name the same objection."""
    card = card_named(given["policy_id"])
    texts = {name: _text(option, given[name]) for name, option in TEXTS.items()}
    for name, option in list(TEXTS.items())[:2]:
        if not texts[name]:
            raise UsageError(f"{option} is empty: say it in words")
    try:
        day = date.fromisoformat(given["raised_on"])
    except ValueError as unreadable:
        raise UsageError(
            f"--on takes a day written YYYY-MM-DD; found {given['raised_on']!r}"
        ) from unreadable
    if day.isoformat() > today():
        raise UsageError(f"--on is {day}, which has not come yet")
    form = period_form(card.period)
    period = "" if given["period"].strip() == ALL_PERIODS else given["period"]
    if period and len(period_of(period)) != len(form):
        raise UsageError(f"--period of {card.policy_id} is written {form}; found {period!r}")
    row = {
        "policy_id": card.policy_id,
        "period": period,
        "subject_id": valid_id("subject", given["subject_id"], card.subject),
        "raised_on": day.isoformat(),
        **texts,
    }
    return {name: row[name] for name in LABELS}


def _text(option: str, given: str) -> str:
    text = unicodedata.normalize("NFKC", given).strip()
    if holds_control(text) or text.startswith(FORMULA_STARTS) or len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"{option}: a text in one line of at most {MOST_CHARACTERS} characters, without signs "
            f"that can't be seen and not beginning with any of = + - @"
        )
    # Why somebody objects is quoted in the answer as it was written.
    return given.strip() if option == TEXTS["reason"] else text
