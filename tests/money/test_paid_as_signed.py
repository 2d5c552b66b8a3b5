"""Payment files are what the signed batch gives, whatever the release posted of them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.money import notice as notice_module
from flows.money import paid_as_signed, payment_files
from flows.money import release as release_module
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.reconcile import reconcile_batch
from flows.money.release import release_batch
from flows.money.settle import late_return_act, settle_batch
from flows.money.verify import verify_home
from flows.store import Home
from tests.money.money_town import ANN, TWO, ids_of, month, new_home, night, refund, sign_both
from transforms.answers.messages import in_chinese
from transforms.errors import ContractError, DigestDiffersError
from transforms.payments.profile import DEFAULT_PROFILE

ROWS = [refund(1000), refund(500, TWO), month("benefit_to_retirement", ANN, 7)]
Files = dict[str, bytes]
Change = Callable[[Files], Files]
# The header, detail and trailer of the default profile, of fixed width.
WIDTHS = {
    '"=H"': '{field = "=H", width = 2}',
    '"=D"': '{field = "=D", width = 2}',
    '"=T"': '{field = "=T", width = 2}',
    '"holder"': '{field = "holder", width = 90}',
    '"amount_fen"': '{field = "amount_fen", width = 15, align = "right", fill = "0"}',
    '"sum_fen"': '{field = "sum_fen", width = 15, align = "right", fill = "0"}',
    **{
        f'"{name}"': f'{{field = "{name}", width = 90}}'
        for name in (
            *("batch_id", "payer_account", "project", "month", "count", "version", "number"),
            *("account_no", "id_type", "id", "bank_name", "bank_code", "purpose"),
            *("payment_id", "details_sha256"),
        )
    },
}
FORMS: dict[str, dict[str, str]] = {
    "default": {},
    "many files": {"row_limit = 50000": "row_limit = 1"},
    "widths": {**WIDTHS, 'separator = "|"': 'separator = ""'},
    "wide letters": {'encoding = "gb18030"': 'encoding = "utf-16-le"', "CRLF": "LF"},
    "commas": {'separator = "|"': 'separator = ","'},
    "rehearsal": {},
}


@pytest.fixture(params=FORMS)
def signed(request: pytest.FixtureRequest, home: Home) -> tuple[Home, str]:
    """A batch that was signed, to be released in one of the forms."""
    return home, drawn_up(home, request.param)


def drawn_up(home: Home, form: str = "default") -> str:
    head, answer, rest = DEFAULT_PROFILE.read_text("utf-8").partition("\n[answer]")
    notes, fields = head.split("\nheader = ")
    for old, new in FORMS[form].items():
        assert old in head
        notes, fields = notes.replace(old, new), fields.replace(old, new)
    text = f"{notes}\nheader = {fields}{answer}{rest}"
    (home.root / "bank_profiles" / "default.toml").write_text(text, "utf-8")
    if form == "rehearsal":
        text = home.funds_path.read_text("utf-8").replace("样例失", "失")
        home.funds_path.write_text(text, "utf-8")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    sign_both(home, batch)
    return batch


def begin(home: Home) -> str:
    return drawn_up(home)


def release(home: Home, batch: str, change: Change) -> None:
    """Release a batch by a program that writes its files otherwise, and posts what it wrote."""
    real = payment_files.payment_files

    def changed(*given: Any, **named: Any) -> Files:
        return change(real(*given, **named))

    is_rehearsal = "样例失" not in home.funds_path.read_text("utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_module, "payment_files", changed)
        patch.setattr(release_module, "_expect_sizes", lambda *_: None)
        release_batch(home, batch, is_rehearsal=is_rehearsal)


def encoded(text: str) -> list[bytes]:
    return [text.encode(encoding) for encoding in ("utf-8", "utf-16-le")]


def replaced(old: str, new: str, ending: str = "") -> Change:
    """Put other text of the same length into the files."""

    def change(files: Files) -> Files:
        made = dict(files)
        for name in files:
            for one, other in zip(encoded(old), encoded(new), strict=True):
                if name.endswith(ending):
                    made[name] = made[name].replace(one, other)
        return made

    return change


def refused(home: Home, batch: str, said: str) -> None:
    """Nobody who looks, and nobody who is given a bank's answer, takes this batch for paid."""
    path = home.root / "answer.txt"
    path.write_text(f"{ids_of(home, batch)[0]}|成功||20200401\n", "utf-8")
    posted = count(home)
    for act in (
        lambda: verify_home(home),
        lambda: settle_batch(home, batch, path),
        lambda: late_return_act(home, batch, path),
        lambda: reconcile_batch(home, batch, path),
    ):
        with pytest.raises(DigestDiffersError, match=said) as stopped:
            act()
        assert "ask the bank what it paid" in str(stopped.value)
        assert "请向银行核实向谁付了多少" in in_chinese(str(stopped.value))
    assert count(home) == posted


def count(home: Home) -> int:
    with open_ledger(home) as ledger:
        return ledger.position()


def of_payee(home: Home, batch: str, name: str) -> Any:
    frame = payment_files.pl.read_parquet(home.batches / batch / "instructions.parquet")
    return frame.sort("payment_id")[name][0]


@pytest.mark.parametrize("ending", ["", ".txt", ".xml"])
def test_an_account_changed_at_the_release_is_told(signed: tuple[Home, str], ending: str) -> None:
    """Its digest stood in the ledger as that of the true file: nobody looked at what was signed."""
    home, batch = signed
    account, payment = of_payee(home, batch, "account_no"), of_payee(home, batch, "payment_id")
    release(home, batch, replaced(account, "6" * len(account), ending))
    refused(home, batch, f"{ending or '(xml|txt)'} pays {payment} otherwise than was signed")


def lines_changed(change: Callable[[list[str]], list[str]]) -> Change:
    def changed(files: Files) -> Files:
        text = files["bank.txt"].decode("gb18030").split("\r\n")
        return {**files, "bank.txt": "\r\n".join(change(text)).encode("gb18030")}

    return changed


DETAILS = {
    "amount": lambda lines: [line.replace("|7|", "|8|") for line in lines],
    "sum as it was": lambda lines: [
        re.sub(r"\|500\|", "|501|", re.sub(r"\|1000\|", "|999|", line)) for line in lines
    ],
    "twice": lambda lines: [*lines[:2], *lines[1:]],
    "left out": lambda lines: [lines[0], *lines[2:]],
    "after the end": lambda lines: [*lines, lines[1], ""],
    "for the trailer": lambda lines: [*lines[:-2], lines[1], ""],
    "for the header": lambda lines: [lines[1], *lines[1:]],
    "no end": lambda lines: lines[:-1],
    "empty": lambda lines: [""],
    "another word for a payment": lambda lines: [lines[0], "X" + lines[1][1:], *lines[2:]],
    "no number": lambda lines: [line.replace("|7|", "|七|") for line in lines],
}


@pytest.mark.parametrize("what", DETAILS)
def test_a_bank_file_that_pays_otherwise_is_told(what: str, home: Home, batch: str) -> None:
    release(home, batch, lines_changed(DETAILS[what]))
    refused(home, batch, "bank.txt (pays P|can't be read as the payment file that was signed)")


OTHERWISE: Mapping[str, Change] = {
    "amount": replaced('"CNY">0.07<', '"CNY">0.08<'),
    "no amount": replaced('"CNY">0.07<', '"CNY">7   <'),
    "no xml": replaced("</Document>", "</Documeny>"),
    "no message": lambda files: {"bank.txt": files["bank.txt"]},
    "no bank file": lambda files: {"payments.xml": files["payments.xml"]},
    "one more": lambda files: {**files, "bank-2.txt": files["bank.txt"]},
    "none": lambda files: {},
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_message_that_pays_otherwise_is_told(what: str, home: Home, batch: str) -> None:
    release(home, batch, OTHERWISE[what])
    refused(home, batch, "(pays P|can't be read as the payment file that was signed)")


def test_files_of_another_version_that_pay_the_same_are_no_forgery(
    signed: tuple[Home, str],
) -> None:
    home, batch = signed

    def change(files: Files) -> Files:
        dated = replaced("2020-03-31</Dt>", "2020-04-01</Dt>", ".xml")(files)
        return replaced("202003", "202004", ".txt")(dated)

    release(home, batch, change)
    told = [one for one in verify_home(home).warnings if "as this version writes it" in one]
    assert len(told) == 2 and "payments.xml" in told[0] and "bank.txt" in told[1]
    assert all("均与所签署的一致" in in_chinese(one) for one in told)
    path = home.root / "answer.txt"
    path.write_text(f"{ids_of(home, batch)[0]}|成功||20200401\n", "utf-8")
    assert settle_batch(home, batch, path)["arrived"] == 1
    verify_home(home)


def test_what_this_version_would_not_write_is_read_back(
    signed: tuple[Home, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, batch = signed
    release(home, batch, dict)

    def unfit(*_given: Any, **_named: Any) -> Files:
        raise ContractError("a name is too long")

    monkeypatch.setattr(paid_as_signed, "payment_files", unfit)
    assert len([one for one in verify_home(home).warnings if "each payment in it" in one]) == 2


def test_files_as_they_must_be_are_not_read_back(signed: tuple[Home, str]) -> None:
    home, batch = signed
    release(home, batch, dict)
    assert not [one for one in verify_home(home).warnings if "each payment in it" in one]


def test_a_file_changed_since_the_release_stops_the_answer_until_it_is_as_it_was(
    home: Home, batch: str
) -> None:
    release(home, batch, dict)
    path, bank = home.root / "answer.txt", home.batches / batch / "bank.txt"
    path.write_text(f"{ids_of(home, batch)[0]}|成功||20200401\n", "utf-8")
    kept = bank.read_bytes()
    bank.write_bytes(kept.replace(b"|7|", b"|8|"))
    with pytest.raises(
        DigestDiffersError, match=r"bank\.txt is not as it was released.*ask the bank"
    ):
        settle_batch(home, batch, path)
    bank.unlink()
    assert settle_batch(home, batch, path)["arrived"] == 1, "files may be elsewhere by now"
    release_batch(home, batch)
    assert bank.read_bytes() == kept
    verify_home(home)


# --- released before its notice was over --------------------------------------------------------


@pytest.fixture
def early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, str]:
    """A batch that was put up and released on one day, past the rule."""
    home = new_home(tmp_path / "early")
    lines = home.funds_path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("notice_not_needed")]
    home.funds_path.write_text("".join(kept), encoding="utf-8")
    batch = night(home, "R1", ROWS)[1].batches[0].batch_id
    write_notice(home, batch, "2020-04-03")
    sign_both(home, batch)
    monkeypatch.setattr(release_module, "expect_announced", lambda *_: None)
    monkeypatch.setattr(release_module, "today", lambda: "2020-04-13")
    return home, batch


def test_a_batch_released_before_its_notice_was_over_is_told(early: tuple[Home, str]) -> None:
    home, batch = early
    release_batch(home, batch)
    (told,) = [one for one in verify_home(home).warnings if "publicly announced" in one]
    assert f"batch {batch} was released on 2020-04-13 though 3 lines" in told
    assert "; its notice runs until 2020-04-13" in told
    assert "未公示满 5 个工作日" in in_chinese(told)


def test_a_batch_released_when_its_notice_was_over_is_not_told(
    early: tuple[Home, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, batch = early
    monkeypatch.setattr(release_module, "today", lambda: "2020-04-14")
    monkeypatch.setattr(release_module, "expect_announced", notice_module.expect_announced)
    release_batch(home, batch)
    assert not [one for one in verify_home(home).warnings if "announced" in one]


def test_a_release_of_before_the_notice_was_asked_for_is_not_told(
    early: tuple[Home, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, batch = early
    real = Ledger.post

    def post(self: Ledger, kind: str, said: Mapping[str, Any], *given: Any, **named: Any) -> Any:
        return real(self, kind, {n: v for n, v in said.items() if n != "on"}, *given, **named)

    monkeypatch.setattr(Ledger, "post", post)
    release_batch(home, batch)
    assert not [one for one in verify_home(home).warnings if "announced" in one]
