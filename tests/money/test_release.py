"""Signing and release: two persons, every byte, once; and what happens after a kill."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from flows.money import batch as batch_module
from flows.money import release as release_module
from flows.money.batch import list_batches, pack_batch, show_batch
from flows.money.batch_folder import read_batch
from flows.money.keys import create_key
from flows.money.ledger_store import open_ledger
from flows.money.release import payment_files, release_batch, sign_batch, verify_signatures
from flows.store import Home
from tests.money.money_town import (
    ANN,
    BOB,
    NOTHING_SIGNED,
    ONE,
    PASSPHRASE,
    TWO,
    Town,
    account,
    month,
    new_home,
    night,
    refund,
    sign_both,
)
from transforms.errors import (
    DigestDiffersError,
    DropRefusedError,
    LedgerForbidsError,
    ParameterMissingError,
    UsageError,
)
from transforms.payments.pain001 import NAMESPACE

ROWS = [refund(100001), refund(2, TWO)]
FILES = (
    "manifest.json",
    "instructions.parquet",
    "lines.parquet",
    "unpaid_lines.parquet",
    "review.xlsx",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def batch(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


def sign(home: Home, batch: str, role: str, key: str = "", passphrase: str = PASSPHRASE) -> None:
    sign_batch(home, batch, role, home.root / f"{key or role}.key", passphrase)


def posted(home: Home) -> list[int]:
    with open_ledger(home) as ledger:
        return ledger.paid_lines()["amount_fen"].to_list()


def test_two_signatures_then_files_and_entries(home: Home, batch: str) -> None:
    sign_both(home, batch)
    released = release_batch(home, batch)
    assert (released["count"], released["amount_yuan"]) == (2, "1000.03")
    assert [Path(path).name for path in released["files"]] == ["payments.xml", "bank.txt"]
    assert sorted(posted(home)) == [2, 100001]
    assert list_batches(home)[0]["state"] == "released"
    with open_ledger(home) as ledger:
        assert verify_signatures(ledger, ledger.batch_states()[batch]) == 2
    assert show_batch(home, batch)["missing_signatures"] == []
    assert not list((home.batches / batch).glob(".*")), "nothing hidden is left over"


def test_release_twice_pays_once(home: Home, batch: str) -> None:
    sign_both(home, batch)
    release_batch(home, batch)
    with pytest.raises(LedgerForbidsError, match="already released"):
        release_batch(home, batch)
    assert len(posted(home)) == 2


@pytest.mark.parametrize("roles", [[], ["reviewer"], ["approver"]])
def test_a_missing_signature_refuses(home: Home, batch: str, roles: list[str]) -> None:
    for role in roles:
        sign(home, batch, role)
    with pytest.raises(LedgerForbidsError, match="signature missing"):
        release_batch(home, batch)
    assert posted(home) == []


def test_a_role_signs_once(home: Home, batch: str) -> None:
    sign(home, batch, "reviewer")
    with pytest.raises(LedgerForbidsError, match="already signed as reviewer"):
        sign(home, batch, "reviewer")


def test_a_key_signs_only_in_its_role(home: Home, batch: str) -> None:
    with pytest.raises(LedgerForbidsError, match="reviewer's"):
        sign(home, batch, "approver", key="reviewer")


def test_one_person_with_two_keys_can_not_sign_twice(home: Home, batch: str) -> None:
    create_key(home, "approver", " 审 核员", PASSPHRASE, home.root / "same.key")
    sign(home, batch, "reviewer")
    with pytest.raises(LedgerForbidsError, match="same person"):
        sign(home, batch, "approver", key="same")


def test_a_key_of_another_home_is_unknown(home: Home, batch: str, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    with pytest.raises(LedgerForbidsError, match="not registered"):
        sign_batch(home, batch, "reviewer", other.root / "reviewer.key", PASSPHRASE)


def test_a_batch_of_another_home_is_unknown(home: Home, batch: str, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    other.batches.mkdir()
    shutil.copytree(home.batches / batch, other.batches / batch)
    for act in (lambda: sign(other, batch, "reviewer"), lambda: release_batch(other, batch)):
        with pytest.raises(LedgerForbidsError, match="knows no batch"):
            act()


def spoil_key(text: str) -> str:
    lines = text.splitlines()
    middle = lines.index("-----BEGIN ENCRYPTED PRIVATE KEY-----") + 2
    lines[middle] = lines[middle][::-1]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_key, "can't be opened"),
        (lambda text: text.split("-----BEGIN")[0], "no encrypted key"),
        (lambda text: text.replace("ENCRYPTED ", ""), "no encrypted key"),
        (lambda _text: "", "no encrypted key"),
    ],
)
def test_damaged_key_files(home: Home, batch: str, spoil: Callable[[str], str], said: str) -> None:
    path = home.root / "reviewer.key"
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DropRefusedError, match=said):
        sign(home, batch, "reviewer")


def test_a_binary_or_absent_key_file(home: Home, batch: str) -> None:
    (home.root / "binary.key").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("binary", "absent"):
        with pytest.raises(DropRefusedError, match="can't be read"):
            sign(home, batch, "reviewer", key=name)


@pytest.mark.parametrize("passphrase", ["wrong", ""])
def test_a_wrong_passphrase(home: Home, batch: str, passphrase: str) -> None:
    with pytest.raises(DropRefusedError, match="passphrase is wrong"):
        sign(home, batch, "reviewer", passphrase=passphrase)


def test_a_rewritten_header_changes_nothing(home: Home, batch: str) -> None:
    path = home.root / "reviewer.key"
    text = path.read_text(encoding="utf-8").replace("role: reviewer", "role: approver")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerForbidsError, match="reviewer's"):
        sign(home, batch, "approver", key="reviewer")


@pytest.mark.parametrize(
    ("role", "name", "passphrase"),
    [
        ("boss", "甲", "x"),
        ("reviewer", "  ", "x"),
        ("reviewer", "甲\n乙", "x"),
        ("reviewer", "甲", ""),
    ],
)
def test_keys_that_are_not_made(home: Home, role: str, name: str, passphrase: str) -> None:
    with pytest.raises(UsageError):
        create_key(home, role, name, passphrase)


def test_a_key_file_is_never_overwritten_and_private(home: Home) -> None:
    made = create_key(home, "reviewer", "丙", "secret word")
    assert Path(made["path"]).stat().st_mode & 0o777 == 0o600
    assert "secret word" not in Path(made["path"]).read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="already"):
        create_key(home, "reviewer", "丙", "x", Path(made["path"]))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("when", ["before signing", "before release"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_changed_byte_anywhere_refuses(
    home: Home, batch: str, name: str, when: str, place: float
) -> None:
    if when == "before release":
        sign_both(home, batch)
    path = home.batches / batch / name
    content = bytearray(path.read_bytes())
    content[int((len(content) - 1) * place)] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DigestDiffersError):
        if when == "before release":
            release_batch(home, batch)
        else:
            sign(home, batch, "reviewer")
    assert posted(home) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_refuses(home: Home, batch: str, name: str) -> None:
    sign_both(home, batch)
    (home.batches / batch / name).unlink()
    with pytest.raises((DigestDiffersError, DropRefusedError)):
        release_batch(home, batch)


def test_a_withdrawn_batch_is_neither_signed_nor_released(home: Home, batch: str) -> None:
    night(home, "R2", ROWS)
    with pytest.raises(LedgerForbidsError, match="already withdrawn"):
        sign(home, batch, "reviewer")
    with pytest.raises(LedgerForbidsError, match="withdrawn"):
        release_batch(home, batch)


@pytest.mark.parametrize(("budget_yuan", "fits"), [(1001, True), (1000, False)])
def test_the_budget_must_hold_the_whole_batch(tmp_path: Path, budget_yuan: int, fits: bool) -> None:
    home = new_home(tmp_path / "home", budget_yuan)
    batch = night(home, "R1", ROWS)[1].batches[0]
    sign_both(home, batch.batch_id)
    assert (batch.mark == "") is fits
    if fits:
        release_batch(home, batch.batch_id)
        return
    assert "1000.03 元" in batch.mark and "1000.00 元" in batch.mark, "both figures"
    with pytest.raises(LedgerForbidsError, match="over budget"):
        release_batch(home, batch.batch_id)


def test_a_batch_over_budget_reserves_nothing_and_is_paid_once_there_is_budget(
    tmp_path: Path,
) -> None:
    home = new_home(tmp_path / "home", 1000)
    sign_both(home, night(home, "R1", ROWS)[1].batches[0].batch_id)
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 1000", "2020 = 2000")
    home.funds_path.write_text(text, encoding="utf-8")
    again = night(home, "R2", ROWS)[1].batches[0]
    sign_both(home, again.batch_id)
    release_batch(home, again.batch_id)
    assert sum(posted(home)) == 100003


def test_what_was_released_counts_against_the_budget(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", 1001)
    first = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, first)
    release_batch(home, first)
    second = night(home, "R2", [*ROWS, month("benefit_to_retirement", ANN, 98)])[1].batches[0]
    assert "0.97 元 are left" in second.mark


def test_a_budget_lowered_after_signing_refuses(home: Home, batch: str) -> None:
    sign_both(home, batch)
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = 1000000", "2020 = 1")
    home.funds_path.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerForbidsError, match="over budget"):
        release_batch(home, batch)


def test_without_funds_the_batch_is_drawn_up_and_marked(home: Home) -> None:
    home.funds_path.unlink()
    batch = night(home, "R1", ROWS)[1].batches[0]
    assert batch.mark == "no budget configured"
    sign_both(home, batch.batch_id)
    with pytest.raises(LedgerForbidsError, match="no budget configured"):
        release_batch(home, batch.batch_id)


class Killed(BaseException):
    """Stands for kill -9 at a point: nothing after it happens."""


@pytest.mark.parametrize("point", ["_stage", "_post", "_put_in_place"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_step_a_second_release_completes_it_to_the_byte(
    home: Home, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, moment: str
) -> None:
    sign_both(home, batch)
    undisturbed = Home(tmp_path / "undisturbed")
    shutil.copytree(home.root, undisturbed.root)
    release_batch(undisturbed, batch)
    original = getattr(release_module, point)

    def killed(*words: object) -> None:
        if moment == "after":
            original(*words)
        raise Killed

    monkeypatch.setattr(release_module, point, killed)
    with pytest.raises(Killed):
        release_batch(home, batch)
    monkeypatch.undo()
    if (point, moment) == ("_put_in_place", "after"):
        with pytest.raises(LedgerForbidsError, match="already released"):
            release_batch(home, batch)
    else:
        release_batch(home, batch)
    assert files_of(home) == files_of(undisturbed)
    assert posted(home) == posted(undisturbed)


def files_of(home: Home) -> dict[str, bytes]:
    paths = (path for path in home.batches.rglob("*") if path.is_file())
    return {path.relative_to(home.root).as_posix(): path.read_bytes() for path in paths}


def test_a_payment_file_changed_after_release_is_noticed(home: Home, batch: str) -> None:
    sign_both(home, batch)
    release_batch(home, batch)
    path = home.batches / batch / "bank.txt"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DigestDiffersError, match="do not send"):
        release_batch(home, batch)


def test_a_payment_file_lost_after_release_is_written_again_the_same(
    home: Home, batch: str
) -> None:
    sign_both(home, batch)
    release_batch(home, batch)
    path = home.batches / batch / "payments.xml"
    content = path.read_bytes()
    path.unlink()
    release_batch(home, batch)
    assert path.read_bytes() == content
    assert len(posted(home)) == 2


def test_the_review_pack_comes_out_the_same_again(home: Home, batch: str) -> None:
    path = home.batches / batch / "review.xlsx"
    content = path.read_bytes()
    assert pack_batch(home, batch) == path
    assert path.read_bytes() == content


def test_a_review_pack_that_would_come_out_otherwise_is_left_alone(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.batches / batch / "review.xlsx"
    content = path.read_bytes()
    monkeypatch.setattr(batch_module, "review_workbook", lambda *_: b"of another version")
    with pytest.raises(DigestDiffersError, match="nothing was written"):
        pack_batch(home, batch)
    assert path.read_bytes() == content


# --- conservation ------------------------------------------------------------------------------

AMOUNTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=12)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(amounts=AMOUNTS, row_limit=st.integers(0, 4))
def test_money_is_conserved_from_lines_to_ledger(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[int], row_limit: int
) -> None:
    home = new_home(tmp_path_factory.mktemp("conserved") / "home", 10**9)
    profile = home.root / "bank_profiles" / "default.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("row_limit = 50000", f"row_limit = {row_limit}"), "utf-8")
    payees = (ANN, BOB)
    rows = [
        month("graduate_flexible_insurance", payees[n % 2], fen, f"2020-{n // 2 % 3 + 1:02d}")
        for n, fen in enumerate(amounts[:6])
    ] + [refund(fen, f"9137030200000{n:05d}") for n, fen in enumerate(amounts[6:])]
    town = Town()
    for number in range(len(amounts[6:])):
        code = f"9137030200000{number:05d}"
        town.registrations.append({"employer_code": code, "employer_name": f"厂{number}"})
        assert town.accounts is not None
        town.accounts.append(account(code, f"厂{number}"))
    drafted = night(home, "R1", rows, town)[1]
    for batch in drafted.batches:
        sign_both(home, batch.batch_id)
        release_batch(home, batch.batch_id)
        total = int(batch.lines["amount_fen"].sum())
        assert total == batch.instructions["amount_fen"].sum()
        assert (
            total
            == json.loads(
                (home.batches / batch.batch_id / "manifest.json").read_text(encoding="utf-8")
            )["control"]["amount_fen"]
        )
        files = payment_files(read_batch(home, batch.batch_id))
        assert total == bank_total(files, row_limit)
        root = etree.fromstring(files["payments.xml"])
        sums = [e.text for e in root.iter(f"{{{NAMESPACE}}}CtrlSum")]
        assert sums == [f"{total // 100}.{total % 100:02d}"] * 2
        with pytest.raises(LedgerForbidsError):
            release_batch(home, batch.batch_id)
    assert sum(posted(home)) == sum(amounts)
    assert night(home, "R2", rows, town)[1].batches == []


def bank_total(files: dict[str, bytes], row_limit: int) -> int:
    """Add up the detail lines of all bank files; headers and trailers must say the same."""
    total = 0
    for name, content in files.items():
        if name == "payments.xml":
            continue
        header, *details, trailer = content.decode("gb18030").splitlines()
        cells = [line.split("|") for line in details]
        fen = sum(int(cell[6]) for cell in cells)
        assert header.split("|")[5:7] == [str(len(cells)), str(fen)] == trailer.split("|")[1:3]
        assert not row_limit or len(cells) <= row_limit
        total += fen
    return total


def test_one_home_after_another_keeps_the_ledger_verifiable(home: Home) -> None:
    for number in range(3):
        rows = [refund(1000 + number), month("internship_subsidy", ANN, 5 + number, payee=ONE)]
        for batch in night(home, f"R{number}", rows)[1].batches:
            sign_both(home, batch.batch_id)
            release_batch(home, batch.batch_id)
    with open_ledger(home) as ledger:
        ledger.verify_chain()
        assert ledger.paid_lines()["amount_fen"].sum() == 1002 + 7
        assert sorted(ledger.installments(NOTHING_SIGNED)["times"].to_list()) == [3, 3]


def test_a_year_without_known_holidays_stops_before_anything_is_posted(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = ", "2099 = ")
    home.funds_path.write_text(text, encoding="utf-8")
    batch = night(home, "R1", ROWS, as_of=date(2099, 3, 31))[1].batches[0].batch_id
    sign_both(home, batch)
    with pytest.raises(ParameterMissingError, match="2099"):
        release_batch(home, batch)
    assert posted(home) == [] and list_batches(home)[0]["state"] == "signed"


def test_a_signature_that_does_not_hold_stops_the_release(home: Home, batch: str) -> None:
    sign(home, batch, "reviewer")
    with open_ledger(home) as ledger:
        (said,) = ledger.batch_states()[batch].signatures.values()
        (approver,) = [
            {**key, "fingerprint": fingerprint}
            for fingerprint, key in ledger.keys().items()
            if key["role"] == "approver"
        ]
        with ledger.transaction():
            forged = {**said, **approver}
            ledger.add_event(batch, "signed", "approver", forged)
    with pytest.raises(DigestDiffersError, match="signature as approver"):
        release_batch(home, batch)
    assert posted(home) == []


def test_the_payer_is_the_one_that_was_signed_not_the_one_configured_later(
    home: Home, batch: str
) -> None:
    sign_both(home, batch)
    text = home.funds_path.read_text(encoding="utf-8").replace("0000000000000001", "999")
    home.funds_path.write_text(text, encoding="utf-8")
    release_batch(home, batch)
    assert b"|0000000000000001|" in (home.batches / batch / "bank.txt").read_bytes()
