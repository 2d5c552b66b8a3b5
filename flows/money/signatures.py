"""Signatures: made with Ed25519, verified the same way or by an outside seal's own command."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from transforms.money.roster import Member


def holds(member: Member, message: bytes, signature: str) -> bool:
    """Say whether a signature is that of a member's key over a message."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(member.public_key))
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
