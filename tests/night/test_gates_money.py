"""The gates over what the money stage really makes: sound nights pass, tampered ones stop."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.night import gates
from flows.store import Home
from tests.money.money_town import (
    ANN,
    AS_OF,
    BOB,
    ONE,
    TWO,
    Town,
    account,
    answer,
    determined_of,
    draw_up,
    month,
    new_home,
    pay,
    refund,
)
from transforms.gates import GateOutcome
from transforms.money import entitlements, exclusions
from transforms.money.batches import DraftBatch

SOUND = [
    refund(100_00),
    month("benefit_to_retirement", ANN, 1719_00),
    month("internship_subsidy", BOB, 1146_00, payee=TWO),
]


def judged(
    home: Home,
    rows: Sequence[dict[str, Any]],
    tamper: Any = None,
    day: date = AS_OF,
    **other: Any,
) -> list[GateOutcome]:
    """Do the money's part of a night and judge its three boundaries; nothing is recorded."""
    town = other.pop("town", Town())
    determined = determined_of(home.root / "extracts", rows, town, **other)
    connection = determined.connection
    entitled, drafted = draw_up(home, "R2", determined, day=day.isoformat())
    batches = [tamper(batch) for batch in drafted.batches] if tamper else drafted.batches
    statuses = {name: run.status for name, run in determined.policies.items()}
    gates.register_policy_runs(connection, statuses, day)
    gates.register(connection, "entitlements", entitled.entitlements)
    gates.register_drafts(connection, batches)
    boundaries = ("determinations", "entitlements", "batch")
    return [gates.judge_boundary(connection, boundary, AS_OF) for boundary in boundaries]


def stopping(outcomes: Sequence[GateOutcome]) -> list[str]:
    return [check.check for gate in outcomes for check in gate.checks if check.stops_run]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        SOUND,
        [refund(100_00), refund(200_00, policy="stability_refund_difficult")],
        [month("benefit_to_retirement", ANN, 1), month("graduate_flexible_insurance", ANN, 2)],
        [month("graduate_flexible_insurance", ANN, 0)],
    ],
    ids=["nobody", "three funds' lines", "superseded", "conflict", "an amount of zero"],
)
def test_a_sound_night_is_not_stopped(home: Home, rows: Sequence[dict[str, Any]]) -> None:
    assert stopping(judged(home, rows)) == []


@pytest.mark.parametrize(
    "rows",
    [
        SOUND,
        SOUND[1:],
        [refund(60_00), *SOUND[1:]],
        [refund(160_00), *SOUND[1:]],
        [*SOUND, refund(200_00, policy="stability_refund_difficult")],
    ],
    ids=["nothing due", "no longer eligible", "less", "more", "paid under the other policy"],
)
def test_a_night_after_payment_is_not_stopped(home: Home, rows: Sequence[dict[str, Any]]) -> None:
    pay(home, "R1", SOUND)
    assert stopping(judged(home, rows)) == []


RIVALS = [
    month("benefit_to_retirement", ANN, 1),
    month("graduate_flexible_insurance", ANN, 2),
    month("internship_subsidy", ANN, 4, payee=ONE),
]


def decided(*said: bool | None) -> Town:
    """Let a clerk say of some of the rivals whether they stand."""
    rows = zip(RIVALS, said, strict=True)
    return Town(
        answers=[
            answer(row["policy_id"], ANN, yes, payee=row["beneficiary_id"])
            for row, yes in rows
            if yes is not None
        ]
    )


SAID = (None, True, False)
# Whatever two of the three are told, in every combination of the two.
EACH_PAIR = [
    (SAID[a], SAID[b], SAID[(a + b) % 3]) for a, b in itertools.product(range(3), repeat=2)
]


@pytest.mark.parametrize("is_paid", [False, True])
@pytest.mark.parametrize("said", EACH_PAIR)
def test_a_night_after_a_clerk_settled_a_conflict_is_not_stopped(
    home: Home, said: tuple[bool | None, ...], is_paid: bool
) -> None:
    """It was, whatever he said: a row he sets aside is determined 0, and the gate saw a loss."""
    if is_paid:
        pay(home, "R1", RIVALS[:1])
    assert stopping(judged(home, RIVALS, town=decided(*said))) == []


@pytest.mark.parametrize("said", [(True, None, None), (False, None, None), (None, True, None)])
@pytest.mark.parametrize("absent", [0, 1])
def test_a_night_without_a_policy_that_a_clerk_spoke_about_is_not_stopped(
    home: Home, said: tuple[bool | None, ...], absent: int
) -> None:
    pay(home, "R1", RIVALS[:1])
    town, rows = decided(*said), [row for row in RIVALS if row != RIVALS[absent]]
    not_run = [RIVALS[absent]["policy_id"]]
    assert stopping(judged(home, rows, town=town, not_run=not_run)) == []
    assert stopping(judged(home, rows[:1], town=town, not_run=not_run)) == []


@pytest.mark.parametrize("day", [date(2021, 6, 30), date(2021, 7, 1)])
@pytest.mark.parametrize("is_paid", [False, True])
def test_a_night_after_a_policy_ended_that_a_clerk_let_stand_is_not_stopped(
    home: Home, day: date, is_paid: bool
) -> None:
    """What was not paid under it by then leaves the month to the others."""
    ended, other = RIVALS[1], month("flexible_insurance_extension", ANN, 3)
    town = Town(answers=[answer(ended["policy_id"], ANN, True)])
    if is_paid:
        pay(home, "R1", [ended])
    given: dict[str, Any] = {"town": town, "not_run": [ended["policy_id"]], "day": day}
    assert stopping(judged(home, [other], **given)) == []


def test_a_row_that_no_exclusion_names_is_nobodys_rival(home: Home) -> None:
    """What a clerk lets stand of a person's month sets aside its rivals, and nothing else."""
    beside = month("new_hire_subsidy", ANN, 8, payee=ONE)
    assert stopping(judged(home, [*RIVALS, beside], town=decided(True, None, None))) == []


@pytest.mark.parametrize("said", [(None, None, None), (True, True, None), (None, True, False)])
def test_a_row_that_no_clerk_set_aside_is_not_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch, said: tuple[bool | None, ...]
) -> None:
    settle = exclusions.settle_by_clerk

    def lose(*given: Any) -> pl.DataFrame:
        rows = settle(*given)
        is_lost = pl.col("policy_id") == "graduate_flexible_insurance"
        return rows.with_columns(
            pl.when(is_lost).then(0).otherwise("determined_fen").alias("determined_fen")
        )

    monkeypatch.setattr(entitlements, "settle_by_clerk", lose)
    found = stopping(judged(home, RIVALS, town=decided(*said)))
    assert {"determined_carried", "determined_total"} <= set(found)


def test_holds_of_every_sort_are_not_stopped(home: Home) -> None:
    town = Town(accounts=[account(ONE, "别家厂"), account(ANN, "安娜", account_state="冻结")])
    assert stopping(judged(home, SOUND, town=town)) == []
    assert stopping(judged(home, SOUND, town=Town(accounts=None))) == []


def test_a_policy_that_did_not_run_asks_nothing_back(home: Home) -> None:
    pay(home, "R1", SOUND)
    assert stopping(judged(home, SOUND[1:], not_run=["stability_refund"])) == []


def one_more_fen(batch: DraftBatch) -> DraftBatch:
    raised = batch.instructions.with_columns(pl.col("amount_fen") + 1)
    return replace(batch, instructions=raised)


def another_account(batch: DraftBatch) -> DraftBatch:
    moved = batch.instructions.with_columns(pl.lit("6222000000000000").alias("account_no"))
    return replace(batch, instructions=moved)


def one_line_twice(batch: DraftBatch) -> DraftBatch:
    return replace(batch, lines=pl.concat([batch.lines, batch.lines.head(1)]))


@pytest.mark.parametrize(
    ("tamper", "stopped_by"),
    [
        (
            one_more_fen,
            ["instructions_sum_lines", "control_totals_agree", "instructions_total"],
        ),
        (another_account, ["destinations_delivered"]),
        (
            one_line_twice,
            ["instructions_sum_lines", "payable_drafted", "control_totals_agree", "lines_total"],
        ),
    ],
)
def test_a_batch_that_is_off_by_one_fen_line_or_account_is_stopped(
    home: Home, tamper: Any, stopped_by: list[str]
) -> None:
    assert stopping(judged(home, SOUND, tamper)) == stopped_by
