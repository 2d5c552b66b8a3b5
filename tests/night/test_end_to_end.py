"""The whole job on the sample town: every planted case, every promise of conservation."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_samples.town.scene_rows import paid_lines_of
from flows.cli.console import run_command
from flows.ingest.drop import SnapshotRef
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.night.determine import determine
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.night.summary import summarise_run
from flows.store import Home
from sql.texts import policy_cards
from tests.ceremony import key_of
from tests.conftest import AS_OF
from transforms.digest import frame_digest
from transforms.errors import LedgerForbidsError

ROOT = Path(__file__).parent.parent.parent
KEY = ["policy_id", "period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id"]


WATCHED = {
    *("deferral_due", "insurance_rate_check", "housing_fund_relief", "wage_arrears"),
    *("capacity_reduction_help", "poor_worker_aid", "incubator_extension", "layoff_warning"),
    *("layoff_compliance", "unemployment_coverage_gap", "assistance_referral"),
    "unemployed_contact",
}
NEW_KINDS = ("housing_fund", "tenancies", "layoff_reports")


def read_truth(town: Path, name: str) -> list[dict[str, str]]:
    with (town.parent / "truth" / name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def files_of(root: Path, folder: str) -> dict[str, bytes]:
    below = root / folder
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in below.rglob("*") if p.is_file()}


def release_everything(home: Home, batches: list[str]) -> list[dict[str, Any]]:
    released = []
    for batch_id in batches:
        for role in ("reviewer", "approver"):
            sign_batch(home, batch_id, role, key_of(home, role))
        released.append(release_batch(home, batch_id))
    return released


def test_the_first_look_shows_a_healthy_district(run_home: tuple[Path, dict[str, Any]]) -> None:
    root, summary = run_home
    manifest = json.loads((root / "runs" / summary["run_id"] / "manifest.json").read_text())
    states = {name: state for gate in manifest["gates"].values() for name, state in gate.items()}
    assert {"headcounts_steady", "payers_known", "payees_not_shared"} <= states.keys()
    assert [name for name, state in states.items() if state != "passed"] == []
    assert manifest["warnings"] == []


def test_every_planted_case_becomes_what_it_must(
    town: Path, run_home: tuple[Path, dict[str, Any]]
) -> None:
    root, summary = run_home
    path = root / "runs" / summary["run_id"] / "determinations.parquet"
    rows = pl.read_parquet(path).with_columns(pl.col("reason_codes").list.join("|"))
    found = {tuple(row[name] for name in KEY): row for row in rows.iter_rows(named=True)}
    wrong = []
    planted = read_truth(town, "expected.csv")
    for case in planted:
        row = found.get(tuple(case[name] for name in KEY))
        got = row and (row["outcome"], str(row["amount_fen"]), row["reason_codes"])
        if got != (case["outcome"], case["amount_fen"], case["reason_codes"]):
            wrong.append((case["policy_id"], case["case"], got))
    assert planted and not wrong, wrong[:10]


def division_of(subject_id: str) -> str:
    return subject_id[2:8] if subject_id.startswith("91") else subject_id[:6]


def test_a_case_of_one_list_stands_on_no_other(
    town: Path, run_home: tuple[Path, dict[str, Any]]
) -> None:
    root, summary = run_home
    planted = [row for row in read_truth(town, "expected.csv") if row["policy_id"] in WATCHED]
    card_of = {division_of(row["subject_id"]): row["policy_id"] for row in planted}
    assert set(card_of.values()) == WATCHED
    rows = pl.read_parquet(root / "runs" / summary["run_id"] / "determinations.parquet")
    shown = rows.filter(pl.col("outcome") != "ineligible").select("policy_id", "subject_id")
    also = {
        (card_of[division_of(subject)], policy)
        for policy, subject in shown.iter_rows()
        if card_of.get(division_of(subject), policy) != policy
    }
    # Whose benefit has ended is still registered as unemployed: that list is for all of them.
    assert also == {("assistance_referral", "unemployed_contact")}


def test_without_the_new_kinds_the_others_run(
    town: Path, run_home: tuple[Path, dict[str, Any]]
) -> None:
    root, summary = run_home
    folder = root / "snapshots" / summary["snapshot_id"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tables = SnapshotRef(folder.name, folder, manifest).tables()
    kept = {kind: paths for kind, paths in tables.items() if kind not in NEW_KINDS}
    assert len(tables) == len(kept) + len(NEW_KINDS)
    only = [name for name, card in policy_cards().items() if card.kind != "payment"]
    policies = determine(kept, AS_OF, paid_lines_of([]), threads=2, only=only).policies
    states = {name: policies[name].status for name in only}
    readers = {name for name in only if set(policy_cards()[name].reads) & {*NEW_KINDS}}
    assert readers == {"housing_fund_relief", "incubator_extension", "layoff_compliance"}
    assert {name for name, state in states.items() if state == "not_run"} == readers
    for name in readers:
        assert any(kind in str(policies[name].reason) for kind in NEW_KINDS)


def test_every_planted_entitlement_has_its_status(
    town: Path, run_home: tuple[Path, dict[str, Any]]
) -> None:
    root, summary = run_home
    rows = pl.read_parquet(root / "runs" / summary["run_id"] / "entitlements.parquet")
    names = ["policy_id", "period", "subject_id", "beneficiary_id"]
    found = {tuple(row[n] for n in names): row for row in rows.iter_rows(named=True)}
    planted = read_truth(town, "entitlements.csv")
    for case in planted:
        row = found[tuple(case[name] for name in names)]
        assert (row["status"], row["reason"] or "", str(row["due_fen"])) == (
            case["status"],
            case["reason"],
            case["due_fen"],
        ), case
    assert planted


def test_rows_in_are_accepted_or_quarantined(run_home: tuple[Path, dict[str, Any]]) -> None:
    root, summary = run_home
    folder = root / "snapshots" / summary["snapshot_id"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        assert entry["rows"] == entry["accepted"] + entry["quarantined"], entry["name"]
    quarantined = pl.read_parquet(folder / "quarantine.parquet").height
    assert quarantined == sum(entry["quarantined"] for entry in manifest["files"])


def test_same_bytes_whatever_the_threads(
    town: Path, run_home: tuple[Path, dict[str, Any]], tmp_path: Path, empty_home: Path
) -> None:
    root, summary = run_home
    threads = "4"
    home = shutil.copytree(empty_home, tmp_path / "home")
    asked = ["run", town, "--as-of", str(AS_OF), "--home", home, "--threads", threads, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "flows", *map(str, asked)],
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": threads},
        capture_output=True,
        check=True,
        timeout=240,
    )
    assert json.loads(done.stdout)["run_id"] == summary["run_id"]
    for folder in ("snapshots", "runs", "batches"):
        assert files_of(home, folder) == files_of(root, folder)


def test_a_night_of_a_day_to_come_says_so(
    run_home: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, summary = run_home
    manifest = json.loads((root / "runs" / summary["run_id"] / "manifest.json").read_text())
    assert summarise_run(Home(root), manifest) == summary
    monkeypatch.setattr("flows.night.summary.today", lambda: "2020-03-30")
    first, *others = summarise_run(Home(root), manifest)["warnings"]
    assert "2020-03-31 is a day to come (today is 2020-03-30)" in first
    assert others == summary["warnings"]


def test_same_run_twice_leaves_its_draft_standing(town: Path, home_after_run: Home) -> None:
    before = files_of(home_after_run.root, "batches")
    again = run_night(NightRequest(home_after_run, AS_OF, drop=town), Progress())
    assert before == files_of(home_after_run.root, "batches")
    assert all(f"batches/{batch}/manifest.json" in before for batch in again["batches"])


def test_money_is_conserved_to_the_ledger_and_paid_once(
    town: Path, home_after_run: Home, run_home: tuple[Path, dict[str, Any]]
) -> None:
    summary = run_home[1]
    release_everything(home_after_run, summary["batches"])
    run = home_after_run.runs / summary["run_id"]
    payable = pl.read_parquet(run / "entitlements.parquet").filter(pl.col("status") == "payable")
    lines = pl.concat(
        pl.read_parquet(home_after_run.batches / b / "lines.parquet") for b in summary["batches"]
    )
    instructions = pl.concat(
        pl.read_parquet(home_after_run.batches / b / "instructions.parquet")
        for b in summary["batches"]
    )
    total = payable["due_fen"].sum()
    assert total == lines["amount_fen"].sum() == instructions["amount_fen"].sum() > 0
    with sqlite3.connect(home_after_run.ledger_path) as connection:
        (posted,) = connection.execute("select sum(amount_fen) from entries").fetchone()
    assert posted == total
    for batch in summary["batches"]:
        with pytest.raises(LedgerForbidsError):
            release_batch(home_after_run, batch)
    second = run_night(NightRequest(home_after_run, AS_OF, drop=town), Progress())
    assert second["run_id"] != summary["run_id"]
    assert second["counts"]["entitlements"].get("payable", {"rows": 0})["rows"] == 0
    determined = [
        frame_digest(pl.read_parquet(home_after_run.runs / s["run_id"] / "determinations.parquet"))
        for s in (summary, second)
    ]
    assert determined[0] == determined[1], "our own payments are no facts"


def test_snapshot_gives_the_same_run_as_its_drop(home_after_run: Home, town: Path) -> None:
    drop_run = run_night(NightRequest(home_after_run, AS_OF, drop=town), Progress())
    request = NightRequest(home_after_run, AS_OF, snapshot_id=drop_run["snapshot_id"])
    called, told = list[str](), io.StringIO()

    def noted(name: str, stage: Any, /, *given: Any, **named: Any) -> Any:
        called.append(name)
        return stage.act(*given, **named)

    assert run_night(request, Progress(told), noted)["run_id"] == drop_run["run_id"]
    done = [line.partition(": took")[0].strip() for line in told.getvalue().splitlines()]
    assert called == [line for line in done if line[0].isdigit()], "what is told is what is done"


def test_commands_speak_json_and_nothing_else(
    home_after_run: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    home = ["--home", str(home_after_run.root), "--json"]
    for words in (["batch", "list"], ["ledger"], ["verify"], ["doctor"]):
        assert run_command(app, [*words, *home]) == 0, words
        assert isinstance(json.loads(capsys.readouterr().out), dict)
    assert run_command(app, ["policies", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)
