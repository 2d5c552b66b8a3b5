"""What may speak against one claim: rows of tonight, held against those of the runs that paid it.

Whether it does, the rules are asked (`spoken.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from flows.answers.snapshot_rows import SnapshotRows
from flows.night.by_rules import Claim, given_by, key_of
from sql import policy_cards
from transforms.answers.source_rows import PLACE
from transforms.extracts.kinds import KINDS
from transforms.money.claims import IN_PART, NOTHING_FOUND, TWICE
from transforms.policies.evidence import rows_against

SHOWN_ROWS = 20
# The supplier's own number of a row says nothing about anybody.
NOT_CONTENT = (*PLACE, "serial_no")
ROW_FOUND, UNDER_BOTH, ROWS_GONE = "row_found", "paid_under_both", "rows_gone"
# Whether a claim is one, the cause, its rows, and what of it is sure where it is none.
Cause = tuple[bool, str, str, int]
# Provisions that are not true; none: all are; None: there is no such row.
Reasons = Sequence[str] | None
# File and line of rows; of rows of before, by the snapshot that has them and their kind.
Places = set[tuple[str, int]]
Lost = dict[tuple[Path, str], Places]


@dataclass(frozen=True)
class RunThen:
    """A run that determined a payment: its rows, and what it determined by key, and why not."""

    rows: SnapshotRows
    determined_fen: Mapping[tuple[str, ...], int]
    reason_codes: Mapping[tuple[str, ...], Sequence[str]]


def cause_of(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> Cause:
    """Say whether a claim may be one, the cause, the rows, and what is sure without any row.

    New rows where one could speak make it one as far as the rules agree (`limited`).
    """
    key = key_of(claim)
    before = [run.determined_fen[key] for run in then if key in run.determined_fen]
    is_same = bool(before) and claim["determined_fen"] >= max(before)
    if claim["is_eligible"] and claim["is_own"] and is_same:
        # Nothing is determined otherwise: the other policy of a pair was paid too, or what came
        # back had arrived after all.
        moved = claim["paid_before_fen"] > claim["own_fen"]
        return True, UNDER_BOTH if moved else TWICE, "", 0
    sure_fen = max(0, claim["own_fen"] - max(before)) if claim["is_own"] and before else 0
    reasons = reasons_tonight(claim)
    came, lost = rows_changed(claim, tonight, then, reasons)
    # Of a row that is no more, nothing was asked that its provisions look at: that may speak, too.
    if came or (reasons is None and _came_beside(claim, tonight, then)):
        return True, ROW_FOUND, places_of(came), sure_fen
    gone = places_of(lost)
    if sure_fen:
        return False, IN_PART, gone, sure_fen
    return False, ROWS_GONE if gone else NOTHING_FOUND, gone, 0


def limited(claim: Claim, cause: Cause, by_rows_fen: int, else_: str, gone: str = "") -> Cause:
    """Ask back no more of a claim than rows take away, and what is sure without them.

    `else_`: the cause, where they take away nothing; `gone`: the rows that vanished
    """
    _, _, rows, sure_fen = cause
    sure_fen += max(0, by_rows_fen)
    if sure_fen >= claim["paid_before_fen"] - claim["determined_fen"]:
        return cause
    return (False, IN_PART, rows, sure_fen) if sure_fen else (False, else_, gone, 0)


def reasons_tonight(claim: Claim) -> Reasons:
    """Return why a claim's row does not stand tonight."""
    return [] if claim["is_eligible"] else claim["reason_codes"]


def _asked(
    claim: Claim, then: Sequence[RunThen], reasons: Reasons
) -> Iterator[tuple[Claim, Mapping[str, Any]]]:
    """Give what is looked into, and of which row: of the claim's, and of those that came before it.

    Of a row that counts towards a limit tonight and did not then: what is true of it only now.
    """
    card = policy_cards()[claim["policy_id"]]
    for spec in rows_against(card, reasons):
        yield claim, spec
    for other in rows_before(claim):
        for run in then:
            known = run.reason_codes.get(key_of(other))
            were = None if known is None else {*known} - {card.provision_names[-1]}
            if were is None or were:
                for spec in rows_against(card, were):
                    yield other, spec


def terms_over(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> str:
    """List the rows that stood when it was paid and whose known end has passed since.

    Of a list by which the one still stands tonight there is none.
    """
    found: dict[str, Places] = {}
    for row, spec in _asked(claim, then, reasons_tonight(claim)):
        now = tonight.rows_of(spec, row)
        if "valid_to" not in now.columns:
            continue
        ends = pl.col("valid_to")
        stands = now.filter(ends.is_null() | (ends >= tonight.as_of))
        over = now.filter(ends < tonight.as_of).join(stands, on="list", how="anti")
        for run in then:
            known = run.rows.rows_of(spec, row).filter(ends >= run.rows.as_of)
            _note(found, spec["kind"], _without(over, _without(over, known)))
    return places_of(found)


def rows_before(claim: Claim) -> Sequence[Claim]:
    """Return the rows of the same subject that a limit let stand before that of a claim."""
    limit = policy_cards()[claim["policy_id"]].provisions[-1]
    is_beyond = limit.limit is not None and limit.name in (claim["reason_codes"] or ())
    return (claim["counted"] or ()) if is_beyond else ()


def rows_changed(
    claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen], reasons: Reasons
) -> tuple[dict[str, Places], Lost]:
    """List what came where a row could speak that is there for such reasons, and is gone there.

    Rows:    returns  places of rows of tonight, by kind; of rows of before, by snapshot and kind
    """
    came: dict[str, Places] = {}
    gone: Lost = {}
    for row, spec in _asked(claim, then, reasons) if then else ():
        now = new = tonight.rows_of(spec, row)
        for run in then:
            old = run.rows.rows_of(spec, row)
            new = _without(new, old)
            _note(gone, (run.rows.folder, spec["kind"]), _without(old, now))
        _note(came, spec["kind"], new)
    return came, gone


def rows_vanished(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> Lost:
    """List the rows in whose place none came, of all that the cards of its money look at.

    Rows:    returns  places, by snapshot and kind
    """
    lost = Lost()
    for spec in _looked_at(claim):
        now = tonight.rows_of(spec, claim)
        for run in then:
            old = run.rows.rows_of(spec, claim)
            _note(lost, (run.rows.folder, spec["kind"]), _vanished(spec["kind"], now, old))
    return lost


def _came_beside(claim: Claim, tonight: SnapshotRows, then: Sequence[RunThen]) -> bool:
    """Say whether any row is new, of all that the cards of a claim's money look at."""
    for spec in _looked_at(claim) if then else ():
        new = tonight.rows_of(spec, claim)
        for run in then:
            new = _without(new, run.rows.rows_of(spec, claim))
        if new.height:
            return True
    return False


def _looked_at(claim: Claim) -> list[Mapping[str, Any]]:
    """List what the cards of a claim's money look at; several provisions look at the same rows."""
    cards = [policy_cards()[name] for name in sorted(given_by(claim))]
    provisions = (one for card in cards for one in card.provisions)
    listed = [spec for rows in (cards, provisions) for one in rows for spec in one.rows]
    meant = [{name: value for name, value in spec.items() if name != "for"} for spec in listed]
    return [*{repr(sorted(spec.items())): spec for spec in meant}.values()]


def _note(found: dict[Any, Places], where: Any, rows: pl.DataFrame) -> None:
    if rows.height:
        found.setdefault(where, set()).update(rows.select(PLACE).iter_rows())


def _vanished(kind: str, now: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are gone and in whose place none came.

    That is one by which it is found again; of kinds that declare none, as many as are gone.
    """
    gone = _without(old, now)
    if not gone.height:
        return gone
    new, declared = _without(now, old), KINDS[kind]
    required = {column.name for column in declared.columns if column.required}
    if {*declared.stands_by} != required and {*declared.stands_by} <= {*gone.columns}:
        return _without(gone, new, declared.stands_by)
    return gone if gone.height > new.height else gone.clear()


def _without(rows: pl.DataFrame, others: pl.DataFrame, content: Sequence[str] = ()) -> pl.DataFrame:
    """Take off rows of the same content, one for one; file, line and serial are no content.

    Nor is a column that a kind got between the two nights: no row is another by it.
    """
    if not rows.height or not others.height:
        return rows
    both = [name for name in rows.columns if name in others.columns]
    content = content or [name for name in both if name not in NOT_CONTENT]
    counted = [
        frame.sort(PLACE).with_columns(pl.int_range(pl.len()).over(content).alias("nth"))
        for frame in (rows, others.select(both))
    ]
    left = counted[0].join(counted[1], on=[*content, "nth"], how="anti", nulls_equal=True)
    return left.drop("nth")


def places_of(found: Mapping[Any, Places]) -> str:
    """Write the places of rows of several kinds, file:line, so many of them."""
    shown = sorted({f"{file}:{line}" for at in found.values() for file, line in at})
    more = f"; {len(shown) - SHOWN_ROWS} more" if len(shown) > SHOWN_ROWS else ""
    return "; ".join(shown[:SHOWN_ROWS]) + more
