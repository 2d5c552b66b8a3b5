"""Entitlements against a second implementation, row by row, over random nights."""

from collections import defaultdict
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.texts import exclusions
from transforms.money.claims import claimed_rows
from transforms.money.entitlements import (
    KEY,
    decide_statuses,
    net_against_ledger,
    open_rows,
    settle_exclusions,
)
from transforms.money.paid_elsewhere import paid_under_another, settle_what_stays

MONTHLY = ("graduate_hire_insurance", "graduate_flexible_insurance", "benefit_to_retirement")
PAIR = ("stability_refund_difficult", "stability_refund")
UNSUPPORTED = ("2020-01", "2020")
PERSONS, EMPLOYERS = ("P1", "P2"), ("E1", "E2")
Key = tuple[str, ...]

monthly = st.tuples(
    st.sampled_from(MONTHLY),
    st.sampled_from(("2020-01", "2020-02")),
    st.just("person"),
    st.sampled_from(PERSONS),
    st.just("employer"),
    st.sampled_from(EMPLOYERS),
)
yearly = st.tuples(st.sampled_from(PAIR), st.sampled_from(EMPLOYERS)).map(
    lambda pair: (pair[0], "2020", "employer", pair[1], "employer", pair[1])
)
keys = st.one_of(monthly, yearly)
amounts = st.integers(0, 3)
determined = st.dictionaries(keys, amounts, max_size=14)
paid_before = st.lists(st.tuples(keys, st.integers(1, 3)), max_size=10)
decisions = st.dictionaries(monthly, st.booleans(), max_size=6)


def frame(rows: list[tuple[Any, ...]], last: str, dtype: Any) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={**dict.fromkeys(KEY, pl.String), last: dtype}, orient="row")


def settle_pairs(eligible: dict[Key, int], before: dict[Key, int]) -> set[Key]:
    """Move what was paid to the refund that stands; return the others."""
    superseded = set()
    for employer in EMPLOYERS:
        pair = [(policy, "2020", "employer", employer, "employer", employer) for policy in PAIR]
        if all(key in eligible for key in pair):
            loser = pair[0] if eligible[pair[1]] > eligible[pair[0]] else pair[1]
            winner = pair[0] if loser == pair[1] else pair[1]
            before[winner] += before.pop(loser, 0)
            superseded.add(loser)
    return superseded


def settle_month(group: list[Key], said: dict[Key, bool]) -> tuple[set[Key], set[Key]]:
    """Return who is superseded and who is in conflict in one person's month."""
    if len(group) < 2:
        return set(), set()
    yes = [key for key in group if said.get(key) is True]
    left = [key for key in group if said.get(key) is not False]
    standing = yes if len(yes) == 1 else left if len(left) == 1 else []
    if standing:
        return set(group) - set(standing), set()
    return set(group) - set(left), set(left)


def status_of(
    key: Key, fen: int, was: int, superseded: set[Key], conflict: set[Key], held: set[str]
) -> tuple[int, int, str]:
    if fen < was:
        # Nothing of tonight speaks against those of the first month: none is asked back.
        return (was, 0, "unsupported") if key[1] in UNSUPPORTED else (was, fen - was, "recovery")
    if key in superseded or key in conflict:
        return was, 0, "superseded" if key in superseded else "conflict"
    if fen == was:
        return was, 0, "nothing_due"
    return was, fen - was, "held" if key[5] in held else "payable"


Row = tuple[int, int, int, str]


def beside_what_was_paid(rows: dict[Key, Row], eligible: dict[Key, int], stays: set[str]) -> None:
    """Let what was paid as another row, and is not asked back, count: held, less or nothing due."""
    for key, (fen, was, due, status) in sorted(rows.items()):
        group = PAIR if key[0] in PAIR else MONTHLY
        others = [
            other
            for other, row in rows.items()
            if other not in eligible
            and other[0] in group
            and (other[1], other[3]) == (key[1], key[3])
            and row[3] == "unsupported"
        ]
        if status not in ("payable", "held") or not others:
            continue
        if not all(other[5] in stays for other in others):
            rows[key] = (fen, was, due, "held")
        elif key[0] in PAIR and due >= rows[others[0]][1]:
            moved = rows[others[0]][1]
            rows[key] = (fen, was + moved, due - moved, status if due > moved else "nothing_due")
            rows[others[0]] = (0, 0, 0, "superseded")
        else:
            rows[key] = (fen, was, 0, "superseded")


def expected(
    eligible: dict[Key, int],
    paid: list[tuple[Key, int]],
    said: dict[Key, bool],
    held: set[str],
    stays: set[str],
) -> dict[Key, Row]:
    """Say of each key what is determined, was paid before, is due, and its status, one by one."""
    before: dict[Key, int] = defaultdict(int)
    for key, fen in paid:
        before[key] += fen
    superseded, conflict = settle_pairs(eligible, before), set()
    for person in PERSONS:
        for month in ("2020-01", "2020-02"):
            group = [k for k in eligible if k[1] == month and k[3] == person and eligible[k] > 0]
            lost, open_keys = settle_month(group, said)
            superseded, conflict = superseded | lost, conflict | open_keys
            # What a clerk supersedes is determined 0: what was paid for it is asked back.
            eligible = {key: 0 if key in lost else fen for key, fen in eligible.items()}
    present = {*eligible, *(key for key, fen in before.items() if fen)}
    rows = {
        key: (
            eligible.get(key, 0),
            *status_of(key, eligible.get(key, 0), before.get(key, 0), superseded, conflict, held),
        )
        for key in present
    }
    beside_what_was_paid(rows, eligible, stays)
    return rows


some = st.sets(st.sampled_from(EMPLOYERS))


@settings(max_examples=300, deadline=None)
@given(determined, paid_before, decisions, some, some)
def test_every_row_is_as_a_second_implementation_says(
    eligible: dict[Key, int],
    paid: list[tuple[Key, int]],
    said: dict[Key, bool],
    held: set[str],
    stays: set[str],
) -> None:
    answers = frame([(*key, is_yes) for key, is_yes in said.items()], "is_yes", pl.Boolean)
    lines = frame([(*key, fen) for key, fen in paid], "amount_fen", pl.Int64)
    rows = net_against_ledger(
        frame([(*key, fen) for key, fen in eligible.items()], "amount_fen", pl.Int64),
        lines,
        {(key[0], key[1]): False for key, _ in paid},
    )
    answered = answers.drop("subject_kind", "beneficiary_kind")
    settled = settle_exclusions(rows, exclusions(), answered)
    is_kept = pl.col("beneficiary_id").is_in(sorted(stays))
    causes = claimed_rows(settled).select(
        "row_number",
        is_claim=~pl.col("period").is_in(UNSUPPORTED),
        cause=pl.when(is_kept).then(pl.lit("clerk_kept")).otherwise(pl.lit("rows_gone")),
        cause_rows=pl.lit(""),
        sure_fen=0,
    )
    found = paid_under_another(open_rows(settled), lines, settled, causes, exclusions())
    settled = settle_what_stays(settled, found)
    causes = causes.join(claimed_rows(settled), on="row_number", how="semi")
    waits = found.filter(~pl.col("stays"))["row_number"].implode()
    is_held = pl.col("beneficiary_id").is_in(sorted(held)) | pl.col("row_number").is_in(waits)
    holds = open_rows(settled).filter(is_held)
    entitlements = decide_statuses(
        settled,
        holds.select("row_number", pl.lit("account_missing").alias("hold_reason")),
        causes,
    )
    found = {
        tuple(row[name] for name in KEY): (row["paid_before_fen"], row["due_fen"], row["status"])
        for row in entitlements.iter_rows(named=True)
    }
    wanted = expected(eligible, paid, said, held, stays)
    assert found == {key: row[1:] for key, row in wanted.items()}
    assert entitlements["paid_before_fen"].sum() == sum(fen for _, fen in paid)
    assert entitlements["determined_fen"].sum() == sum(row[0] for row in wanted.values())
    # Conservation: what was paid and is determined less stays with its holder, or is asked back.
    due, left = entitlements["due_fen"].sum(), pl.col("paid_before_fen") - pl.col("determined_fen")
    others = entitlements.filter(pl.col("status").is_in(["payable", "held", "recovery"]))
    kept = entitlements.filter(pl.col("status") == "unsupported").select(left).sum().item()
    assert due == others.select(-left).sum().item() and kept >= 0
