"""Outside seals (电子签章): digest out, detached signature in, verified by a registered command.

A seal's key never enters this program. Its roster entry holds the public key or certificate as
text, the SHA-256 of the one program that verifies its signatures, and the words with which it is
called, a file among them by its SHA-256 too; both heads signed that. `seals.toml` in the home says
where program and files are:

    [sm2]
    command = ["/opt/seal/verify", "{public_key}", "{statement}", "{signature}"]

The three words stand for files; it ends with 0 if the signature holds.
"""

import json
import shlex
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.money.acts import unsigned
from flows.scratch import scratch_folder
from flows.store import Home, file_digest
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError, WuxingError
from transforms.money.roster import SEAL_FILES, Member, Roster, words_problem

SEALS = "seals.toml"
SECONDS = 60
# How a file among the words is signed: by what it holds.
BY_DIGEST = "sha256:"


@dataclass(frozen=True)
class Seal:
    """A seal that signs outside: here it only has a name, and a place for what it has seen."""

    key_id: str
    path: Path

    def sign(self, _statement: Mapping[str, Any]) -> str:
        """Return no signature yet: the statement's file goes to the seal."""
        return ""


def command_of(text: str) -> list[str]:
    """Read a command as a shell would, in one word of a command line.

    Raises:  UsageError if a quotation mark is left open
    """
    try:
        return shlex.split(text)
    except ValueError as unclosed:
        raise UsageError(f"--verifier {text!r} leaves a quotation mark open") from unclosed


def seal_request(
    person: Mapping[str, str], home_id: str, key: Path, command: Sequence[str]
) -> dict[str, Any]:
    """Make the request to enrol a seal, of its public key or certificate and verifying command.

    Raises:  UsageError for a command that can verify nothing; DropRefusedError if a file can't be
             read
    """
    program, *words = command or [""]
    wrong = words_problem(words)
    if wrong:
        raise UsageError(f"--verifier: {wrong}")
    try:
        public_key, verifier = key.read_text(encoding="utf-8"), file_digest(Path(program))
        said = [f"{BY_DIGEST}{file_digest(Path(w))}" if _is_file(w) else w for w in words]
    except (OSError, UnicodeDecodeError) as unreadable:
        raise DropRefusedError(f"{key} or {program} can't be read: check the paths") from unreadable
    statement = {"act": "enrol", "home_id": home_id, **person, "public_key": public_key}
    return unsigned({**statement, "verifier": verifier, "verifier_words": said})


def expect_bound(statement: Mapping[str, Any]) -> None:
    """Check that the heads sign a seal's whole command, not its program alone as once.

    Raises:  DropRefusedError for a request of before
    """
    if statement.get("verifier") and not statement.get("verifier_words"):
        raise DropRefusedError(
            "the request says which program verifies for the seal, not with which words: make it "
            "again with `wuxing key request`"
        )


def seal_holds(home: Home, member: Member, message: bytes, signature: str) -> bool:
    """Say whether a seal's registered command finds a signature over a message to hold.

    Raises:  DropRefusedError if the command on the roster is not configured; DigestDiffersError
             for one that finds what was altered to hold too
    """
    command, sealed = seal_command(home, member), bytes.fromhex(signature)
    altered = ((message.swapcase(), sealed), (message, bytes(255 - byte for byte in sealed)))
    if not _ends_well(home, command, member, message, sealed):
        return False
    if any(_ends_well(home, command, member, *one) for one in altered):
        raise DigestDiffersError(
            f"{home.root / SEALS}: the command of seal {member.key_id} ends with 0 for an altered "
            "statement or signature too: it verifies nothing; pay nothing, find out who changed it"
        )
    return True


def _ends_well(
    home: Home, command: Sequence[str], member: Member, message: bytes, sealed: bytes
) -> bool:
    contents = (member.public_key.encode(), message, sealed)
    with scratch_folder(home.temporary) as folder:
        words = list(command)
        for place, content in zip(SEAL_FILES, contents, strict=True):
            path = folder / place.strip("{}")
            path.write_bytes(content)
            words = [word.replace(place, str(path)) for word in words]
        try:
            # In a folder of its own a word that is no whole path leads to nobody's file.
            finished = subprocess.run(
                words, capture_output=True, check=False, timeout=SECONDS, cwd=folder
            )
        except (OSError, subprocess.TimeoutExpired) as stopped:
            raise DropRefusedError(
                f"{command[0]} can't be run, or took over {SECONDS} s; mend it, then try again"
            ) from stopped
    return finished.returncode == 0


def seal_command(home: Home, member: Member) -> list[str]:
    """Return the configured command that is a seal's: its program by digest, its words as signed.

    Raises:  DropRefusedError if there is none; DigestDiffersError where only the program was
             signed, and no command of it can verify anything
    """
    path, words = home.root / SEALS, list(member.verifier_words)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        commands = [[str(word) for word in entry["command"]] for entry in entries.values()]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as broken:
        raise DropRefusedError(f"{path}: expected tables with a command: {broken}") from broken
    of_program = [
        [str(Path(command[0]).absolute()), *command[1:]]
        for command in commands
        if command and _is_content(command[0], member.verifier)
    ]
    for command in of_program:
        if _as_signed(command[1:], words) if words else not words_problem(command[1:]):
            return command
    if of_program and not words:
        raise DigestDiffersError(f"{path}: {words_problem([])}; it verifies nothing")
    raise DropRefusedError(
        f"{path} names no program with the digest {member.verifier[:12]}… and the words "
        f"{json.dumps(words)} that the roster gives for this seal: install it, and name it there"
    )


def _is_file(word: str) -> bool:
    return word.startswith("/") and Path(word).is_file()


def _is_content(word: str, digest: str) -> bool:
    return Path(word).is_file() and file_digest(Path(word)) == digest


def _as_signed(words: Sequence[str], signed: Sequence[str]) -> bool:
    """Say whether a command's words are those that were signed, its files by what they hold."""
    return len(words) == len(signed) and all(
        _is_file(word) and _is_content(word, said.removeprefix(BY_DIGEST))
        if said.startswith(BY_DIGEST)
        else word == said
        for word, said in zip(words, signed, strict=True)
    )


def believed(home: Home, roster: Roster) -> tuple[list[str], list[str]]:
    """Say of each seal which command is believed here; apart, of whom the heads signed no words."""
    told: tuple[list[str], list[str]] = ([], [])
    for member in roster.members.values():
        if not member.verifier:
            continue
        try:
            command = json.dumps(seal_command(home, member))
        except WuxingError as absent:
            command = str(absent)
        if member.verifier_words or member.revoked_at:
            told[0].append(f"seal {member.key_id} ({member.name}) is verified by {command}")
        else:
            told[1].append(
                f"seal {member.key_id} ({member.name}) is verified by {command}: the heads signed "
                "which program, not with which words; revoke it, and enrol a new one"
            )
    return told
