"""Draft batches: one per fund, control totals by several routes, ids that last."""

import dataclasses
import re

import polars as pl
import pytest

from flows.cli import app
from flows.cli.console import run_command
from flows.money.batch import Drafted, find_batch, list_batches, record_drafts
from flows.money.ledger_store import open_ledger
from flows.store import Home
from tests.money.money_town import (
    ANN,
    BOB,
    ONE,
    TWO,
    Town,
    determined_of,
    draw_up,
    leave_run,
    month,
    night,
    refund,
    run_name,
)
from transforms.errors import ContractError, DigestDiffersError
from transforms.money.batches import INSTRUCTION_SCHEMA, budget_mark, control_totals, payment_name

ROWS = [
    refund(100),
    refund(70, TWO),
    month("internship_subsidy", ANN, 5, "2020-01", ONE),
    month("internship_subsidy", BOB, 6, "2020-01", ONE),
    month("graduate_hire_insurance", ANN, 7, "2020-02", ONE),
]


def instructions_of(drafted: Drafted) -> pl.DataFrame:
    return pl.concat(batch.instructions for batch in drafted.batches)


def test_a_batch_per_fund_an_instruction_per_policy_and_beneficiary(home: Home) -> None:
    drafted = night(home, "R1", ROWS)[1]
    assert [batch.fund for batch in drafted.batches] == ["失业保险基金", "就业补助资金"]
    instructions = instructions_of(drafted)
    counted = instructions.select("policy_id", "beneficiary_id", "amount_fen", "line_count")
    assert sorted(counted.rows()) == [
        ("graduate_hire_insurance", ONE, 7, 1),
        ("internship_subsidy", ONE, 11, 2),
        ("stability_refund", ONE, 100, 1),
        ("stability_refund", TWO, 70, 1),
    ]
    assert instructions.columns == list(INSTRUCTION_SCHEMA)


def test_payment_ids_last_and_differ_by_run_policy_and_beneficiary(home: Home) -> None:
    first, second = (instructions_of(night(home, run, ROWS)[1]) for run in ("R1", "R2"))
    ids = [*first["payment_id"], *second["payment_id"]]
    assert len(set(ids)) == 8
    assert all(re.fullmatch("[A-Z0-9]{1,35}", payment_id) for payment_id in ids)
    assert payment_name("B", "p", "person", "1") != payment_name("B", "p", "person1", "")


def test_control_totals_that_differ_by_route_are_a_broken_promise(home: Home) -> None:
    batch = night(home, "R1", ROWS)[1].batches[0]
    payable = batch.lines.with_columns(pl.col("amount_fen").alias("due_fen"))
    assert control_totals(payable, batch.lines, batch.instructions)["amount_fen"] == 170
    one_more = pl.col("amount_fen") + 1
    for frames in (
        (payable.with_columns(pl.col("due_fen") + 1), batch.lines, batch.instructions),
        (payable, batch.lines.with_columns(one_more), batch.instructions),
        (payable, batch.lines, batch.instructions.with_columns(one_more)),
        (payable.head(1), batch.lines, batch.instructions),
    ):
        with pytest.raises(ContractError, match="differ by route"):
            control_totals(*frames)


@pytest.mark.parametrize(
    ("budget_fen", "spent_fen", "mark"),
    [(None, 0, "no budget"), (100, 0, ""), (99, 0, "over"), (150, 50, ""), (150, 51, "over")],
)
def test_a_budget_holds_to_the_fen(budget_fen: int | None, spent_fen: int, mark: str) -> None:
    said = budget_mark(budget_fen, spent_fen, 100)
    assert str(said or "").startswith(mark) and bool(said) is bool(mark)


def test_a_night_with_nothing_to_pay_drafts_nothing_and_withdraws_the_rest(home: Home) -> None:
    night(home, "R1", ROWS)
    assert night(home, "R2", [])[1].batches == []
    assert {batch["state"] for batch in list_batches(home)} == {"withdrawn"}


def test_a_night_in_which_no_policy_ran_drafts_nothing(home: Home) -> None:
    determined = determined_of(home.root / "extracts", [], Town())
    determined = dataclasses.replace(determined, policies={})
    entitled, drafted = draw_up(home, run_name("R1"), determined)
    leave_run(home, "R1", entitled=entitled)
    with open_ledger(home) as ledger:
        record_drafts(home, drafted, ledger)
    assert entitled.entitlements.height == entitled.findings.height == 0
    assert drafted.batches == []


def test_one_run_with_two_contents_is_noticed(home: Home) -> None:
    night(home, "R1", ROWS)
    with pytest.raises(DigestDiffersError, match="differs in"):
        night(home, "R1", ROWS[:1])


def test_the_manifest_says_what_went_in_and_which_numbers_are_unconfirmed(home: Home) -> None:
    manifest = night(home, "R1", ROWS)[1].batches[0].manifest
    assert manifest["control"]["by_policy"] == [
        {
            "policy_id": "stability_refund",
            "instruction_count": 2,
            "line_count": 2,
            "amount_fen": 170,
        }
    ]
    assert manifest["unconfirmed"][0]["name"] == "layoff_rate_method"
    assert manifest["funding"]["budget_fen"] == 100_000_000
    assert manifest["funding"]["profile"]["encoding"] == "gb18030"


def test_the_beginning_of_a_batchs_id_does_to_look_at_it_and_no_act_takes_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (batch.batch_id for batch in night(home, "R1", ROWS)[1].batches)
    shared = next(n for n in range(len(first)) if first[n] != second[n])
    short, where = first[: shared + 1], ["--home", str(home.root)]
    assert find_batch(home, short) == find_batch(home, first) == first
    assert run_command(app, ["batch", "show", short, *where]) == 0
    assert first in capsys.readouterr().out
    assert run_command(app, ["batch", "show", first[:shared], *where]) == 2
    assert "means B" in capsys.readouterr().err
    assert run_command(app, ["batch", "show", f"{first}0", *where]) == 13
    assert run_command(app, ["batch", "withdraw", short, "--reason", "x", *where]) == 13
    assert f"knows no batch {short}: give the whole id" in capsys.readouterr().err
    assert {one["state"] for one in list_batches(home)} == {"draft"}
