"""Key files: private, locked, never written over; and what is no key."""

import json
from pathlib import Path

import pytest

from flows.money import keys
from flows.money.keys import create_key, open_key
from flows.money.signatures import holds
from tests.ceremony import PASSPHRASE, person
from transforms.errors import DropRefusedError, UsageError
from transforms.money.roster import Member, statement_bytes


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keys, "SCRYPT_COST", 2)
    create_key(person("reviewer"), "H0", PASSPHRASE, tmp_path / "a.key")
    return tmp_path / "a.key"


def test_a_key_file_is_private_locked_and_never_overwritten(path: Path) -> None:
    request = path.with_name("a.key.request.json")
    assert path.stat().st_mode & 0o777 == request.stat().st_mode & 0o777 == 0o600
    assert PASSPHRASE not in path.read_text(encoding="utf-8")
    for there in (path, request):
        before = there.read_bytes()
        with pytest.raises(UsageError, match="already"):
            create_key(person("reviewer"), "H0", PASSPHRASE, path)
        assert there.read_bytes() == before


def test_to_try_a_passphrase_costs_what_it_must(tmp_path: Path) -> None:
    create_key(person("reviewer"), "H0", PASSPHRASE, tmp_path / "dear.key")
    assert json.loads((tmp_path / "dear.key").read_text())["cost"] == 1 << 15


def test_an_opened_key_signs_and_its_request_is_signed(path: Path) -> None:
    key = open_key(path, PASSPHRASE)
    request = json.loads(path.with_name("a.key.request.json").read_text(encoding="utf-8"))
    member = Member(
        **{k: v for k, v in request["statement"].items() if k not in ("act", "home_id")}
    )
    assert member.key_id == key.key_id
    message = statement_bytes(request["statement"])
    assert holds(member, message, request["signatures"][key.key_id])
    assert not holds(member, message + b" ", request["signatures"][key.key_id])
    assert not holds(member, message, "no signature")


@pytest.mark.parametrize("passphrase", ["wrong", "", PASSPHRASE + " "])
def test_a_wrong_passphrase(path: Path, passphrase: str) -> None:
    with pytest.raises(DropRefusedError, match="passphrase is wrong"):
        open_key(path, passphrase)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sealed", "00", "damaged"),
        ("sealed", "no hex", "damaged"),
        ("salt", "ab", "damaged"),
        ("cost", 1, "damaged"),
        ("what", "something else", "holds no key"),
        ("nonce", None, "holds no key"),
    ],
)
def test_damaged_key_files(path: Path, name: str, value: object, said: str) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, name: value}), encoding="utf-8")
    with pytest.raises(DropRefusedError, match=said):
        open_key(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"[]", b"{}", b'{"what": "x"'])
def test_what_is_no_key(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DropRefusedError):
        open_key(path, PASSPHRASE)
    path.unlink()
    with pytest.raises(DropRefusedError, match="is not there: check the path"):
        open_key(path, PASSPHRASE)


@pytest.mark.parametrize(
    ("other", "passphrase", "said"),
    [
        ({"role": "boss"}, PASSPHRASE, "--role"),
        ({"name": " \u200b "}, PASSPHRASE, "name must be given"),
        ({"name": "甲\n乙"}, PASSPHRASE, "on one line"),
        ({"staff_number": "--"}, PASSPHRASE, "staff_number"),
        ({"bureau": ""}, PASSPHRASE, "bureau"),
        ({}, "eleven char", "has 11 characters"),
    ],
)
def test_keys_that_are_not_made(
    tmp_path: Path, other: dict[str, str], passphrase: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        create_key({**person("reviewer"), **other}, "H0", passphrase, tmp_path / "b.key")
    assert not list(tmp_path.iterdir())
