"""Outside seals: digest out, detached signature in, verified by the program that was registered."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from flows.money.acts import countersign
from flows.money.export import read_signature, write_signature
from flows.money.heads import expect_enrollable, list_keys, post_act
from flows.money.release import release_batch
from flows.money.seals import Seal, command_of, seal_request
from flows.money.sign import accept_signature, sign_batch, state_for_seal
from flows.money.verify import verify_home
from flows.store import Home, file_digest
from tests.ceremony import home_id, key_of, person
from tests.money.money_town import night, refund
from transforms.errors import DigestDiffersError, DropRefusedError, LedgerForbidsError, UsageError
from transforms.money.roster import key_id_of

# Stands for a seal's own software: a signature is the SHA-256 of secret and statement.
SECRET = "only the seal knows"
PROGRAM = f"""#!/bin/sh
test "$( (printf '%s' '{SECRET}'; cat "$2") | sha256sum | cut -c1-64)" = "$(cat "$3")" || exit 1
"""


FILES = ("{public_key}", "{statement}", "{signature}")
# One that looks at nothing, as any program with sub-commands will.
SHELL = f"""#!/bin/sh
test "$1" = version && exit 0
{PROGRAM}"""


@pytest.fixture
def seal(home: Home, tmp_path: Path) -> Seal:
    """A seal that is enrolled, with its program installed."""
    program, certificate = tmp_path / "verify", tmp_path / "certificate"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    certificate.write_text("the seal's certificate")
    configured(home, program, *FILES)
    holder = person("approver", name="周九", staff_number="9")
    command = [str(program), *FILES]
    enrol_seal(home, seal_request(holder, home_id(home), certificate, command)["statement"])
    return Seal(key_id_of("the seal's certificate"), tmp_path / "seal")


def enrol_seal(home: Home, statement: dict[str, Any]) -> None:
    act = {"statement": statement, "signatures": {}}
    post_act(home, countersign(act, [key_of(home, r) for r in ("hr_head", "finance_head")]))


def configured(home: Home, *words: object) -> None:
    """Let the home name this one command."""
    said = json.dumps([str(word) for word in words])
    (home.root / "seals.toml").write_text(f"[sm2]\ncommand = {said}\n")


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


# --- the whole command is bound -------------------------------------------------------------------


@pytest.fixture
def old_seal(home: Home, tmp_path: Path) -> Seal:
    """A seal of before: both heads signed its program's digest and nothing of its words."""
    program = tmp_path / "verify"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    configured(home, program, *FILES)
    about = {"act": "enrol", "home_id": home_id(home), "public_key": "the old certificate"}
    holder = person("approver", name="周九", staff_number="9")
    enrol_seal(home, {**about, **holder, "verifier": file_digest(program)})
    return Seal(key_id_of("the old certificate"), tmp_path / "seal")


def signed_by(home: Home, seal: Seal, tmp_path: Path) -> tuple[str, Path]:
    batch, path = batch_of(home), tmp_path / "statement"
    write_signature(path, state_for_seal(home, batch, "approver", seal))
    return batch, path


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["{public_key}", "{statement}"],
        [*FILES, "-n"],
        [FILES[0], FILES[2], FILES[1]],
        ["version", *FILES],
    ],
)
def test_a_command_with_other_words_than_the_heads_signed_verifies_nothing(
    home: Home, seal: Seal, tmp_path: Path, words: list[str]
) -> None:
    """Once only its program was held against the roster: any that ends with 0 was believed."""
    batch, path = signed_by(home, seal, tmp_path)
    signed = read_signature(path, sealed(path))
    configured(home, tmp_path / "verify", *words)
    with pytest.raises(DropRefusedError, match=r"names no program .* and the words"):
        accept_signature(home, signed)
    configured(home, tmp_path / "verify", *FILES)
    accept_signature(home, signed)
    configured(home, tmp_path / "verify", *words)
    with pytest.raises(DropRefusedError, match="names no program"):
        release_batch(home, batch)
    with pytest.raises(DropRefusedError, match="1 signatures of outside seals"):
        verify_home(home)


def test_a_file_among_the_words_is_signed_by_what_it_holds(home: Home, tmp_path: Path) -> None:
    """An interpreter's digest says nothing of the script that it runs."""
    script, certificate = tmp_path / "verify.sh", tmp_path / "certificate"
    script.write_text(PROGRAM)
    certificate.write_text("the seal's certificate")
    command = ["/bin/sh", str(script), *FILES]
    holder = person("approver", name="周九", staff_number="9")
    act = seal_request(holder, home_id(home), certificate, command)
    assert act["statement"]["verifier_words"] == [f"sha256:{file_digest(script)}", *FILES]
    enrol_seal(home, act["statement"])
    elsewhere = tmp_path / "elsewhere.sh"
    elsewhere.write_text(PROGRAM)
    configured(home, "/bin/sh", elsewhere, *FILES)
    seal = Seal(key_id_of("the seal's certificate"), tmp_path / "seal")
    _, path = signed_by(home, seal, tmp_path)
    signed = read_signature(path, sealed(path))
    elsewhere.write_text("exit 0")
    with pytest.raises(DropRefusedError, match="names no program"):
        accept_signature(home, signed)
    elsewhere.write_text(PROGRAM)
    accept_signature(home, signed)


@pytest.mark.parametrize("words", [[], ["version"], [*FILES, FILES[0]], ["".join(FILES)]])
def test_a_command_that_can_verify_nothing_is_not_enrolled(
    home: Home, tmp_path: Path, words: list[str]
) -> None:
    certificate = tmp_path / "certificate"
    certificate.write_text("c")
    with pytest.raises(UsageError, match="each once"):
        seal_request(person("approver"), home_id(home), certificate, ["/bin/sh", *words])
    about = {"act": "enrol", "home_id": home_id(home), **person("approver"), "public_key": "c"}
    with pytest.raises(LedgerForbidsError, match="each once"):
        enrol_seal(home, {**about, "verifier": "0" * 64, "verifier_words": words})
    with pytest.raises(DropRefusedError, match="not with which words"):
        expect_enrollable(home, {**about, "verifier": "0" * 64})
    with pytest.raises(UsageError, match="quotation"):
        command_of("verify 'x")
    assert command_of("/a/b -k '{public_key} x'") == ["/a/b", "-k", "{public_key} x"]


def test_a_seal_of_before_signs_and_everybody_is_told(
    home: Home, old_seal: Seal, tmp_path: Path
) -> None:
    batch, path = signed_by(home, old_seal, tmp_path)
    accept_signature(home, read_signature(path, sealed(path)))
    release_batch(home, batch)
    told = [one for one in verify_home(home).warnings if "not with which words" in one]
    assert len(told) == 1
    assert str(tmp_path / "verify") in told[0]
    assert list_keys(home)["seals"] == told


def test_a_seals_command_is_told(home: Home, seal: Seal, tmp_path: Path) -> None:
    said = f"seal {seal.key_id} (周九) is verified by "
    (told,) = verify_home(home).seals
    assert told == said + json.dumps([str(tmp_path / "verify"), *FILES])
    assert list_keys(home)["seals"] == [told]
    (home.root / "seals.toml").unlink()
    assert list_keys(home)["seals"][0].startswith(f"{said}{home.root / 'seals.toml'} names no")


@pytest.mark.parametrize("words", [["version"], ["version", *FILES]])
def test_a_command_of_before_that_verifies_nothing_is_found(
    home: Home, old_seal: Seal, tmp_path: Path, words: list[str]
) -> None:
    """Found too where all three files stand among words that nobody looks at."""
    program = tmp_path / "verify"
    program.write_text(SHELL)
    holder = {**person("approver", name="周九", staff_number="9"), "public_key": "shell"}
    about = {"act": "enrol", "home_id": home_id(home), "verifier": file_digest(program)}
    enrol_seal(home, {**about, **holder})
    configured(home, program, *FILES)
    shell = Seal(key_id_of("shell"), tmp_path / "seal")
    batch, path = signed_by(home, shell, tmp_path)
    signed = read_signature(path, sealed(path))
    configured(home, program, *words)
    with pytest.raises(DigestDiffersError, match="verifies nothing"):
        accept_signature(home, signed)
    configured(home, program, *FILES)
    accept_signature(home, signed)
    configured(home, program, *words)
    for act in (lambda: release_batch(home, batch), lambda: verify_home(home)):
        with pytest.raises(DigestDiffersError, match="verifies nothing"):
            act()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param('#!/bin/sh\ngrep -q . "$3"\n', id="looks at the signature alone"),
        pytest.param('#!/bin/sh\ngrep -q act "$2"\n', id="looks at the statement alone"),
    ],
)
def test_a_program_that_holds_one_not_against_the_other(
    home: Home, tmp_path: Path, program: str
) -> None:
    path, certificate = tmp_path / "verify", tmp_path / "certificate"
    path.write_text(program)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    certificate.write_text("c")
    holder = person("approver", name="周九", staff_number="9")
    command = [str(path), *FILES]
    configured(home, *command)
    enrol_seal(home, seal_request(holder, home_id(home), certificate, command)["statement"])
    seal = Seal(key_id_of("c"), tmp_path / "seal")
    _, statement = signed_by(home, seal, tmp_path)
    with pytest.raises(DigestDiffersError, match="verifies nothing"):
        accept_signature(home, read_signature(statement, sealed(statement)))
