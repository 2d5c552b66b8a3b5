"""What a run rests on is what the ledger recorded, of one snapshot always the same."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.ingest import drop as drop_module
from flows.money.evidence import expect_recorded_so
from flows.money.ledger_store import books_of
from flows.money.release import release_batch
from flows.money.verify import verify_home
from flows.night import pipeline
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import MANIFEST, Home, file_digest, read_manifest, write_manifest
from tests.conftest import AS_OF
from tests.money.money_town import sign_both
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError
from transforms.money.books import Books


def next_night(home: Home, town: Path) -> dict[str, Any]:
    return run_night(NightRequest(home, AS_OF + timedelta(days=1), drop=town), Progress())


def snapshot_of(home: Home) -> Path:
    (snapshot,) = home.snapshots.glob("S*")
    return snapshot


def forge_account(home: Home) -> None:
    """Give a payee another account, in the snapshot's table and its manifest, not in its files."""
    snapshot = snapshot_of(home)
    batch = next(home.batches.glob("B*"))
    paid = pl.read_parquet(batch / "instructions.parquet").sort("amount_fen")[-1]
    table = pq.read_table(snapshot / "tables" / "accounts.parquet")
    place = table.schema.get_field_index("account_no")
    numbers = [
        "6" * 16 if number == paid["account_no"][0] else number
        for number in table.column(place).to_pylist()
    ]
    field = table.schema.field(place)
    path = snapshot / "tables" / "accounts.parquet"
    path.unlink()
    pq.write_table(table.set_column(place, field, pa.array(numbers, field.type)), path)
    manifest = read_manifest(snapshot, "snapshot")
    manifest["tables"]["accounts"]["files"]["tables/accounts.parquet"] = file_digest(path)
    (snapshot / MANIFEST).unlink()
    write_manifest(snapshot, manifest)


def test_a_night_does_not_build_on_a_snapshot_that_a_run_recorded_otherwise(
    home_after_run: Home, town: Path
) -> None:
    """It drafted, was signed and paid: who asked `verify` learnt of it once the money was gone."""
    home = home_after_run
    forge_account(home)
    before = books_of(home)
    (run,) = before.runs
    with pytest.raises(DigestDiffersError, match=f"not the one that run {run} recorded") as stopped:
        next_night(home, town)
    assert f"不是运行 {run} 所记录的那一个" in in_chinese(str(stopped.value))
    assert books_of(home).head == before.head and len([*home.runs.iterdir()]) == 1


def test_what_was_drawn_up_from_such_a_snapshot_is_not_signed_nor_paid(
    home_after_run: Home, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_after_run
    (run,) = books_of(home).runs
    said = f"not the one that run {run} recorded"
    forge_account(home)
    with monkeypatch.context() as insider:
        insider.setattr(pipeline, "expect_recorded_so", lambda *_: None)
        summary = next_night(home, town)
    batch = summary["batches"][0]
    with pytest.raises(DigestDiffersError, match=said):
        sign_both(home, batch)
    with monkeypatch.context() as insider:
        insider.setattr("flows.money.evidence.expect_recorded_so", lambda *_: None)
        sign_both(home, batch)
    with pytest.raises(DigestDiffersError, match=said):
        release_batch(home, batch)
    with pytest.raises(DigestDiffersError, match=said):
        verify_home(home)


def test_a_snapshot_that_was_gone_and_is_made_by_another_version_pays(
    home_after_run: Home, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version may word its notes otherwise: what it read is what its files give."""
    home = home_after_run
    kept = json.loads((snapshot_of(home) / MANIFEST).read_text("utf-8"))
    shutil.rmtree(snapshot_of(home))
    real = drop_module.write_manifest

    def worded(folder: Path, content: dict[str, Any]) -> None:
        real(folder, {**content, "notes": [*content["notes"], "another wording"]})

    monkeypatch.setattr(drop_module, "write_manifest", worded)
    summary = next_night(home, town)
    monkeypatch.undo()
    made = read_manifest(snapshot_of(home), "snapshot")
    assert made != kept and made["tables"] == kept["tables"]
    assert len(books_of(home).snapshots[snapshot_of(home).name]) == 2
    batch = summary["batches"][0]
    sign_both(home, batch)
    release_batch(home, batch)
    # What was recorded first is gone for good, and is said to be.
    with pytest.raises(DigestDiffersError, match="was changed after it was written"):
        verify_home(home)
    assert next_night(home, town)["run_id"] != summary["run_id"], "what was paid is netted"
    shutil.rmtree(snapshot_of(home) / "raw")
    with pytest.raises(DigestDiffersError, match="recorded, and its raw files read otherwise"):
        expect_recorded_so(snapshot_of(home), books_of(home))


def test_a_snapshot_that_nobody_recorded_is_nobody_s_word(home_after_run: Home) -> None:
    expect_recorded_so(snapshot_of(home_after_run), Books())
    expect_recorded_so(snapshot_of(home_after_run), books_of(home_after_run))
