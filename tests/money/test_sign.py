"""Signing where the signer sits: one file goes out, a signature comes back, nothing else counts."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flows.cli.console import run_command
from flows.cli.signing import reject_at_home, sign_at_home
from flows.money.batch import pack_batch
from flows.money.batch_folder import digests_of
from flows.money.export import (
    BATCH,
    POSTINGS,
    export_batch,
    postings_in,
    read_export,
    read_signature,
    write_signature,
)
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.release import release_batch
from flows.money.sign import (
    accept_signature,
    sign,
    sign_batch,
    what_is_signed,
    withdraw_batch,
)
from flows.money.verify import verify_home
from flows.money.witnesses import read_seen, seen_path
from flows.store import MANIFEST, Home
from tests.ceremony import PASSPHRASE, home_id, key_of
from tests.money.money_town import TWO, night, pay, refund, sign_both
from transforms.errors import (
    DigestDiffersError,
    DropRefusedError,
    LedgerForbidsError,
    UsageError,
)
from transforms.money.postings import FIRST_HASH

ROWS = [refund(100001), refund(2, TWO)]
TYPED = (2, 100003)


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


@pytest.fixture
def exported(home: Home, batch: str, tmp_path: Path) -> Path:
    path = tmp_path / "pc" / f"{batch}.zip"
    path.parent.mkdir()
    export_batch(home, batch, path)
    return path


def signed_elsewhere(home: Home, exported: Path, role: str) -> dict[str, Any]:
    return sign(read_export(exported), role, key_of(home, role), TYPED)


def rewrite(path: Path, name: str, content: bytes | None) -> None:
    """Put another content into a zip file, or take one out of it."""
    with zipfile.ZipFile(path) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    contents.pop(name, None)
    with zipfile.ZipFile(path, "w") as archive:
        for entry, held in contents.items():
            archive.writestr(entry, held)
        if content is not None:
            archive.writestr(name, content)


def test_two_signatures_made_elsewhere_release_the_batch(home: Home, exported: Path) -> None:
    for role in ("reviewer", "approver"):
        write_signature(exported.with_name(role), signed_elsewhere(home, exported, role))
        accepted = accept_signature(home, read_signature(exported.with_name(role)))
    assert accepted["missing_signatures"] == []
    release_batch(home, accepted["batch_id"])


def test_a_batch_of_a_day_to_come_is_signed_by_nobody(
    home: Home, batch: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = signed_elsewhere(home, exported, "reviewer")
    monkeypatch.setattr("flows.money.sign.today", lambda: "2020-03-29")
    for act in (
        lambda: signed_elsewhere(home, exported, "approver"),
        lambda: sign_batch(home, batch, "approver", key_of(home, "approver")),
        lambda: accept_signature(home, elsewhere),
        lambda: write_notice(home, batch, "2020-03-29"),
    ):
        with pytest.raises(LedgerForbidsError, match=r"2020-03-31, a day to come .*2020-03-29"):
            act()
    monkeypatch.setattr("flows.money.sign.today", lambda: "2020-03-30")
    sign_both(home, batch)


def test_a_batch_of_a_day_to_come_may_be_refused(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sign", "ledger"):
        monkeypatch.setattr(f"flows.money.{module}.today", lambda: "2020-03-29")
    told = sign_batch(home, batch, "reviewer", key_of(home, "reviewer"), reason="那一天还没有到")
    assert told["state"] == "rejected"


def test_the_same_batch_is_exported_to_the_same_bytes(
    home: Home, batch: str, exported: Path
) -> None:
    before = exported.read_bytes()
    export_batch(home, batch, exported)
    assert exported.read_bytes() == before


def test_a_signature_covers_batch_run_roster_and_ledger(
    home: Home, batch: str, exported: Path
) -> None:
    statement = signed_elsewhere(home, exported, "reviewer")["statement"]
    with open_ledger(home) as ledger:
        books = ledger.books()
    state = books.batches[batch]
    run = books.runs[state.run_id]
    assert statement == {
        "act": "sign",
        "home_id": books.home_id,
        "batch_id": batch,
        "batch_digest": state.batch_digest,
        "run_manifest": run["run_manifest"],
        "snapshot_manifest": run["snapshot_manifest"],
        "roster_digest": books.roster.digest(),
        "ledger_position": books.position,
        "ledger_head": books.head,
        "fund": "失业保险基金",
        "count": 2,
        "amount_fen": 100003,
        "role": "reviewer",
        "key_id": key_of(home, "reviewer").key_id,
        "signed_on": statement["signed_on"],
        "anchors": [],
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_fen", 1),
        ("count", 1),
        ("fund", "就业补助资金"),
        ("batch_digest", "0" * 64),
        ("run_manifest", "0" * 64),
        ("snapshot_manifest", "0" * 64),
        ("roster_digest", "0" * 64),
        ("ledger_head", "0" * 64),
        ("ledger_position", 3),
        ("ledger_position", 99),
        ("home_id", "H0"),
        ("role", "approver"),
        ("signed_on", "2019-01-01"),
        ("signed_on", "2021-01-01"),
        ("anchors", ["elsewhere"]),
    ],
)
def test_a_statement_that_was_changed_is_not_taken(
    home: Home, exported: Path, name: str, value: object
) -> None:
    signed = signed_elsewhere(home, exported, "reviewer")
    signed["statement"][name] = value
    with pytest.raises(LedgerForbidsError):
        accept_signature(home, signed)
    with open_ledger(home) as ledger:
        assert ledger.batch_states()[signed["statement"]["batch_id"]].state == "draft"


def test_a_statement_signed_rightly_about_something_else_is_not_taken(
    home: Home, exported: Path
) -> None:
    signed = signed_elsewhere(home, exported, "reviewer")
    other = {**signed["statement"], "amount_fen": 1}
    forged = {"statement": other, "signature": key_of(home, "reviewer").sign(other)}
    with pytest.raises(LedgerForbidsError, match="not this batch"):
        accept_signature(home, forged)


@pytest.mark.parametrize("typed", [(2, 100002), (1, 100003), (100003, 2)])
def test_who_types_another_amount_signs_nothing(
    home: Home, exported: Path, typed: tuple[int, int]
) -> None:
    with pytest.raises(UsageError, match="nothing was signed"):
        sign(read_export(exported), "reviewer", key_of(home, "reviewer"), typed)
    assert not seen_path(key_of(home, "reviewer").path).exists()


def test_each_file_that_was_exchanged_is_noticed(home: Home, exported: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        for changed in (content + b" x", None, b""):
            rewrite(exported, name, changed)
            # An older version exported no tables: what is signed is the manifest that names them.
            harmless = name not in (BATCH, POSTINGS, MANIFEST) and changed is None
            if harmless:
                read_export(exported)
            else:
                with pytest.raises((DigestDiffersError, DropRefusedError, LedgerForbidsError)):
                    read_export(exported)
            rewrite(exported, name, content)
    rewrite(exported, "payments.xml", b"<x/>")
    with pytest.raises(DigestDiffersError, match=r"payments\.xml"):
        read_export(exported)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_holds_two_of_one_name_is_not_signed(exported: Path) -> None:
    """Another program may show the first, and the last one is checked."""
    with zipfile.ZipFile(exported) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name in ("review.html", POSTINGS):
        with zipfile.ZipFile(exported, "w") as archive:
            for entry, held in contents.items():
                if entry == name:
                    archive.writestr(entry, held.replace(b"1", b"2"))
                archive.writestr(entry, held)
        for read in (read_export, postings_in):
            with pytest.raises(DigestDiffersError, match=f"two files {name}"):
                read(exported)


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"{}"])
def test_what_is_no_exported_batch(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.zip"
    path.write_bytes(content)
    for read in (read_export, read_signature):
        with pytest.raises(DropRefusedError):
            read(path)


def test_a_ledger_that_does_not_go_on_is_not_signed(home: Home, batch: str) -> None:
    old = home.ledger_path.read_bytes(), home.journal_path.read_bytes()
    sign_both(home, batch)
    release_batch(home, batch)
    again = night(home, "R2", [refund(200000)])[1].batches[0].batch_id
    sign_batch(home, again, "reviewer", key_of(home, "reviewer"))
    home.ledger_path.write_bytes(old[0])
    home.journal_path.write_bytes(old[1])
    for path in home.batches.glob("*/*[tl]"):
        if path.suffix in (".txt", ".xml"):
            path.unlink()
    with pytest.raises(DigestDiffersError, match=r"you have seen posting 1\d .*it has 6"):
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))


def test_who_signed_a_batch_is_asked_before_he_signs_its_money_again(
    home: Home, tmp_path: Path
) -> None:
    first = begin(home)
    both = ("reviewer", "approver")
    ledgers = [path for path in home.root.glob("ledger.*") if path.is_file()]
    kept = {path: path.read_bytes() for path in ledgers}
    export_batch(home, first, tmp_path / "first.zip")
    signatures = [
        sign(read_export(tmp_path / "first.zip"), r, key_of(home, r), TYPED) for r in both
    ]
    for signed in signatures:
        accept_signature(home, signed)
    release_batch(home, first)

    # The machine's owner puts back what was before, and draws the same money up again.
    for path in home.root.glob("ledger.*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    for name in ("bank.txt", "payments.xml", "approval.txt", "approval.pdf"):
        (home.batches / first / name).unlink(missing_ok=True)
    second = night(home, "R2", ROWS)[1].batches[0].batch_id
    assert second != first
    export_batch(home, second, tmp_path / "second.zip")
    for role in both:
        key = key_of(home, role)
        with pytest.raises(
            LedgerForbidsError, match=rf"{first}.* nothing was paid.*--unpaid {first}"
        ):
            sign(read_export(tmp_path / "second.zip"), role, key, TYPED)
        with pytest.raises(LedgerForbidsError, match="nothing was paid"):
            sign_batch(home, second, role, key, unpaid=[second])
    verify_home(home)


def test_a_batch_that_was_given_up_is_said_once_to_be_unpaid(home: Home) -> None:
    first = begin(home)
    key = key_of(home, "reviewer")
    sign_batch(home, first, "reviewer", key)
    sign_batch(home, first, "reviewer", key, reason="未核对")
    second = night(home, "R2", ROWS)[1].batches[0].batch_id
    sign_batch(home, second, "reviewer", key)  # who refused it knows
    withdraw_batch(home, second, "重做")
    third = night(home, "R3", ROWS)[1].batches[0].batch_id
    with pytest.raises(LedgerForbidsError, match=second):
        sign_batch(home, third, "reviewer", key)
    sign_batch(home, third, "reviewer", key, unpaid=[second])
    withdraw_batch(home, third, "重做")
    fourth = night(home, "R4", ROWS)[1].batches[0].batch_id
    sign_batch(home, fourth, "reviewer", key, unpaid=[third])
    sign_batch(home, fourth, "approver", key_of(home, "approver"))
    release_batch(home, fourth)
    assert read_seen(key.path, home_id(home)).signed.keys() == {fourth}


def test_a_seen_file_of_before_goes_on(home: Home, batch: str) -> None:
    key = key_of(home, "reviewer")
    seen_path(key.path).write_text(json.dumps({home_id(home): [0, FIRST_HASH]}))
    sign_batch(home, batch, "reviewer", key)
    assert batch in read_seen(key.path, home_id(home)).signed


def test_a_damaged_seen_file_stops_the_signer(home: Home, batch: str) -> None:
    key = key_of(home, "reviewer")
    for content in ("", "[]", f'{{"{home_id(home)}": 1}}', f'{{"{home_id(home)}": ["x", "y"]}}'):
        seen_path(key.path).write_text(content)
        with pytest.raises(DigestDiffersError, match="damaged"):
            sign_batch(home, batch, "reviewer", key)


def test_what_a_signer_is_shown(home: Home, batch: str) -> None:
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    export_batch(home, batch, home.root / "b.zip")
    shown = what_is_signed(read_export(home.root / "b.zip"), key_of(home, "reviewer").path)
    assert (shown["fund"], shown["instruction_count"], shown["amount_fen"]) == (
        "失业保险基金",
        2,
        "1,000.03",
    )
    assert shown["amount_in_capitals"] == "人民币壹仟元零叁分"
    assert shown["changed"] == {"signed": 1}
    assert shown["pages"] == digests_of(
        {name: (home.batches / batch / name).read_bytes() for name in shown["pages"]}
    )
    assert [said["name"] for said in shown["unconfirmed"]] == ["layoff_rate_method"]


def test_the_run_behind_a_batch_must_be_as_recorded(home: Home, batch: str) -> None:
    manifest = next(home.runs.iterdir()) / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(DigestDiffersError, match=r"manifest\.json"):
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))


def test_a_page_that_shows_something_else_is_not_signed_by(home: Home, batch: str) -> None:
    page = home.batches / batch / "review.html"
    shown = page.read_bytes()
    page.write_bytes(shown + b"<p>1.00</p>")
    with pytest.raises(DigestDiffersError, match=rf"review\.html .*batch pack {batch}"):
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    assert pack_batch(home, batch)["kept"] == [] and page.read_bytes() == shown
    page.unlink()
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))


def test_an_act_given_as_signed_that_nobody_has_signed_is_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    monkeypatch.chdir(tmp_path)
    revoke = ["key", "revoke", "--home", str(home.root)]
    lost = key_of(home, "reviewer").key_id
    assert run_command(app, [*revoke, "0000", "--reason", "lost", "--out", "0.json"]) == 13
    assert "key 0000 is not on the roster" in capsys.readouterr().err
    assert run_command(app, [*revoke, lost, "--reason", "lost", "--out", "r.json"]) == 0
    assert run_command(app, [*revoke, "--signed", "r.json", "--out", "again.json"]) == 13
    assert "not signed by hr_head" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["r.json"]


def test_by_command_on_a_machine_without_the_home(
    home: Home, exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import app

    monkeypatch.setenv("WUXING_PASSPHRASE", PASSPHRASE)
    signature = exported.with_name("s.json")
    sign_words = ["sign", str(exported), "--role", "reviewer"]
    sign_words += ["--key", str(home.root / "reviewer.key"), "--out", str(signature)]
    sign_words += ["--home", str(exported.parent / "no-home"), "--json"]
    assert run_command(app, sign_words) == 2, "count and amount must be typed"
    assert run_command(app, [*sign_words, "--count", "2", "--amount", "1,000.3"]) == 2
    capsys.readouterr()
    assert run_command(app, [*sign_words, "--count", "2", "--amount", "1,000.03"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["signature_file"] == str(signature)
    assert "人民币壹仟元零叁分" in said.err and "抽样 sample: 尚未核查" in said.err
    assert "(not held against the tables): review.html " in said.err
    accept = ["batch", "accept", str(signature), "--home", str(home.root)]
    assert run_command(app, accept) == 0
    assert "not signed yet: approver" in capsys.readouterr().out
    assert run_command(app, accept) == 13


@pytest.mark.parametrize("refusal", [None, "no"])
def test_nobody_is_asked_for_a_passphrase_for_a_batch_that_is_not_there(
    home: Home, tmp_path: Path, refusal: str | None
) -> None:
    key = tmp_path / "no.key"
    with pytest.raises(LedgerForbidsError, match="knows no batch B0"):
        if refusal:
            reject_at_home(home, "B0", "reviewer", key, refusal)
        else:
            sign_at_home(home, "B0", "reviewer", key, None, (1, "1.00"), None)


def test_a_second_night_is_signed_on_from_the_first(home: Home) -> None:
    for number in range(2):
        pay(home, f"R{number}", [refund(1000 * (number + 1))])


# --- a signature is not older than what it covers -------------------------------------------------


def say_it_was(home: Home, signed: dict[str, Any], day: str) -> dict[str, Any]:
    """Let a signer's machine have signed with the clock at another day."""
    statement = {**signed["statement"], "signed_on": day}
    return {"statement": statement, "signature": key_of(home, statement["role"]).sign(statement)}


@pytest.mark.parametrize(
    ("day", "covers"),
    [("2020-03-01", ""), ("2020-03-29", ""), ("2020-04-08", "notice"), ("2026-01-01", "signature")],
)
def test_a_signature_of_before_what_it_covers_is_not_taken(
    home: Home, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, covers: str
) -> None:
    """The day is the signer's word: an expired key once signed today's batch with it."""
    monkeypatch.setattr("flows.money.sign.today", lambda: "2026-03-03")
    if covers:
        write_notice(home, batch, "2020-04-10")
    if covers == "signature":
        sign_batch(home, batch, "approver", key_of(home, "approver"))
    export_batch(home, batch, tmp_path / "b.zip")
    signed = sign(read_export(tmp_path / "b.zip"), "reviewer", key_of(home, "reviewer"), TYPED)
    with pytest.raises(LedgerForbidsError, match=rf"signed on {day}, and covers what was recorded"):
        accept_signature(home, say_it_was(home, signed, day))
    refused = {**signed["statement"], "act": "reject", "reason": "因"}
    refused = say_it_was(home, {"statement": refused}, day)
    with pytest.raises(LedgerForbidsError, match="covers what was recorded"):
        accept_signature(home, refused)
    last = {"": "2020-03-30", "notice": "2020-04-09", "signature": "2026-03-02"}[covers]
    accept_signature(home, say_it_was(home, signed, last))
    assert not verify_home(home).warnings[1:]


def test_a_signature_that_lay_in_a_drawer_is_taken(
    home: Home, batch: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded after what it covers says nothing of its day."""
    first = say_it_was(home, signed_elsewhere(home, exported, "approver"), "2020-04-01")
    write_notice(home, batch, "2020-04-10")
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    accept_signature(home, first)
    release_batch(home, batch)


def test_a_signature_of_a_day_to_come_is_not_taken(
    home: Home, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.money.sign.today", lambda: "2020-04-10")
    signed = signed_elsewhere(home, exported, "reviewer")
    with pytest.raises(LedgerForbidsError, match=r"2020-04-12, a day to come .*2020-04-10"):
        accept_signature(home, say_it_was(home, signed, "2020-04-12"))
    with pytest.raises(LedgerForbidsError, match="not as this program writes it"):
        accept_signature(home, say_it_was(home, signed, "2020-04-1"))
    accept_signature(home, say_it_was(home, signed, "2020-04-11"))


def test_a_day_that_no_clock_has_come_to_says_nothing(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that once was years ahead does not keep anybody from signing."""
    monkeypatch.setattr("flows.money.sign.today", lambda: "2090-01-01")
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    monkeypatch.undo()
    sign_batch(home, batch, "approver", key_of(home, "approver"))
    release_batch(home, batch)


def test_a_signature_too_early_that_is_posted_already(
    home: Home, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays readable; nothing is released by it, and `verify` tells of what was."""
    write_notice(home, batch, "2020-04-10")
    export_batch(home, batch, tmp_path / "b.zip")
    signed = sign(read_export(tmp_path / "b.zip"), "reviewer", key_of(home, "reviewer"), TYPED)
    with monkeypatch.context() as once:
        once.setattr("flows.money.ledger.too_early", lambda *_: "")
        accept_signature(home, say_it_was(home, signed, "2020-04-01"))
    sign_batch(home, batch, "approver", key_of(home, "approver"))
    with pytest.raises(LedgerForbidsError, match=r"signature as reviewer: .*2020-04-10"):
        release_batch(home, batch)
    with monkeypatch.context() as once:
        once.setattr("flows.money.release.too_early", lambda *_: "")
        release_batch(home, batch)
    told = [one for one in verify_home(home).warnings if "covers what was recorded" in one]
    assert len(told) == 1
    assert "(signed)" in told[0]


def test_a_seal_is_named_by_its_key_and_no_file(home: Home, batch: str, tmp_path: Path) -> None:
    for name in (str(tmp_path / "pub.pem"), "a/b", "."):
        with pytest.raises(UsageError, match="--seal takes the key's id"):
            sign_at_home(home, batch, "approver", None, name, (None, None), tmp_path / "out")


def test_a_signatures_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DropRefusedError, match="is not there: check the path"):
        read_signature(tmp_path / "absent")
