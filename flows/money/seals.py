"""Outside seals (电子签章): digest out, detached signature in, verified by a registered command.

A seal's key never enters this program. Its roster entry holds the public key or certificate as
text and the SHA-256 of the one program that verifies its signatures; both heads signed that.
`seals.toml` in the home says where that program is:

    [sm2]
    command = ["/opt/seal/verify", "{public_key}", "{statement}", "{signature}"]

The three words stand for files; it ends with 0 if the signature holds.
"""

import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.money.acts import unsigned
from flows.scratch import scratch_folder
from flows.store import Home, file_digest
from transforms.errors import DropRefusedError
from transforms.money.roster import Member

SEALS = "seals.toml"
SECONDS = 60


@dataclass(frozen=True)
class Seal:
    """A seal that signs outside: here it only has a name, and a place for what it has seen."""

    key_id: str
    path: Path

    def sign(self, _statement: Mapping[str, Any]) -> str:
        """Return no signature yet: the statement's file goes to the seal."""
        return ""


def seal_request(
    person: Mapping[str, str], home_id: str, key: Path, program: Path
) -> dict[str, Any]:
    """Make the request to enrol a seal, of its public key or certificate and verifying program.

    Raises:  DropRefusedError if one of the files can't be read
    """
    try:
        public_key, verifier = key.read_text(encoding="utf-8"), file_digest(program)
    except (OSError, UnicodeDecodeError) as unreadable:
        raise DropRefusedError(f"{key} or {program} can't be read: check the paths") from unreadable
    statement = {"act": "enrol", "home_id": home_id, **person, "public_key": public_key}
    return unsigned({**statement, "verifier": verifier})


def seal_holds(home: Home, member: Member, message: bytes, signature: str) -> bool:
    """Say whether a seal's registered command finds a signature over a message to hold.

    Raises:  DropRefusedError if no program with the digest on the roster is configured
    """
    command = seal_command(home, member.verifier)
    with scratch_folder(home.temporary) as folder:
        contents = {
            "public_key": member.public_key.encode(),
            "statement": message,
            "signature": bytes.fromhex(signature),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        words = [word.format(**{name: folder / name for name in contents}) for word in command]
        try:
            finished = subprocess.run(words, capture_output=True, check=False, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as stopped:
            raise DropRefusedError(
                f"{command[0]} can't be run, or took over {SECONDS} s; mend it, then try again"
            ) from stopped
    return finished.returncode == 0


def seal_command(home: Home, digest: str) -> list[str]:
    """Return the configured command whose program has a digest.

    Raises:  DropRefusedError if there is none
    """
    path = home.root / SEALS
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        commands = [[str(word) for word in entry["command"]] for entry in entries.values()]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as broken:
        raise DropRefusedError(f"{path}: expected tables with a command: {broken}") from broken
    for command in commands:
        if Path(command[0]).is_file() and file_digest(Path(command[0])) == digest:
            return command
    raise DropRefusedError(
        f"{path} names no program with the digest {digest[:12]}… that the roster gives for this "
        "seal: install it, and name it there"
    )
