"""What a real night leaves for people: lists, the omitted, the clerk's questions, explanations."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from flows.answers import holds
from flows.answers.clerical import register_answers
from flows.answers.explain import explain_line
from flows.answers.holds import ACCOUNT_HOLDS
from flows.audit.replay import replay
from flows.cli import app
from flows.cli.console import run_command
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from sql.texts import policy_cards
from tests.conftest import AS_OF, make_home
from transforms.amounts import yuan_text
from transforms.answers.dossier import dossier_lines

KEY = ["policy_id", "period", "subject_id", "beneficiary_id"]


@pytest.fixture(scope="module")
def night(run_home: tuple[Path, dict[str, Any]]) -> Iterator[tuple[Home, Path]]:
    root, summary = run_home
    yield Home(root), root / "runs" / summary["run_id"]


def test_the_run_leaves_every_list_and_report(night: tuple[Home, Path]) -> None:
    _, folder = night
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"omitted.xlsx", "omitted.parquet", "clerical_decisions.xlsx"} <= left
    for name, card in policy_cards().items():
        assert (f"lists/{name}.csv" in left) == (card.kind != "payment")


def test_relief_and_referral_never_reach_a_batch(night: tuple[Home, Path]) -> None:
    home, folder = night
    unpaid = {name for name, card in policy_cards().items() if card.kind != "payment"}
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    assert not set(entitlements["policy_id"]) & unpaid
    for batch in json.loads((folder / "manifest.json").read_text("utf-8"))["batches"]:
        lines = pl.read_parquet(home.batches / batch / "lines.parquet")
        assert lines.height and not set(lines["policy_id"]) & unpaid


def test_nobody_eligible_is_lost(night: tuple[Home, Path]) -> None:
    """Eligible rows are payable, due nothing, superseded, on a list, or on the omitted report."""
    _, folder = night
    determinations = pl.read_parquet(folder / "determinations.parquet")
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    omitted = pl.read_parquet(folder / "omitted.parquet")
    paid = [name for name, card in policy_cards().items() if card.kind == "payment"]
    settled = entitlements.filter(
        pl.col("status").is_in(["payable", "nothing_due", "superseded", "recovery", "unsupported"])
    )
    eligible = determinations.filter(
        (pl.col("outcome") == "eligible") & pl.col("policy_id").is_in(paid)
    )
    lost = eligible.join(settled, on=KEY, how="anti").join(omitted, on=KEY, how="anti")
    assert eligible.height and lost.height == 0
    undetermined = determinations.filter(pl.col("outcome") == "undetermined")
    assert undetermined.join(omitted, on=KEY, how="anti").height == 0


def explain_row(home: Home, folder: Path, row: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Explain the one row that a determination or an entitlement names."""
    names = ("policy_id", "beneficiary_id", "subject_id", "period")
    told = explain_line(home, *(row[name] for name in names), folder.name)
    (entry,) = told["policies"]
    return entry, dossier_lines(told)


def test_explain_works_for_every_policy_and_outcome(night: tuple[Home, Path]) -> None:
    home, folder = night
    determinations = pl.read_parquet(folder / "determinations.parquet")
    some = determinations.group_by("policy_id", "outcome", maintain_order=True).head(1)
    assert set(some["policy_id"]) == set(policy_cards())
    for row in some.to_dicts():
        content, lines = explain_row(home, folder, row)
        (explained,) = content["rows"]
        assert explained["outcome"] == row["outcome"]
        false = [p["provision"] for p in explained["provisions"] if p["value"] == "false"]
        assert bool(false) == (row["outcome"] == "ineligible")
        assert len(lines) > len(explained["provisions"])


def test_explain_shows_the_payment_of_a_payable_line(night: tuple[Home, Path]) -> None:
    home, folder = night
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    row = entitlements.filter(pl.col("status") == "payable").row(0, named=True)
    content, lines = explain_row(home, folder, row)
    (explained,) = content["rows"]
    assert explained["entitlement"]["due_fen"] == row["due_fen"]
    (payment,) = explained["payments"]
    assert payment["payment_id"] in "\n".join(lines)
    assert payment["amount_fen"] >= row["due_fen"]


def test_explain_shows_all_claimants_of_a_conflict(night: tuple[Home, Path]) -> None:
    home, folder = night
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    row = entitlements.filter(pl.col("status") == "conflict").row(0, named=True)
    content, lines = explain_row(home, folder, row)
    claimants = content["rows"][0]["claimants"]
    assert len(claimants) >= 2 and row["policy_id"] in {c["policy_id"] for c in claimants}
    assert {row["reason"]} <= {c["policy_id"] for c in claimants}
    assert sum("claimed by" in line for line in lines) == len(claimants)
    assert any("by the rule" in line and "财社〔2017〕164号" in line for line in lines)


def test_explain_says_what_supersedes_a_line_and_by_which_rule(night: tuple[Home, Path]) -> None:
    home, folder = night
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    row = entitlements.filter(pl.col("status") == "superseded").row(0, named=True)
    content, lines = explain_row(home, folder, row)
    (instead,) = content["rows"][0]["superseded_by"]
    (of,) = entitlements.filter(policy_id=row["reason"], **{n: row[n] for n in KEY[1:]}).to_dicts()
    assert instead["determined_fen"] == of["determined_fen"] >= row["determined_fen"]
    assert f"{yuan_text(of['determined_fen'])} 元" in next(one for one in lines if "stands " in one)
    (rule,) = content["rows"][0]["exclusions"]
    assert rule["authority"].startswith("川政发〔2020〕3号 附件第5项")
    assert any(rule["authority"] in line for line in lines)


# Nobody in the town has a bank or number that the bank's file can't hold: see below.
NOT_IN_TOWN = "account_not_encodable"


@pytest.mark.parametrize("reason", [*sorted({*ACCOUNT_HOLDS} - {NOT_IN_TOWN}), "identity_conflict"])
def test_explain_shows_the_rows_that_hold_a_line(night: tuple[Home, Path], reason: str) -> None:
    home, folder = night
    entitlements = pl.read_parquet(folder / "entitlements.parquet")
    held = entitlements.filter(status="held", reason=reason)
    content, lines = explain_row(home, folder, held.row(0, named=True))
    sources = {one["kind"]: one for one in content["rows"][0]["sources"]}
    text = "\n".join(lines)
    for source in sources.values():
        for found in source["rows"]:
            assert found["file:line"] in text
            assert "account_no" not in found or found["account_no"].startswith("****")
    if reason == "identity_conflict":
        names = [sources[kind]["rows"][0]["name"] for kind in ("insured_persons", "residents")]
        assert len(set(names)) == 2
        return
    counts = {"account_missing": 0, "account_ambiguous": 2}
    assert sources["accounts"]["row_count"] == counts.get(reason, 1)
    known = {cell for kind, one in sources.items() if kind != "accounts" for cell in _names(one)}
    assert bool(known) == (reason != "no_reference_name")
    if reason == "account_name_mismatch":
        assert not known & {*_names(sources["accounts"])}


def test_what_the_banks_file_cant_hold_rests_on_the_same_rows_whatever_it_is(
    night: tuple[Home, Path],
) -> None:
    entitlements = pl.read_parquet(night[1] / "entitlements.parquet")
    row = entitlements.filter(reason="holder_not_encodable").row(0, named=True)
    of_holder, of_account = (
        [*holds._asked({**row, "reason": reason}, [])] for reason in (row["reason"], NOT_IN_TOWN)
    )
    assert of_account == of_holder and of_account[0][0] == "accounts"


def _names(source: dict[str, Any]) -> set[str]:
    heads = ("name", "employer_name", "holder")
    return {row[head] for row in source["rows"] for head in heads if head in row}


def test_a_damaged_or_missing_file_is_told_without_a_traceback(
    night: tuple[Home, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = night
    shutil.copytree(home.root, tmp_path / "home")
    row = pl.read_parquet(folder / "determinations.parquet").row(0, named=True)
    words = ["explain", folder.name, "--policy", row["policy_id"]]
    words += ["--beneficiary", row["beneficiary_id"], "--home", str(tmp_path / "home")]
    copy = tmp_path / "home" / "runs" / folder.name / "determinations.parquet"
    copy.write_bytes(copy.read_bytes()[:100])
    assert run_command(app, words) == 14
    copy.unlink()
    assert run_command(app, words) == 14
    told = capsys.readouterr().err
    assert told.count(str(copy)) == 2 and "find out who changed it" in told
    assert "Traceback" not in told and row["beneficiary_id"] not in told
    shutil.copy(folder / "determinations.parquet", copy)
    shutil.rmtree(tmp_path / "home" / "snapshots")
    assert run_command(app, words) == 10


def test_explain_prints_one_json_object(
    night: tuple[Home, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = night
    row = pl.read_parquet(folder / "determinations.parquet").row(0, named=True)
    words = ["explain", folder.name, "--policy", row["policy_id"], "--home", str(home.root)]
    assert run_command(app, [*words, "--beneficiary", row["beneficiary_id"], "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["run_id"] == folder.name and content["policies"][0]["rows"]


def test_a_clerks_answer_settles_an_unknown_provision_in_the_next_run(
    town: Path, night: tuple[Home, Path], tmp_path: Path
) -> None:
    _, folder = night
    filled = tmp_path / "filled.xlsx"
    shutil.copy(folder / "clerical_decisions.xlsx", filled)
    book = openpyxl.load_workbook(filled)
    page, about = book.worksheets
    wanted = "s5_not_dispatcher"
    rows = about.iter_rows(min_row=3, values_only=True)
    # Behind the question's number stands what ties it to its line, other on each sheet.
    asked = {row[4].split("-")[0] for row in rows if wanted in row}
    places = {cell.value: cell.column for cell in page[3]}
    for number in range(page.max_row, 3, -1):
        if page.cell(number, places["题号"]).value.split("-")[0] not in asked:
            page.delete_rows(number)
            continue
        page.cell(number, places["裁定"]).value = "是"
        page.cell(number, places["裁定日期"]).value = AS_OF.isoformat()
    book.save(filled)
    home = make_home(tmp_path / "home")
    count = register_answers(home, filled, {"decided_by": "王核"})["new_lines"]
    summary = run_night(NightRequest(home, AS_OF, town), Progress())
    after = pl.read_parquet(home.runs / summary["run_id"] / "determinations.parquet")
    before = pl.read_parquet(folder / "determinations.parquet")
    assert count and reasons(before, wanted) == count and reasons(after, wanted) == 0
    # It needs nothing of the home any more: the snapshot holds what was decided.
    assert replay(home, summary["run_id"], from_raw=True)["verdict"] == "identical"
    policy = home.runs / summary["run_id"] / "policies" / "stability_refund.parquet"
    answered = pl.read_parquet(policy).filter(pl.col("clerk_answers").list.len() > 0)
    row = answered.row(0, named=True)
    told = explain_line(
        home, "stability_refund", row["beneficiary_id"], None, None, summary["run_id"]
    )
    lines = dossier_lines(told)
    assert any("a clerk decided: 是" in line for line in lines)
    assert any("人工裁定登记簿.csv:" in line and "王核" in line for line in lines)


def reasons(determinations: pl.DataFrame, provision: str) -> int:
    return determinations.filter(
        (pl.col("outcome") == "undetermined") & pl.col("reason_codes").list.contains(provision)
    ).height
