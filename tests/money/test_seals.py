"""Outside seals: digest out, detached signature in, verified by the program that was registered."""

import hashlib
import json
import stat
from pathlib import Path

import pytest

from flows.money.acts import countersign
from flows.money.export import read_signature, write_signature
from flows.money.heads import list_keys, post_act
from flows.money.release import release_batch
from flows.money.seals import Seal, seal_request
from flows.money.sign import accept_signature, sign_batch, state_for_seal
from flows.money.verify import verify_home
from flows.store import Home
from tests.ceremony import home_id, key_of, person
from tests.money.money_town import night, refund
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError
from transforms.money.roster import key_id_of

# Stands for a seal's own software: a signature is the SHA-256 of secret and statement.
SECRET = "only the seal knows"
PROGRAM = f"""#!/bin/sh
test "$( (printf '%s' '{SECRET}'; cat "$2") | sha256sum | cut -c1-64)" = "$(cat "$3")" || exit 1
"""


@pytest.fixture
def seal(home: Home, tmp_path: Path) -> Seal:
    """A seal that is enrolled, with its program installed."""
    program, certificate = tmp_path / "verify", tmp_path / "certificate"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    certificate.write_text("the seal's certificate")
    words = f'["{program}", "{{public_key}}", "{{statement}}", "{{signature}}"]'
    (home.root / "seals.toml").write_text(f"[sm2]\ncommand = {words}\n")
    holder = person("approver", name="周九", staff_number="9")
    act = seal_request(holder, home_id(home), certificate, program)
    post_act(home, countersign(act, [key_of(home, r) for r in ("hr_head", "finance_head")]))
    return Seal(key_id_of("the seal's certificate"), tmp_path / "seal")


def sealed(path: Path) -> Path:
    """Do what the seal's software does: sign the bytes of a file."""
    signature = path.with_name("signature")
    signature.write_text(hashlib.sha256(SECRET.encode() + path.read_bytes()).hexdigest())
    return signature


def batch_of(home: Home) -> str:
    batch = night(home, "R1", [refund(1000)])[1].batches[0].batch_id
    sign_batch(home, batch, "reviewer", key_of(home, "reviewer"))
    return batch


def test_a_seal_signs_and_the_batch_is_released(home: Home, seal: Seal, tmp_path: Path) -> None:
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    assert json.loads(path.read_text())["batch_id"] == batch
    accept_signature(home, read_signature(path, sealed(path)))
    release_batch(home, batch)
    assert verify_home(home).counts["signatures"] == 2
    assert [key["state"] for key in list_keys(home)["keys"]] == ["enrolled"] * 5


def test_a_signature_that_the_program_does_not_find_to_hold(
    home: Home, seal: Seal, tmp_path: Path
) -> None:
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    signature = sealed(path)
    signature.write_text("0" * 64)
    with pytest.raises(LedgerForbidsError, match="does not hold"):
        accept_signature(home, read_signature(path, signature))
    with pytest.raises(DropRefusedError, match="can't be read"):
        read_signature(path, tmp_path / "absent")
    with pytest.raises(DropRefusedError, match="holds no signature"):
        read_signature(path)


@pytest.mark.parametrize("when", ["accept", "release"])
def test_another_program_than_the_heads_signed_verifies_nothing(
    home: Home, seal: Seal, tmp_path: Path, when: str
) -> None:
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    signed = read_signature(path, sealed(path))
    if when == "release":
        accept_signature(home, signed)
    (tmp_path / "verify").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(DropRefusedError, match="names no program"):
        accept_signature(home, signed) if when == "accept" else release_batch(home, batch)


def test_a_seals_signature_forged_into_the_ledger_is_found(
    home: Home, seal: Seal, tmp_path: Path
) -> None:
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    accept_signature(home, read_signature(path, sealed(path)))
    program = tmp_path / "verify"
    kept = program.read_text()
    program.write_text(kept.replace("exit 1", "exit 1 # "))
    (home.root / "seals.toml").unlink()
    for act in (lambda: release_batch(home, batch), lambda: verify_home(home)):
        with pytest.raises((DropRefusedError, DigestDiffersError)):
            act()


def test_without_a_seals_program_all_else_is_verified(
    home: Home, seal: Seal, tmp_path: Path
) -> None:
    """On the auditor's machine, which has no seal, `verify` once ended before it began."""
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    accept_signature(home, read_signature(path, sealed(path)))
    release_batch(home, batch)
    (home.root / "seals.toml").unlink()
    unsure = rf"1 signatures of outside seals .*all else is as recorded:\nsign {batch} by 周九"
    with pytest.raises(DropRefusedError, match=unsure):
        verify_home(home)
    (home.batches / batch / "bank-2.txt").write_text("x")
    with pytest.raises(DigestDiffersError, match=r"(?s)bank-2\.txt.*can't be checked.*周九"):
        verify_home(home)


@pytest.mark.parametrize("content", ["[sm2", "[sm2]\nprogram = 1", "x = 1"])
def test_a_configuration_that_is_none(home: Home, seal: Seal, tmp_path: Path, content: str) -> None:
    (home.root / "seals.toml").write_text(content)
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    with pytest.raises(DropRefusedError, match="seals"):
        accept_signature(home, read_signature(path, sealed(path)))
