"""Acts: a statement and its signatures in one small file, which goes from hand to hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.money.keys import SigningKey, read_json
from flows.store import replace_file
from transforms.digest import canonical_json
from transforms.errors import DropRefusedError
from transforms.money.roster import statement_digest

# How an act is posted: by the heads, or by a reviewer and an approver.
POSTED_AS = {
    "heads": "heads_registered",
    "enrol": "enrolled",
    "revoke": "revoked",
    "move": "home_moved",
    "late_return": "settled",
    "recovered": "recovered",
    "recovery_list": "recovery_listed",
    "recovery_lift": "recovery_lifted",
}


def unsigned(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return an act that nobody has signed yet."""
    return {"statement": dict(statement), "signatures": {}}


def countersign(act: Mapping[str, Any], keys: Sequence[SigningKey]) -> dict[str, Any]:
    """Add signatures to an act."""
    added = {key.key_id: key.sign(act["statement"]) for key in keys}
    return {"statement": act["statement"], "signatures": {**act["signatures"], **added}}


def read_act(path: Path, wanted: str = "") -> dict[str, Any]:
    """Read an act from its file: any, or only one of the kind that is wanted.

    Raises:  DropRefusedError if it holds none
    """
    content = read_json(path, "a request or act of `wuxing key`")
    statement, signatures = content.get("statement"), content.get("signatures")
    if not isinstance(statement, dict) or not isinstance(signatures, dict):
        raise DropRefusedError(f"{path} holds no act: expected a statement and its signatures")
    if statement.get("act") not in POSTED_AS:
        raise DropRefusedError(f"{path} holds the act {statement.get('act')!r}, which is none")
    if wanted and statement["act"] != wanted:
        raise DropRefusedError(
            f"{path} holds the act {statement['act']!r}, made by another command; expected "
            f"{wanted!r}"
        )
    return {"statement": statement, "signatures": signatures}


def write_act(path: Path, act: Mapping[str, Any]) -> None:
    """Write an act to a file."""
    replace_file(path, (canonical_json(dict(act)) + "\n").encode())


def act_digest(act: Mapping[str, Any]) -> str:
    """Return the digest of what an act states, to be compared aloud by those who sign it."""
    return statement_digest(act["statement"])
