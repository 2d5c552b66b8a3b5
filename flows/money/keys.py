"""Signing keys: Ed25519 pairs, the private half encrypted with a passphrase, registered by role."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from flows.money.ledger_store import Ledger, open_ledger
from flows.store import Home
from transforms.digest import text_digest
from transforms.errors import DropRefusedError, LedgerForbidsError, UsageError
from transforms.money.ledger import ROLES

FINGERPRINT_LENGTH = 16
PEM_START = "-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclass(frozen=True)
class SigningKey:
    """An opened key, and what the ledger registered of it."""

    private: Ed25519PrivateKey
    fingerprint: str
    public_key: str
    role: str
    name: str


def create_key(
    home: Home, role: str, name: str, passphrase: str, path: Path | None = None
) -> dict[str, Any]:
    """Make a key pair, register its public half with role and name, write the private half.

    Raises:  UsageError for an unknown role, an empty name or passphrase, a file that is there
    """
    check_role(role)
    if not name.strip() or not name.isprintable():
        raise UsageError("--name must say who will hold the key, on one line")
    if not passphrase:
        raise UsageError("the passphrase is empty: give one that only the holder knows")
    private = Ed25519PrivateKey.generate()
    public_key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    fingerprint = _fingerprint(public_key)
    target = path or home.keys / f"{role}-{fingerprint}.key"
    if target.exists():
        raise UsageError(f"{target} is there already: name another file with --out")
    pem = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    ).decode()
    header = f"wuxing signing key\nrole: {role}\nname: {name.strip()}\nkey: {fingerprint}\n\n"
    home.root.mkdir(parents=True, exist_ok=True)
    # Registered first: a kill in between leaves a key nobody holds, never one nobody knows.
    with open_ledger(home) as ledger, ledger.transaction():
        content = {"role": role, "name": name.strip(), "public_key": public_key}
        ledger.add_event("", "key_registered", fingerprint, content)
    _write_private(target, header + pem)
    return {"fingerprint": fingerprint, "role": role, "name": name.strip(), "path": str(target)}


def check_role(role: str) -> None:
    """Raise UsageError unless a role exists."""
    if role not in ROLES:
        raise UsageError(f"--role is {role!r}; expected {' or '.join(ROLES)}")


def _fingerprint(public_key: str) -> str:
    return text_digest(public_key)[:FINGERPRINT_LENGTH]


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def open_key(ledger: Ledger, path: Path, passphrase: str, role: str) -> SigningKey:
    """Open a key file for one role; role and name are those that the ledger registered.

    Raises:  DropRefusedError if the file can't be opened; LedgerForbidsError if the key is not
             registered in this home, or for another role
    """
    check_role(role)
    private = _read_private(path, passphrase)
    public_key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    fingerprint = _fingerprint(public_key)
    registered = ledger.keys().get(fingerprint)
    if registered is None or registered["public_key"] != public_key:
        raise LedgerForbidsError(
            f"key {fingerprint} is not registered in this home: make one with `wuxing key new`"
        )
    if registered["role"] != role:
        raise LedgerForbidsError(
            f"key {fingerprint} is a {registered['role']}'s: it can't sign as {role}"
        )
    return SigningKey(private, fingerprint, public_key, role, registered["name"])


def _read_private(path: Path, passphrase: str) -> Ed25519PrivateKey:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise DropRefusedError(f"{path} can't be read as a key file; check --key") from unreadable
    found = re.search(f"{PEM_START}.*", text, re.DOTALL)
    if found is None:
        raise DropRefusedError(f"{path} holds no encrypted key; use one made by `wuxing key new`")
    try:
        private = load_pem_private_key(found.group().encode(), passphrase.encode() or b" ")
    except (ValueError, TypeError, UnsupportedAlgorithm) as refused:
        raise DropRefusedError(
            f"{path} can't be opened: the passphrase is wrong or the file is damaged"
        ) from refused
    if not isinstance(private, Ed25519PrivateKey):
        raise DropRefusedError(f"{path} holds a key of another kind; expected Ed25519")
    return private


def signature_holds(public_key: str, signature: str, message: bytes) -> bool:
    """Say whether a signature is that of a public key over a message."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
