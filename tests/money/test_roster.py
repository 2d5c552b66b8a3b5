"""Who may sign: only keys that both heads vouched for, one person once."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.money import acts, heads
from flows.money.keys import SigningKey
from flows.money.ledger_store import open_ledger
from flows.money.release import release_batch
from flows.money.sign import sign_batch
from flows.store import Home
from tests.ceremony import enrol, found, home_id, key_of, new_key, revoke
from tests.money.money_town import new_home, night, refund
from transforms.errors import DropRefusedError, LedgerForbidsError

ROWS = [refund(1000)]


def batch_of(home: Home) -> str:
    return night(home, "R1", ROWS)[1].batches[0].batch_id


def request_of(key: SigningKey) -> dict[str, Any]:
    return acts.read_act(key.path.with_name(f"{key.path.name}.request.json"))


def signed_by(home: Home, act: dict[str, Any], *roles: str) -> dict[str, Any]:
    return acts.countersign(act, [key_of(home, role) for role in roles])


BOTH = ("hr_head", "finance_head")


@pytest.mark.parametrize("roles", [(), ("hr_head",), ("finance_head",), ("hr_head", "reviewer")])
def test_both_heads_sign_or_the_key_does_not_count(home: Home, roles: tuple[str, ...]) -> None:
    act = request_of(
        new_key(home, home.root / "new.key", "reviewer", name="周九", staff_number="9")
    )
    with pytest.raises(LedgerForbidsError, match="not signed by"):
        heads.post_act(home, signed_by(home, act, *roles))
    assert len(heads.list_keys(home)["keys"]) == 4


def test_a_key_that_nobody_enrolled_signs_nothing(home: Home) -> None:
    key = new_key(home, home.root / "new.key", "reviewer", name="周九", staff_number="9")
    with pytest.raises(LedgerForbidsError, match="not on the roster"):
        sign_batch(home, batch_of(home), "reviewer", key)


@pytest.mark.parametrize(
    "field", ["role", "name", "staff_number", "valid_to", "public_key", "home_id"]
)
def test_a_request_changed_after_it_was_signed(home: Home, field: str) -> None:
    key = new_key(home, home.root / "new.key", "reviewer", name="周九", staff_number="9")
    act = signed_by(home, request_of(key), *BOTH)
    other = {"role": "approver", "valid_to": "2199-12-31", "public_key": "ab" * 32}
    act["statement"][field] = other.get(field, "另一个")
    with pytest.raises(LedgerForbidsError, match=r"not signed by|is for home"):
        heads.post_act(home, act)


def test_a_request_of_another_home_is_refused(home: Home, tmp_path: Path) -> None:
    other = new_home(tmp_path / "other")
    key = new_key(other, home.root / "new.key", "reviewer", name="周九", staff_number="9")
    with pytest.raises(LedgerForbidsError, match="is for home"):
        heads.post_act(home, signed_by(home, request_of(key), *BOTH))


@pytest.mark.parametrize(
    "other",
    [
        {"name": "立三孙", "staff_number": "9"},
        {"name": " 孙 三 立", "staff_number": "9"},
        {"name": "周九", "staff_number": "s００３"},
        {"name": "周九", "staff_number": "S003"},
    ],
)
def test_look_alikes_are_refused_at_enrolment(home: Home, other: dict[str, str]) -> None:
    with pytest.raises(LedgerForbidsError, match="can't be told from"):
        enrol(home, new_key(home, home.root / "new.key", "approver", **other))


def test_one_person_may_hold_two_keys_but_signs_a_batch_once(home: Home) -> None:
    same = {"name": "孙三立", "staff_number": "S003"}
    enrol(home, new_key(home, home.root / "second.key", "approver", **same))
    batch = batch_of(home)
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="same person"):
        sign_batch(home, batch, "approver", key_of(home, "second"))


def test_a_new_number_after_revocation_makes_no_second_person(home: Home) -> None:
    batch = batch_of(home)
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    revoke(home, key_of(home, "reviewer"))
    enrol(
        home, new_key(home, home.root / "again.key", "approver", name="孙三立", staff_number="88")
    )
    with pytest.raises(LedgerForbidsError, match="same person"):
        sign_batch(home, batch, "approver", key_of(home, "again"))


def test_a_key_signs_only_in_its_role(home: Home) -> None:
    batch = batch_of(home)
    with pytest.raises(LedgerForbidsError, match="signs as reviewer"):
        sign_batch(home, batch, "approver", key_of(home, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="signs as hr_head"):
        sign_batch(home, batch, "approver", key_of(home, "hr_head"))


def test_a_revoked_key_signs_nothing_more_and_what_it_signed_stands(home: Home) -> None:
    batch = batch_of(home)
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    revoke(home, key_of(home, "reviewer"))
    sign_batch(home, batch, "approver", key_of(home, "approver"))
    release_batch(home, batch)
    later = night(home, "R2", [refund(1500)])[1].batches[0].batch_id
    with pytest.raises(LedgerForbidsError, match="was revoked"):
        sign_batch(home, later, "reviewer", key_of(home, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="revoked before"):
        revoke(home, key_of(home, "reviewer"))
    with pytest.raises(LedgerForbidsError, match="on the roster already"):
        enrol(home, key_of(home, "reviewer"))


@pytest.mark.parametrize(
    ("valid_from", "valid_to"), [("2020-01-01", "2020-12-31"), ("2098-01-01", "2099-01-01")]
)
def test_a_key_signs_only_in_its_days(home: Home, valid_from: str, valid_to: str) -> None:
    days = {"valid_from": valid_from, "valid_to": valid_to}
    key = new_key(home, home.root / "old.key", "reviewer", name="周九", staff_number="9", **days)
    enrol(home, key)
    with pytest.raises(LedgerForbidsError, match="valid from"):
        sign_batch(home, batch_of(home), "reviewer", key)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"valid_from": "2020-13-01"}, "must be days"),
        ({"valid_from": date(2021, 1, 2).isoformat(), "valid_to": "2021-01-01"}, "ends before"),
    ],
)
def test_days_that_are_none(home: Home, days: dict[str, str], said: str) -> None:
    key = new_key(home, home.root / "k.key", "reviewer", name="周九", staff_number="9", **days)
    with pytest.raises(LedgerForbidsError, match=said):
        enrol(home, key)


def test_without_heads_nobody_is_enrolled(tmp_path: Path) -> None:
    bare = Home(tmp_path / "home")
    bare.root.mkdir()
    heads.initialise_home(bare)
    key = new_key(bare, bare.root / "k.key", "reviewer")
    with pytest.raises(LedgerForbidsError, match="not registered yet"):
        heads.post_act(bare, request_of(key))


def test_the_heads_are_two_and_named_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    heads.initialise_home(home)
    one = new_key(home, home.root / "one.key", "hr_head")
    same = new_key(home, home.root / "same.key", "finance_head", name="鸣一赵", staff_number="7")
    act = heads.heads_act(home_id(home), one.said, same.said)
    with pytest.raises(LedgerForbidsError, match="two different persons"):
        heads.post_act(home, acts.countersign(act, [one, same]))
    two = new_key(home, home.root / "two.key", "finance_head")
    act = heads.heads_act(home_id(home), one.said, two.said)
    with pytest.raises(LedgerForbidsError, match="not signed by finance_head"):
        heads.post_act(home, acts.countersign(act, [one]))
    heads.post_act(home, acts.countersign(act, [one, two]))
    with pytest.raises(LedgerForbidsError, match="registered already"):
        heads.post_act(home, acts.countersign(act, [one, two]))
    with pytest.raises(DropRefusedError, match="expected the key of the hr_head"):
        heads.heads_act(home_id(home), two.said, one.said)


def test_a_heads_successor_takes_the_place(home: Home) -> None:
    with pytest.raises(LedgerForbidsError, match="successor"):
        revoke(home, key_of(home, "hr_head"))
    enrol(home, new_key(home, home.root / "next.key", "hr_head", name="周九", staff_number="9"))
    late = request_of(
        new_key(home, home.root / "x.key", "reviewer", name="吴十", staff_number="10")
    )
    with pytest.raises(LedgerForbidsError, match="not signed by hr_head"):
        heads.post_act(home, signed_by(home, late, *BOTH))
    heads.post_act(home, signed_by(home, late, "next", "finance_head"))


def test_the_rosters_digest_changes_with_every_act(home: Home) -> None:
    digests = [heads.list_keys(home)["roster_digest"]]
    enrol(home, new_key(home, home.root / "k.key", "reviewer", name="周九", staff_number="9"))
    digests.append(heads.list_keys(home)["roster_digest"])
    revoke(home, key_of(home, "k"))
    digests.append(heads.list_keys(home)["roster_digest"])
    assert len(set(digests)) == 3
    with open_ledger(home) as ledger:
        assert ledger.books().rosters[-3:] == digests


def test_an_act_goes_from_head_to_head_as_a_file(home: Home, tmp_path: Path) -> None:
    act, path = heads.revoke_act(home, key_of(home, "reviewer").key_id, "left"), tmp_path / "act"
    acts.write_act(path, act)
    for role in BOTH:
        acts.write_act(path, signed_by(home, acts.read_act(path), role))
    keys = heads.post_act(home, acts.read_act(path))["keys"]
    assert [key["state"] for key in keys] == ["enrolled"] * 2 + ["revoked", "enrolled"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"statement": {}, "signatures": {}}'])
def test_files_that_are_no_act(tmp_path: Path, content: str) -> None:
    path = tmp_path / "act"
    path.write_text(content)
    with pytest.raises(DropRefusedError):
        acts.read_act(path)


def test_an_act_of_another_command_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "act"
    acts.write_act(path, acts.unsigned({"act": "recovered"}))
    assert acts.read_act(path, "recovered") == acts.read_act(path)
    with pytest.raises(DropRefusedError, match="'recovered', made by another command"):
        acts.read_act(path, "recovery_lift")


def test_the_ceremony_is_that_of_four_people(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    assert sorted(found(home)) == ["finance_head", "hr_head"]


def test_a_head_reads_what_is_signed_in_words(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from flows.cli.console import app, run_command

    monkeypatch.setenv("WUXING_PASSPHRASE", "a long passphrase")
    key = tmp_path / "one.key"
    words = ["--role", "hr_head", "--staff-number", "7", "--name", "王一", "--bureau", "人社局"]
    made = ["key", "new", *words, "--home", str(empty_home), "--out", str(key)]
    assert run_command(app, made) == 0
    capsys.readouterr()
    request = f"{key}.request.json"
    assert run_command(app, ["--lang", "zh", "key", "countersign", request, "--key", str(key)]) == 0
    told = capsys.readouterr().out
    assert "事项: 登记密钥" in told.replace("：", ": ") and "角色: 人社局负责人" in told.replace(
        "：", ": "
    )
    assert "staff_number" not in told and "{" not in told and "verifier" not in told
