"""A ledger that goes back, is lost, exchanged or copied: nothing is paid, and it is said why."""

import errno
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from flows import store
from flows.cli import doctor
from flows.cli.console import app, run_command
from flows.money import acts, heads, whole
from flows.money.ledger_store import open_ledger
from flows.money.notice import write_notice
from flows.money.reconcile import reconcile_batch
from flows.money.recover import record_recovered, recovered_act
from flows.money.release import release_batch
from flows.money.settle import late_return_act, settle_batch
from flows.money.sign import sign_batch, withdraw_batch
from flows.money.verify import verify_home
from flows.money.witnesses import anchor_path, expect_witnessed
from flows.night.settings import Settings
from flows.night.status import look_at
from flows.store import Home
from tests.ceremony import PLACE, home_id, key_of, one_place
from tests.money.money_town import TWO, new_home, night, pay, refund, sign_both
from transforms.answers.messages import in_chinese
from transforms.errors import DigestDiffersError, LedgerForbidsError

ROWS = [refund(1000), refund(7, TWO)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = new_home(tmp_path / "home")
    anchor(made, tmp_path / "anchor")
    return made


def anchor(home: Home, folder: Path) -> None:
    folder.mkdir()
    text = home.funds_path.read_text(encoding="utf-8")
    home.funds_path.write_text(text.replace("folders = []", f'folders = ["{folder}"]'), "utf-8")


def batch_of(home: Home, label: str = "R1") -> str:
    return night(home, label, ROWS)[1].batches[0].batch_id


def forget(home: Home, kept: Home, *names: str) -> None:
    """Put files back as they were, as somebody would who wants to pay again."""
    for name in names:
        shutil.copy(kept.root / name, home.root / name)
    for path in [*home.batches.glob("*/payments.xml"), *home.batches.glob("*/bank*.txt")]:
        path.unlink()


def kept_copy(home: Home) -> Home:
    copy = Home(home.root.with_name("kept"))
    shutil.copytree(home.root, copy.root)
    return copy


def spend(home: Home, batch: str) -> list[Callable[[], object]]:
    return [
        lambda: sign_batch(home, batch, "reviewer", key_of(home, "reviewer")),
        lambda: release_batch(home, batch),
        lambda: batch_of(home, "R2") and expect(home),
    ]


def expect(home: Home) -> None:
    with open_ledger(home) as ledger:
        whole.expect_whole(home, ledger)


@pytest.mark.parametrize(
    ("names", "witness"),
    [
        (("ledger.sqlite",), "ledger.journal"),
        (("ledger.sqlite", "ledger.journal"), "anchor"),
        (("ledger.sqlite", "ledger.journal", "reviewer.key"), "anchor"),
    ],
)
def test_a_ledger_put_back_pays_nothing(home: Home, names: tuple[str, ...], witness: str) -> None:
    batch = batch_of(home)
    sign_both(home, batch)
    kept = kept_copy(home)
    release_batch(home, batch)
    forget(home, kept, *names)
    for act in (lambda: release_batch(home, batch), lambda: expect(home)):
        with pytest.raises(DigestDiffersError, match="older than what was signed on") as stop:
            act()
        assert witness in str(stop.value) and "pay nothing" in str(stop.value)
    with pytest.raises(DigestDiffersError, match="older than"):
        verify_home(home)
    # Whoever looks is told, and not that a paid batch waits to be signed.
    told = look_at(home, Settings(), datetime(2026, 11, 27, tzinfo=UTC))
    assert not told["good"] and "older than" in told["ledger"] and not told["signature"]
    looked = {one["what"]: one for one in doctor.examine(home)["checks"]}["anchors"]
    assert looked["verdict"] == "bad" and "older than" in looked["found"]


def test_what_an_anchor_saw_stays_seen_when_funds_toml_names_another(home: Home) -> None:
    pay(home, "R1", ROWS)
    kept = kept_copy(home)
    pay(home, "R2", [refund(2000), refund(9, TWO)])
    forget(home, kept, "ledger.sqlite", "ledger.journal")
    other = home.root.with_name("other")
    other.mkdir()
    text = home.funds_path.read_text(encoding="utf-8")
    for folders in (f'["{other}"]', "[]"):
        named = text.replace(f'["{home.root.with_name("anchor")}"]', folders)
        home.funds_path.write_text(named, "utf-8")
        with pytest.raises(DigestDiffersError, match=r"older than .*/anchor/"):
            expect(home)
        with pytest.raises(DigestDiffersError, match=r"older than .*/anchor/"):
            verify_home(home)
        looked = {one["what"]: one for one in doctor.examine(home)["checks"]}["anchors"]
        assert looked["verdict"] == "bad"


def test_a_night_computed_again_elsewhere_is_not_behind_an_anchor_that_went_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit's scratch place has the ledger of then, and names no anchor: it pays nothing."""
    pay(home, "R1", ROWS)
    scratch = Home(home.root.with_name("scratch"))
    shutil.copytree(home.root, scratch.root)
    text = home.funds_path.read_text(encoding="utf-8")
    named = text.replace(f'["{home.root.with_name("anchor")}"]', "[]")
    scratch.funds_path.write_text(named, "utf-8")
    pay(home, "R2", [refund(2000), refund(9, TWO)])
    monkeypatch.setattr(whole, "place_of", lambda h: PLACE if h == home else str(h.root))
    expect(scratch)
    home.funds_path.write_text(named, "utf-8")
    expect(home)


def test_a_witness_that_is_not_there_can_not_vouch(home: Home) -> None:
    def looked() -> tuple[str, str]:
        found = {one["what"]: one for one in doctor.examine(home)["checks"]}["anchors"]
        return found["verdict"], found["found"]

    assert looked()[0] == "warn", "nothing was released yet"
    pay(home, "R1", ROWS)
    assert looked() == ("good", str(home.root.with_name("anchor")))
    next(home.root.with_name("anchor").iterdir()).unlink()
    assert looked()[0] == "warn" and "was not held against it" in looked()[1]
    home.root.with_name("anchor").rmdir()
    assert looked()[0] == "bad" and "connect it" in looked()[1]
    home.funds_path.unlink()
    assert looked()[0] == "warn" and "nothing outside knows" in looked()[1]


def test_what_is_posted_while_one_looks_is_not_behind(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, tries = batch_of(home), []

    def read(path: Path, hashes: Sequence[str]) -> int:
        if not tries:
            sign_both(home, batch)
        tries.append(path)
        return expect_witnessed(path, hashes)

    monkeypatch.setattr(whole, "expect_witnessed", read)
    assert whole.unwitnessed(home) == [] and len(tries) == 2


def test_payment_files_that_the_ledger_did_not_release(home: Home) -> None:
    batch = batch_of(home)
    for name in ("payments.xml", "bank-2.txt", "bank.txt"):
        path = home.batches / batch / name
        path.write_text("x")
        for act in spend(home, batch):
            with pytest.raises(DigestDiffersError, match=f"{name} is a payment file"):
                act()
        path.unlink()
    foreign = home.batches / "B0"
    foreign.mkdir()
    (foreign / "bank.txt").write_text("x")
    with pytest.raises(DigestDiffersError, match=r"B0/bank\.txt"):
        expect(home)


@pytest.mark.parametrize("content", [None, b"", b"this is no database" * 99])
def test_a_ledger_is_never_made_anew(home: Home, content: bytes | None) -> None:
    batch = batch_of(home)
    home.ledger_path.unlink()
    for path in home.root.glob("ledger.sqlite-*"):
        path.unlink()
    if content is not None:
        home.ledger_path.write_bytes(content)
    acts = [*spend(home, batch), lambda: verify_home(home)]
    if not content:
        acts.append(lambda: heads.initialise_home(home))
    for act in acts:
        with pytest.raises(DigestDiffersError, match=r"ledger\.sqlite"):
            act()
    assert not home.ledger_path.exists() or home.ledger_path.read_bytes() == content


def test_a_foreign_ledger_is_noticed(home: Home, tmp_path: Path) -> None:
    batch = batch_of(home)
    other = new_home(tmp_path / "other")
    shutil.copy(other.ledger_path, home.ledger_path)
    for act in spend(home, batch):
        with pytest.raises(DigestDiffersError):
            act()
    # Not that it knows no such batch: nobody is to look for another id.
    for words in (["sign"], ["batch", "reject", "--reason", "x"]):
        given = [batch, "--role", "reviewer", "--key", "no.key", "--home", str(home.root)]
        assert run_command(app, [*words, *given]) == 14


def test_another_database_is_no_ledger(home: Home) -> None:
    home.ledger_path.unlink()
    with sqlite3.connect(home.ledger_path) as connection:
        connection.execute("create table postings (sequence integer)")
    with pytest.raises(DigestDiffersError, match="no ledger of this program"):
        expect(home)


@pytest.mark.parametrize(
    "statement",
    [
        "drop trigger entries_refuse_delete",
        "drop index one_release",
        "create table beside (x integer)",
        "pragma user_version = 9",
    ],
)
def test_a_changed_schema_is_no_ledger(home: Home, statement: str) -> None:
    with sqlite3.connect(home.ledger_path) as connection:
        connection.execute(statement)
    with pytest.raises(DigestDiffersError, match="no ledger of this program"):
        expect(home)


def test_release_and_settle_tell_every_anchor(home: Home) -> None:
    (batch,) = pay(home, "R1", ROWS)
    path = anchor_path(home.root.with_name("anchor"), home_id(home))
    with open_ledger(home) as ledger:
        head = ledger.books().head
        reference = ledger.batch_states()[batch].released["ledger_head"]  # type: ignore[index]
    assert head in path.read_text() and path.stat().st_mode & 0o777 == 0o644
    assert (
        f"<PmtInfId>{batch}-{reference[:12]}</PmtInfId>".encode()
        in (home.batches / batch / "payments.xml").read_bytes()
    )
    answer = home.root / "answer"
    payment = night(home, "R2", [])[1] and _payment_ids(home, batch)[0]
    answer.write_text(f"{payment}|成功||20200401", "gb18030")
    settle_batch(home, batch, answer)
    with open_ledger(home) as ledger:
        assert ledger.books().head in path.read_text()


def _payment_ids(home: Home, batch: str) -> list[str]:
    with open_ledger(home) as ledger:
        return ledger.entries_of(batch, "payment")["payment_id"].to_list()


def test_what_an_anchor_had_no_room_for_it_is_told_when_the_command_is_repeated(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeated settle ended well and left the anchor behind: a home put back went unnoticed."""
    batch, answer = batch_of(home), home.root.with_name("answer")
    path = anchor_path(home.root.with_name("anchor"), home_id(home))
    expect(home)

    def full(_folders: object, _home_id: str, postings: Sequence[object]) -> None:
        if len(path.read_text().splitlines()) < len(postings):
            raise OSError(errno.ENOSPC, "No space left on device")

    def settle() -> object:
        answer.write_text(f"{_payment_ids(home, batch)[0]}|成功||20200401", "gb18030")
        return settle_batch(home, batch, answer)

    signers = [key_of(home, role) for role in ("reviewer", "approver")]

    def recover() -> object:
        of_act = recovered_act(home, _payment_ids(home, batch)[0], 1, "追1号", {})
        return record_recovered(home, acts.countersign(of_act, signers))

    for role, key in zip(("reviewer", "approver"), signers, strict=True):
        denied_and_repeated(
            monkeypatch, full, home, path, partial(sign_batch, home, batch, role, key)
        )
    for act in (partial(release_batch, home, batch), settle, recover):
        denied_and_repeated(monkeypatch, full, home, path, act)
        verify_home(home)


def denied_and_repeated(
    monkeypatch: pytest.MonkeyPatch,
    full: Callable[..., None],
    home: Home,
    anchor_file: Path,
    act: Callable[[], object],
) -> None:
    """Do an act whose anchor takes no more; the same again leaves the anchor as the journal is."""
    with monkeypatch.context() as denied, pytest.raises(OSError, match="No space"):
        denied.setattr(whole, "tell_anchors", full)
        act()
    assert anchor_file.read_text() != home.journal_path.read_text(), "it was posted"
    with suppress(LedgerForbidsError):
        act()
    assert anchor_file.read_text() == home.journal_path.read_text()


def test_without_an_anchor_folder_nothing_is_posted(home: Home) -> None:
    batch = batch_of(home)
    sign_both(home, batch)
    folder = home.root.with_name("anchor")
    folder.rename(folder.with_name("away"))
    with pytest.raises(LedgerForbidsError, match="anchor folder"):
        release_batch(home, batch)
    with open_ledger(home) as ledger:
        assert ledger.batch_states()[batch].state == "signed"
    folder.with_name("away").rename(folder)
    release_batch(home, batch)


def test_the_empty_place_of_an_anchor_that_is_not_connected_is_no_anchor(home: Home) -> None:
    """A share that is not mounted leaves an empty folder: what is put back is paid there."""
    batch = batch_of(home)
    sign_both(home, batch)
    path = anchor_path(home.root.with_name("anchor"), home_id(home))
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(LedgerForbidsError, match="no longer holds"):
        release_batch(home, batch)
    assert not path.exists(), "nothing is written where the anchor only was"
    path.write_bytes(kept)
    release_batch(home, batch)


@pytest.mark.parametrize("is_whole", [True, False])
def test_verify_says_which_anchor_it_could_not_ask(home: Home, is_whole: bool) -> None:
    pay(home, "R1", ROWS)
    assert verify_home(home).warnings == []
    folder = home.root.with_name("anchor")
    path = anchor_path(folder, home_id(home))
    shutil.rmtree(folder) if is_whole else path.unlink()
    seen = verify_home(home)
    assert [str(path) in said for said in seen.warnings] == [True]
    assert "was not held against it" in seen.warnings[0]
    assert ("the next act writes it" in seen.warnings[0]) is not is_whole
    assert seen.counts["witnesses"] == 1
    assert run_command(app, ["verify", "--home", str(home.root)]) == 0


@pytest.mark.parametrize("lines", [0, 3])
def test_an_anchor_that_was_emptied_or_cut_is_told_and_pays_nothing(home: Home, lines: int) -> None:
    batch = batch_of(home)
    sign_both(home, batch)
    path = anchor_path(home.root.with_name("anchor"), home_id(home))
    whole_file = path.read_bytes()
    path.write_bytes(b"".join(whole_file.splitlines(keepends=True)[:lines]))
    with pytest.raises(DigestDiffersError, match=f"holds {lines} postings, and was told"):
        verify_home(home)
    with pytest.raises(LedgerForbidsError, match="was emptied or cut"):
        release_batch(home, batch)
    path.write_bytes(whole_file)
    release_batch(home, batch)
    assert verify_home(home).warnings == []


def test_an_anchor_that_was_signed_with_can_not_be_left_out(home: Home) -> None:
    batch = batch_of(home)
    sign_both(home, batch)
    text = home.funds_path.read_text(encoding="utf-8")
    folder = home.root.with_name("anchor")
    home.funds_path.write_text(text.replace(f'"{folder}"', ""), encoding="utf-8")
    with pytest.raises(LedgerForbidsError, match="put it back"):
        release_batch(home, batch)


@pytest.mark.parametrize(
    "spoil", [lambda t: "", lambda t: "x" + t, lambda t: t.replace("S003", "S004")]
)
def test_a_journal_that_was_changed(home: Home, spoil: Callable[[str], str]) -> None:
    batch = batch_of(home)
    text = home.journal_path.read_text(encoding="utf-8")
    home.journal_path.write_text(spoil(text), encoding="utf-8")
    if not spoil(text):
        expect(home)
        assert home.journal_path.read_text(encoding="utf-8") == text, "it is written again"
        return
    for act in spend(home, batch):
        with pytest.raises(DigestDiffersError, match=r"ledger\.journal"):
            act()


def test_a_copy_signs_and_releases_only_after_both_heads_moved_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(home)
    copy = kept_copy(home)
    monkeypatch.setattr(whole, "place_of", lambda h: PLACE if h == home else str(h.root))
    monkeypatch.setattr(heads, "place_of", lambda h: PLACE if h == home else str(h.root))
    verify_home(copy)
    with pytest.raises(LedgerForbidsError, match="copy of home"):
        sign_batch(copy, batch, "reviewer", key_of(copy, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="copy of home"):
        write_notice(copy, batch, "2020-04-01")
    with pytest.raises(LedgerForbidsError, match="copy of home"):
        withdraw_batch(copy, batch, "不发")
    with pytest.raises(LedgerForbidsError, match="has not moved"):
        heads.move_act(home)
    act = heads.move_act(copy)
    one = acts.countersign(act, [key_of(copy, "hr_head")])
    with pytest.raises(LedgerForbidsError, match="not signed by finance_head"):
        heads.post_act(copy, one)
    both = acts.countersign(one, [key_of(copy, "finance_head")])
    third = Home(shutil.copytree(copy.root, copy.root.with_name("third")))
    with pytest.raises(LedgerForbidsError, match="lies elsewhere"):
        heads.post_act(third, both)
    heads.post_act(copy, both)
    sign_both(copy, batch)
    release_batch(copy, batch)
    with pytest.raises(LedgerForbidsError, match="not from where"):
        heads.post_act(copy, both)
    with pytest.raises(DigestDiffersError, match="work goes on where it lies now") as moved:
        sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    assert "anchor" in str(moved.value) and "已停用" in in_chinese(str(moved.value))


def test_a_copy_tells_no_anchor(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bank said, what was given back, a key revoked: posted in a copy it parts the two."""
    batch = pay(home, "R1", ROWS)[0]
    first, second = _payment_ids(home, batch)
    answer, late, statement = (home.root / name for name in ("answer", "late", "statement"))
    answer.write_text(f"{first}|成功||20200401", "gb18030")
    late.write_text(f"{first}|失败|销户|20200402", "gb18030")
    statement.write_text("日期|借贷|金额|对方账号|对方户名|摘要", "gb18030")
    both = [key_of(home, "reviewer"), key_of(home, "approver")]
    heads_keys = [key_of(home, "hr_head"), key_of(home, "finance_head")]
    settle_batch(home, batch, answer)
    recovered = recovered_act(home, second, 1, "缴款书1", {})
    revoked = heads.revoke_act(home, both[0].key_id, "调离")
    acted = late_return_act(home, batch, late)
    copy, path = kept_copy(home), anchor_path(home.root.with_name("anchor"), home_id(home))
    seen = path.read_bytes()
    monkeypatch.setattr(whole, "place_of", lambda h: PLACE if h == home else str(h.root))
    assert settle_batch(copy, batch, answer)["arrived"] == 1, "taken before: nothing is posted"
    for act in (
        lambda: settle_batch(copy, batch, late),
        lambda: settle_batch(copy, batch, late, acts.countersign(acted, both)),
        lambda: late_return_act(copy, batch, late),
        lambda: reconcile_batch(copy, batch, statement),
        lambda: recovered_act(copy, second, 1, "缴款书1", {}),
        lambda: record_recovered(copy, acts.countersign(recovered, both)),
        lambda: heads.post_act(copy, acts.countersign(revoked, heads_keys)),
    ):
        with pytest.raises(LedgerForbidsError, match="copy of home"):
            act()
    night(copy, "R2", ROWS)
    verify_home(copy)
    assert path.read_bytes() == seen
    settle_batch(home, batch, late, acts.countersign(acted, both))


def test_a_place_is_this_machine_and_path(tmp_path: Path) -> None:
    one, other = Home(tmp_path / "one"), Home(tmp_path / "other")
    assert store.place_of(one) == store.place_of(Home(tmp_path / "x" / ".." / "one"))
    assert store.place_of(one) != store.place_of(other)
    one_place()
