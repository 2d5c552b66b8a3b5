"""Signing keys: Ed25519 pairs in their holder's own file, and the request to enrol one."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from flows.money.witnesses import seen_path
from transforms.errors import DropRefusedError, UsageError
from transforms.money.roster import (
    HEAD_ROLES,
    PERSON_FIELDS,
    ROLES,
    key_id_of,
    person_problem,
    statement_bytes,
)

PASSPHRASE_LENGTH = 12
# Work to open a key once, in scrypt's own unit: about a tenth of a second and 32 MiB.
SCRYPT_COST = 1 << 15
WHAT = "wuxing signing key"
KEY_FIELDS = ("role", *PERSON_FIELDS, "public_key")


@dataclass(frozen=True)
class SigningKey:
    """An opened key; who holds it is what the roster says, `said` only what its file says."""

    private: Ed25519PrivateKey
    path: Path
    said: Mapping[str, str]

    @property
    def public_key(self) -> str:
        """Return the public half, in hexadecimal."""
        return self.private.public_key().public_bytes_raw().hex()

    @property
    def key_id(self) -> str:
        """Return the key's name on the roster."""
        return key_id_of(self.public_key)

    def sign(self, statement: Mapping[str, Any]) -> str:
        """Return the signature over a statement, in hexadecimal."""
        return self.private.sign(statement_bytes(statement)).hex()


def create_key(
    person: Mapping[str, str], home_id: str, passphrase: str, path: Path
) -> dict[str, Any]:
    """Make a key pair: the private half in a file of its holder, and a request beside it.

    Rows:    person  role, staff_number, name, bureau, valid_from, valid_to
    Raises:  UsageError for an unknown role, an unclear person, a short passphrase, a file that
             is there
    """
    role, roles = person["role"], (*ROLES, *HEAD_ROLES)
    if role not in roles:
        raise UsageError(f"--role is {role!r}; expected {' or '.join(roles)}")
    wrong = person_problem(person)
    if wrong:
        raise UsageError(wrong)
    if len(passphrase) < PASSPHRASE_LENGTH:
        raise UsageError(
            f"the passphrase has {len(passphrase)} characters: give at least {PASSPHRASE_LENGTH} "
            "that only the holder knows"
        )
    request_path = path.with_name(f"{path.name}.request.json")
    for there in (path, request_path, seen_path(path)):
        if there.exists():
            raise UsageError(f"{there} is there already: name another file with --out")
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private, path, person)
    statement = {"act": "enrol", "home_id": home_id, **person, "public_key": key.public_key}
    # Nobody else's program verifies this key's signatures.
    statement["verifier"] = ""
    request = {"statement": statement, "signatures": {key.key_id: key.sign(statement)}}
    said = {name: statement[name] for name in KEY_FIELDS}
    _write_private(path, {"what": WHAT, **said, **_sealed(private, passphrase)})
    _write_private(request_path, request)
    return {"key_id": key.key_id, **person, "path": str(path), "request": str(request_path)}


def _sealed(private: Ed25519PrivateKey, passphrase: str) -> dict[str, Any]:
    salt, nonce, cost = os.urandom(16), os.urandom(12), SCRYPT_COST
    cipher = AESGCM(_stretched(passphrase, salt, cost))
    sealed = cipher.encrypt(nonce, private.private_bytes_raw(), WHAT.encode())
    return {"cost": cost, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}


def _stretched(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(passphrase.encode())


def _write_private(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def open_key(path: Path, passphrase: str) -> SigningKey:
    """Open a key file.

    Raises:  DropRefusedError if the file is no key or the passphrase is wrong
    """
    content = read_json(path, "a key file; check --key")
    try:
        if content["what"] != WHAT:
            raise KeyError("what")
        salt, nonce, sealed = (bytes.fromhex(content[name]) for name in ("salt", "nonce", "sealed"))
        cipher = AESGCM(_stretched(passphrase, salt, min(int(content["cost"]), SCRYPT_COST)))
        raw = cipher.decrypt(nonce, sealed, WHAT.encode())
        private = Ed25519PrivateKey.from_private_bytes(raw)
        said = {name: str(content[name]) for name in KEY_FIELDS}
    except (KeyError, TypeError) as foreign:
        raise DropRefusedError(
            f"{path} holds no key; use one made by `wuxing key new`"
        ) from foreign
    except (ValueError, InvalidTag) as refused:
        raise DropRefusedError(
            f"{path} can't be opened: the passphrase is wrong or the file is damaged"
        ) from refused
    return SigningKey(private, path, said)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a small file that holds one JSON object.

    Raises:  DropRefusedError if it does not
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as absent:
        raise DropRefusedError(f"{path} is not there: check the path") from absent
    except (OSError, ValueError) as unreadable:
        raise DropRefusedError(f"{path} can't be read as {what}") from unreadable
    if not isinstance(content, dict):
        raise DropRefusedError(f"{path} can't be read as {what}")
    return content
