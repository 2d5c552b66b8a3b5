"""Signatures: Ed25519 verified here, an outside seal's by its own command."""

import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flows.money.seals import seal_holds
from flows.store import Home
from transforms.errors import DigestDiffersError, DropRefusedError
from transforms.money.roster import Holds, Member


def holds(member: Member, message: bytes, signature: str) -> bool:
    """Say whether a signature is that of a member's key over a message.

    A seal's was verified when it was posted, and is again at release and by `wuxing verify`: its
    command takes long, and every look at the ledger reads all signatures.
    """
    if member.verifier:
        return bool(signature)
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(member.public_key))
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def holds_truly(
    home: Home, unchecked: list[str] | None = None, problems: list[str] | None = None
) -> Holds:
    """Return what says whether a signature holds, a seal's too.

    Rows:    unchecked  if given, takes what a seal's program can't be asked of on this machine
             problems   if given, takes why a seal's command verifies nothing; else that is raised
    """

    def said(member: Member, message: bytes, signature: str) -> bool:
        if not member.verifier:
            return holds(member, message, signature)
        try:
            return seal_holds(home, member, message, signature)
        except ValueError:
            return False
        except DigestDiffersError as nothing:
            if problems is None:
                raise
            problems.append(str(nothing))
            return False
        except DropRefusedError as absent:
            if unchecked is None:
                raise
            about = json.loads(message)
            of = about.get("batch_id") or about.get("key_id") or about["home_id"]
            unchecked.append(f"{about['act']} {of} by {member.name} ({member.role}): {absent}")
            return holds(member, message, signature)

    return said
