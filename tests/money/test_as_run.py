"""A batch is held against its run: a draft rewritten with all that speaks of it is not signed."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.data_package import write_data_package, write_table
from flows.money.as_run import expect_as_run
from flows.money.batch_folder import FRAMES, batch_digest, read_batch
from flows.money.ledger_store import books_of, open_ledger
from flows.money.release import release_batch
from flows.money.review import import_review
from flows.money.review_pack import review_files
from flows.money.sign import sign_batch
from flows.money.signatures import holds
from flows.money.verify import verify_home
from flows.program import deciding_texts
from flows.store import Home, file_digest, read_manifest, write_manifest
from tests.ceremony import key_of
from tests.faults.forgeries import read_rows, write_rows
from tests.money.money_town import ANN, BOB, TWO, Town, account, month, night, refund, sign_both
from tests.money.test_review import filled
from transforms.answers.messages import in_chinese
from transforms.digest import canonical_json, frame_digest
from transforms.errors import DigestDiffersError
from transforms.money.batch_states import posted_of
from transforms.money.batches import control_totals
from transforms.money.posting_rules import read_books

TEXTS = deciding_texts()
STRANGER, OTHER = "370302196009150018", "6222000000000000"
ROWS = [
    *(refund(100001), refund(2, TWO), month("benefit_to_retirement", ANN, 9)),
    month("graduate_flexible_insurance", BOB, 30),
]


def begin(home: Home) -> str:
    town = Town()
    assert town.accounts
    proof = {"confirmed_by": "李办事员", "document_no": "核〔2020〕1号"}
    town.accounts[2:3] = [account(ANN, "安娜", **proof), account(ANN, "安娜", account_no=OTHER)]
    return night(home, "R1", ROWS, town)[1].batches[0].batch_id


def forge(
    home: Home, batch: str, changed: dict[str, pl.DataFrame], said_of: dict[str, Any] | None = None
) -> None:
    """Write a draft anew with other frames: folder, review, posting and journal say the same."""
    stored = read_batch(home, batch)
    frames = {name: stored.frame(name) for name in FRAMES} | changed
    manifest = {name: value for name, value in stored.manifest.items() if name != "files"}
    manifest |= said_of or {}
    manifest["content_digests"] = {name: frame_digest(frames[name]) for name in FRAMES}
    with open_ledger(home, only_look=True) as ledger:
        state, postings = ledger.batch_states()[batch], ledger.postings()
    shutil.rmtree(stored.folder)
    stored.folder.mkdir()
    for name in FRAMES:
        write_table(frames[name], stored.folder / f"{name}.parquet")
    write_data_package(stored.folder, batch, f"Batch {batch}")
    files = {path.name: file_digest(path) for path in sorted(stored.folder.iterdir())}
    write_manifest(stored.folder, {**manifest, "files": files})
    digest = batch_digest(stored.folder)
    books = read_books(postings[: state.seen], holds)
    made, looked_at = review_files(home, books, manifest, frames, digest)
    for name, content in made.items():
        (stored.folder / name).write_bytes(content)
    review = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    said = {**posted_of(manifest, digest), "review": review, "seen": state.seen}
    rows, entries = read_rows(home)
    (drafted,) = [row for row in rows if row[1:3] == ["drafted", batch]]
    assert json.loads(drafted[4]).keys() == {*said, "looked_at"}
    drafted[4] = canonical_json({**said, "looked_at": looked_at})
    write_rows(home, rows, entries, "journal")


def put(value: Any, *columns: str) -> list[pl.Expr]:
    """Write a value into the first row of some columns."""
    first = pl.int_range(pl.len()) == 0
    return [pl.when(first).then(pl.lit(value)).otherwise(name).alias(name) for name in columns]


@pytest.mark.parametrize(
    ("in_lines", "in_instructions", "said"),
    [
        (
            put(STRANGER, "subject_id", "beneficiary_id"),
            [*put(STRANGER, "beneficiary_id"), *put("王某", "holder"), *put("6228", "account_no")],
            "is not payable there",
        ),
        (put("2019", "period"), [], "is not payable there"),
        (put(1, "paid_before_fen"), [], "is not payable there"),
        ([], put(STRANGER, "beneficiary_id"), "line 1 .* its snapshot"),
        ([], put("6228", "account_no"), "line 1 .* goes to an account that its snapshot"),
        ([], put("王某", "holder"), "line 1 .* goes to an account that its snapshot"),
        ([], put("402453000099", "bank_code"), "line 1 .* goes to an account that its snapshot"),
        ([], put(OTHER, "account_no"), "line 1 .* goes to an account that its snapshot"),
    ],
)
def test_a_draft_that_was_rewritten_in_all_places_is_neither_signed_nor_as_recorded(
    home: Home, batch: str, in_lines: list[pl.Expr], in_instructions: list[pl.Expr], said: str
) -> None:
    verify_home(home)
    stored = read_batch(home, batch)
    lines = stored.frame("lines").with_columns(in_lines)
    instructions = stored.frame("instructions").with_columns(in_instructions)
    forge(home, batch, {"lines": lines, "instructions": instructions})
    with pytest.raises(DigestDiffersError, match=f"is not what its run .*({said})"):
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    with pytest.raises(DigestDiffersError, match=f"1 not as recorded.*\n.*({said})"):
        verify_home(home)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_line_that_was_left_out_is_told(
    home: Home, batch: str, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run was asked whether it found what a batch pays, never whether a batch pays all of it."""
    # Ours would not come out of such a batch.
    monkeypatch.setattr(sys.modules[__name__], "review_files", lambda *_: ({}, {}))
    frames = {name: read_batch(home, batch).frame(name)[1:] for name in ("instructions", "lines")}
    payable = frames["lines"].rename({"amount_fen": "due_fen"})
    control = control_totals(payable, frames["lines"], frames["instructions"])
    forge(home, batch, frames, {"control": control} | ({} if is_named else {"policies": []}))
    said = "of 4 lines that are payable there only 3 are in a batch"
    if is_named:
        said = "benefit_to_retirement, 2020-02: 1 payable there, no line"
    with pytest.raises(DigestDiffersError, match=f"is not what its run .*{said}"):
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    with pytest.raises(DigestDiffersError, match=said):
        verify_home(home)


def test_what_a_review_left_is_held_against_what_it_took_out(home: Home, batch: str) -> None:
    """What was struck out is not missed, and does not come back."""
    verify_home(home)
    workbook = filled(home, batch, {1: ("剔除", "已另行发放"), 2: ("暂缓", "查账号")})
    left = import_review(home, batch, workbook)["to_be_signed"]
    verify_home(home)
    stored, whole = read_batch(home, left), read_batch(home, batch)
    expect_as_run(home, stored, books_of(home))
    for name in ("lines", "instructions"):
        struck = whole.frame(name)[:1]
        write_table(struck, stored.folder / f"{name}.parquet")
    said = "line 1 .* is not payable there.*stability_refund, 2020: 1 payable there, no line"
    with pytest.raises(DigestDiffersError, match=said):
        expect_as_run(home, stored, books_of(home))


def test_what_was_signed_before_signing_looked_is_not_released(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = read_batch(home, batch)
    moved = stored.frame("instructions").with_columns(put("6228", "account_no"))
    forge(home, batch, {"instructions": moved})
    with monkeypatch.context() as before:
        before.setattr("flows.money.sign.expect_as_run", lambda *_: None)
        sign_both(home, batch)
    with pytest.raises(DigestDiffersError, match="is not what its run"):
        release_batch(home, batch)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (put(1, "amount_fen"), "line 1 .* has an instruction for another payee or amount"),
        (put("POTHER", "payment_id"), "payment POTHER is not what its lines are for; line 1 .*"),
    ],
)
def test_an_instruction_that_is_not_what_its_lines_are_for_is_named(
    home: Home, batch: str, changed: list[pl.Expr], said: str
) -> None:
    stored, books = read_batch(home, batch), books_of(home)
    expect_as_run(home, stored, books)
    instructions = stored.frame("instructions").with_columns(changed)
    write_table(instructions, stored.folder / "instructions.parquet")
    with pytest.raises(DigestDiffersError, match=said):
        expect_as_run(home, stored, books)


def test_a_line_that_stands_twice_is_named(home: Home, batch: str) -> None:
    stored = read_batch(home, batch)
    lines, instructions = stored.frame("lines"), stored.frame("instructions")
    write_table(pl.concat([lines, lines[:1]]), stored.folder / "lines.parquet")
    is_first = pl.int_range(pl.len()) == 0
    twice = pl.when(is_first).then(2).otherwise(1) * pl.col("amount_fen")
    write_table(instructions.with_columns(twice), stored.folder / "instructions.parquet")
    with pytest.raises(DigestDiffersError, match=r": line 1 .* is not payable there"):
        expect_as_run(home, stored, books_of(home))


def test_a_batch_as_it_was_drawn_up_is_signed_and_released(home: Home, batch: str) -> None:
    sign_both(home, batch)
    release_batch(home, batch)
    verify_home(home)


def test_rules_changed_since_its_night_are_told_to_who_signs_and_who_pays(
    home_after_run: Home, run_home: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, (batch, *_) = home_after_run, run_home[1]["batches"]
    policies = read_manifest(home.batches / batch, "batch")["policies"]
    ours = [f"sql/policies/{one['policy_id']}" for one in policies]
    texts = {path: text if any(map(path.startswith, ours)) else "" for path, text in TEXTS.items()}
    monkeypatch.setattr("flows.money.as_run.deciding_texts", lambda: texts)
    assert sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))["warnings"] == []
    texts[f"{ours[0]}.yaml"] += "# dearer from July"
    del texts[f"{ours[1]}.sql"]
    told = [
        *sign_batch(home, batch, "approver", key_of(home, "approver"))["warnings"],
        *release_batch(home, batch)["warnings"][:2],
    ]
    titles = [one["title"] for one in policies[:2]]
    assert [title in line for title, line in zip(titles * 2, told, strict=True)] == [True] * 4
    assert all(f"{title} 的规则" in in_chinese(told[n]) for n, title in enumerate(titles))
