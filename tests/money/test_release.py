"""Signing and release: two persons, every byte, once; and what happens after a kill."""

import json
import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from flows.money import batch as batch_module
from flows.money import release as release_module
from flows.money.approval import approval_sheet
from flows.money.batch import list_batches, pack_batch, show_batch
from flows.money.clock import today
from flows.money.export import export_batch, read_export
from flows.money.funds import PLACEHOLDER
from flows.money.ledger_store import open_ledger
from flows.money.payment_files import payment_files
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import key_of
from tests.money.money_town import (
    ANN,
    BOB,
    NOTHING_SIGNED,
    ONE,
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
)
from transforms.payments.pain001 import NAMESPACE

ROWS = [refund(100001), refund(2, TWO)]
FILES = (
    "manifest.json",
    "instructions.parquet",
    "lines.parquet",
    "unpaid_lines.parquet",
)


def begin(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


def sign(home: Home, batch: str, role: str) -> None:
    sign_batch(home, batch, role, key_of(home, role))


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


def test_a_batch_of_another_home_is_unknown(home: Home, batch: str, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    other.batches.mkdir()
    shutil.copytree(home.batches / batch, other.batches / batch)
    for act in (lambda: sign(other, batch, "reviewer"), lambda: release_batch(other, batch)):
        with pytest.raises(LedgerForbidsError, match="knows no batch"):
            act()


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
    told = sign_batch(home, batch.batch_id, "reviewer", key_of(home, "reviewer"))["warnings"]
    assert ["make a new run" in one for one in told] == ([] if fits else [True])
    sign_batch(home, batch.batch_id, "approver", key_of(home, "approver"))
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
    if (point, moment) == ("_put_in_place", "before"):
        with pytest.raises(DigestDiffersError, match="`wuxing release` once more"):
            verify_home(home)
    if (point, moment) == ("_put_in_place", "after"):
        with pytest.raises(LedgerForbidsError, match="already released"):
            release_batch(home, batch)
    else:
        release_batch(home, batch)
    assert files_of(home) == files_of(undisturbed)
    assert posted(home) == posted(undisturbed)


@pytest.mark.parametrize("point", ["_stage", "_post"])
def test_a_release_that_was_stopped_leaves_no_payment_file(
    home: Home, batch: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """It said that nothing was changed, and its files lay there under hidden names."""
    sign_both(home, batch)
    before, original = files_of(home), getattr(release_module, point)

    def stopped(*words: object) -> None:
        if point == "_stage":
            original(*words)
        raise KeyboardInterrupt

    monkeypatch.setattr(release_module, point, stopped)
    with pytest.raises(KeyboardInterrupt):
        release_batch(home, batch)
    assert files_of(home) == before
    assert verify_home(home).warnings == []


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
    assert pack_batch(home, batch) == {"batch_id": batch, "review": str(path), "kept": []}
    assert path.read_bytes() == content


def test_a_copy_that_was_filled_in_is_kept_and_hinders_nobody(home: Home, batch: str) -> None:
    path = home.batches / batch / "review.xlsx"
    content = path.read_bytes()
    path.write_bytes(content + b"filled in")
    (said,) = verify_home(home).warnings
    assert f"{path} was filled in" in said
    sign_both(home, batch)
    packed = pack_batch(home, batch)
    assert packed["kept"] == [str(path.with_name("review-1.xlsx"))]
    assert Path(packed["kept"][0]).read_bytes() == content + b"filled in"
    assert path.read_bytes() == content
    release_batch(home, batch)
    assert verify_home(home).warnings == []


@pytest.mark.parametrize("changed", ["", "review.html", "review.xlsx"])
def test_a_pack_that_another_version_would_draw_otherwise_is_handed_out_as_it_was_drawn(
    home: Home, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """After an update a signer's machine gets what was drawn up; what was changed, nobody gets."""
    folder, exported = home.batches / batch, tmp_path / "batch.zip"
    if changed:
        (folder / changed).write_bytes((folder / changed).read_bytes() + b" ")
    lying = {name: (folder / name).read_bytes() for name in ("review.html", "review.xlsx")}
    other = dict.fromkeys(lying, b"of another version")
    monkeypatch.setattr(batch_module, "review_files", lambda *_: (other, {}))
    if changed:
        with pytest.raises(DigestDiffersError, match="nothing was written"):
            pack_batch(home, batch)
        with pytest.raises(DigestDiffersError):
            export_batch(home, batch, exported)
    else:
        assert pack_batch(home, batch)["kept"] == []
        export_batch(home, batch, exported)
        assert read_export(exported).batch_id == batch
        with zipfile.ZipFile(exported) as archive:
            assert {name: archive.read(name) for name in lying} == lying
    assert exported.exists() == (not changed)
    assert {name: (folder / name).read_bytes() for name in lying} == lying


# --- conservation ------------------------------------------------------------------------------

AMOUNTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=12)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
        files = payment_files(batch.manifest, batch.instructions, "0" * 64)
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
        assert not list(ledger.entry_problems())
        assert ledger.paid_lines()["amount_fen"].sum() == 1002 + 7
        assert sorted(ledger.installments(NOTHING_SIGNED)["times"].to_list()) == [3, 3]


def test_a_year_without_known_holidays_is_marked_before_anybody_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.money.sign.today", lambda: "2099-04-01")
    home = new_home(tmp_path / "home")
    text = home.funds_path.read_text(encoding="utf-8").replace("2020 = ", "2099 = ")
    home.funds_path.write_text(text, encoding="utf-8")
    batch = night(home, "R1", ROWS, as_of=date(2099, 3, 31))[1].batches[0]
    assert "2099" in batch.mark and batch.manifest["mark_said"]["code"] == "not_writable"
    sign_both(home, batch.batch_id)
    with pytest.raises(LedgerForbidsError, match=r"2099.*calendar; correct that, then make a"):
        release_batch(home, batch.batch_id)
    assert posted(home) == [] and list_batches(home)[0]["state"] == "signed"


NARROW = """header = [{field = "batch_id", width = 21}]
detail = [
    {field = "account_no", width = 20}, {field = "holder", width = 40},
    {field = "amount_fen", width = 5}, {field = "payment_id", width = 35},
]
trailer = [{field = "sum_fen", width = 15}]
"""


@pytest.mark.parametrize(("amount_fen", "fits"), [(99999, True), (100000, False)])
def test_a_profile_too_narrow_for_an_amount_is_found_before_anybody_signs(
    home: Home, amount_fen: int, fits: bool
) -> None:
    path = home.root / "bank_profiles" / "default.toml"
    text = path.read_text(encoding="utf-8").replace('separator = "|"', 'separator = ""', 1)
    start, end = text.index("header = ["), text.index("# 银行回盘文件")
    path.write_text(text[:start] + NARROW + text[end:], encoding="utf-8")
    batch = night(home, "R1", [refund(amount_fen)])[1].batches[0]
    if fits:
        assert batch.mark == "" and set(batch.manifest["payment_file_bytes"]) == {
            "payments.xml",
            "bank.txt",
        }
        sign_both(home, batch.batch_id)
        release_batch(home, batch.batch_id)
    else:
        assert "amount_fen is wider than its 5 bytes" in batch.mark


def test_a_batch_drawn_up_by_an_untrue_profile_is_not_released(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.root / "bank_profiles" / "default.toml"
    text = path.read_text(encoding="utf-8")
    wide = '{field = "account_no", width = 22, fill = "0"}'
    path.write_text(text.replace('"account_no"', wide, 1), encoding="utf-8")
    with monkeypatch.context() as before:
        before.setattr("transforms.payments.profile.expect_unchanged", lambda *_: None)
        batch = night(home, "R1", ROWS)[1].batches[0].batch_id
        sign_both(home, batch)
        with pytest.raises(LedgerForbidsError, match=r"account_no filled with '0'.*; then make a"):
            release_batch(home, batch)
    assert posted(home) == []
    with pytest.raises(DropRefusedError, match="account_no filled with '0'"):
        night(home, "R2", ROWS)


@pytest.mark.parametrize(
    ("filled", "left", "named"),
    [
        ("样例", PLACEHOLDER, "payer_name, bank_name"),
        ("样例失", "失", "payer_name"),
        ("样例开", "开", "bank_name"),
        ("9000000000000001", "0000000000000001", "payer_account"),
    ],
)
def test_a_placeholder_payer_is_a_rehearsal_and_says_so(
    home: Home, filled: str, left: str, named: str
) -> None:
    text = home.funds_path.read_text(encoding="utf-8").replace(filled, left)
    home.funds_path.write_text(text, encoding="utf-8")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, batch)
    with pytest.raises(LedgerForbidsError, match=rf": {named} in .* --rehearsal"):
        release_batch(home, batch)
    files = release_batch(home, batch, is_rehearsal=True)["files"]
    assert [Path(path).name for path in files] == ["rehearsal-payments.xml", "rehearsal-bank.txt"]
    for path in files:
        encoding = "utf-8" if path.endswith(".xml") else "gb18030"
        assert "REHEARSAL" in Path(path).read_text(encoding)
    Path(files[0]).unlink()
    release_batch(home, batch)
    assert verify_home(home).counts["payment files"] == 2
    assert "演练" in (home.batches / batch / "approval.txt").read_text(encoding="utf-8")


def test_a_real_payer_is_no_rehearsal(home: Home, batch: str) -> None:
    sign_both(home, batch)
    with pytest.raises(LedgerForbidsError, match="real payer"):
        release_batch(home, batch, is_rehearsal=True)
    assert posted(home) == []


def test_the_approval_sheet_names_signers_amount_and_head(home: Home, batch: str) -> None:
    sign_both(home, batch)
    release_batch(home, batch)
    text = (home.batches / batch / "approval.txt").read_text(encoding="utf-8")
    with open_ledger(home) as ledger:
        books = ledger.books()
    day = f"发放日期 released on: {today()}\n"
    for said in ("人民币壹仟元零叁分", "孙三立 (S003", "李四光 (S004", batch, books.head, day):
        assert said in text
    state = books.batches[batch]
    assert state.released and state.released.pop("on") == today()
    assert approval_sheet(books, state).decode() == text.replace(day, ""), "as before it was posted"
