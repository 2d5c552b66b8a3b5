"""Who else has seen the ledger: its journal, the anchor folders, each signer's own seen file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from flows.store import replace_file
from transforms.errors import DigestDiffersError, LedgerForbidsError
from transforms.money.postings import (
    FIRST_HASH,
    Posting,
    broken_link,
    parted_at,
    posting_line,
    read_postings,
)

ADVICE = (
    "pay nothing; stop, compare what was paid with the bank, then `wuxing ledger rebuild` (see "
    "docs/commands.md)"
)

MENDED = (
    "pay nothing; find out who changed it, and put its own backup back, or move it away and name "
    "another folder (see docs/commands.md)"
)


# How an anchor folder names what it keeps of a home's ledger.
ANCHOR_FORM = "wuxing-*.anchor"


def anchor_path(folder: Path, home_id: str) -> Path:
    """Return the file in which an anchor folder keeps what it saw of a home's ledger."""
    return folder / ANCHOR_FORM.replace("*", home_id)


def read_witness(path: Path) -> list[Posting]:
    """Read the postings a witness keeps; none if it has seen none.

    Raises:  DigestDiffersError if the file is damaged
    """
    if not path.is_file():
        return []
    try:
        postings = read_postings(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as broken:
        raise DigestDiffersError(f"{path} is damaged: it holds no postings; {MENDED}") from broken
    position = broken_link(postings)
    if position:
        raise DigestDiffersError(f"{path}, posting {position} is not as it was written; {MENDED}")
    return postings


def expect_witnessed(path: Path, hashes: Sequence[str]) -> int:
    """Hold a ledger against what a witness saw; return how many postings that are.

    Raises:  DigestDiffersError if the ledger does not go on from there
    """
    seen = read_witness(path)
    position = parted_at(hashes, [(posting.sequence, posting.posting_hash) for posting in seen])
    if position:
        days = [p.said["statement"]["signed_on"] for p in seen if p.kind == "signed"]
        signed = f"what was signed on {days[-1]}" if days else "what others have seen"
        since = [p.sequence for p in seen[position - 1 :] if p.kind == "home_moved"]
        advice = ADVICE if not since else _moved_on(since[-1])
        raise DigestDiffersError(
            f"the ledger is older than {signed}, or another one: {path} has seen posting "
            f"{len(seen)}, the ledger has {len(hashes)} and differs from {position} on; {advice}"
        )
    return len(seen)


def _moved_on(moved: int) -> str:
    return (
        f"it was moved since, by posting {moved}: if from here, this home is given up, and work "
        f"goes on where it lies now; else {ADVICE}"
    )


def tell_witness(path: Path, postings: Sequence[Posting]) -> None:
    """Let a witness keep all postings; nothing that it has seen is ever taken back.

    Raises:  DigestDiffersError if it has seen another ledger
    """
    if expect_witnessed(path, [posting.posting_hash for posting in postings]) < len(postings):
        replace_file(path, "".join(map(posting_line, postings)).encode())


def expect_anchors(folders: Sequence[Path], home_id: str, hashes: Sequence[str]) -> None:
    """Hold a ledger against every anchor folder that can be reached.

    Raises:  DigestDiffersError if it is behind one of them
    """
    for folder in folders:
        expect_witnessed(anchor_path(folder, home_id), hashes)


def unreached(path: Path) -> str:
    """Say why a witness can't be asked on this machine; nothing if it can."""
    try:
        path.open("rb").close()
    except OSError as why:
        if isinstance(why, FileNotFoundError) and path.parent.is_dir():
            return (
                f"{path} is not there: the ledger was not held against it; if nothing was signed "
                "since its folder was named, the next act writes it; else connect its folder"
            )
        return (
            f"{path} can't be read here ({why.strerror}): the ledger was not held against it; "
            "connect its folder, or verify a copy of this home where it can be read"
        )
    return ""


def told_anchors(postings: Sequence[Posting]) -> dict[str, int]:
    """Say of each anchor folder that a signature names how many postings it held by then."""
    signed = (posting for posting in postings if posting.kind == "signed")
    return {
        folder: posting.sequence - 1
        for posting in signed
        for folder in posting.said["statement"]["anchors"]
    }


def forgotten(path: Path, hashes: Sequence[str], told: int) -> str:
    """Say that an anchor's file holds fewer postings than it was told; nothing if it has them.

    Raises:  DigestDiffersError if the ledger does not go on from what it holds
    """
    seen = expect_witnessed(path, hashes)
    if seen >= told:
        return ""
    return (
        f"{path} holds {seen} postings, and was told {told}: it was emptied or cut. Find out who "
        "did it; put its file back from a backup of its own, or name another folder in funds.toml"
    )


def tell_anchors(folders: Sequence[Path], home_id: str, postings: Sequence[Posting]) -> None:
    """Let every anchor folder keep all postings.

    Raises:  LedgerForbidsError if a folder is not there, or only the place where it was connected,
             or what it was told is no longer in its file
    """
    told = told_anchors(postings)
    for folder in folders:
        path = anchor_path(folder, home_id)
        if not folder.is_dir() or (str(folder) in told and not path.is_file()):
            raise LedgerForbidsError(
                f"the anchor folder {folder} is not there, or no longer holds {path.name}: connect "
                "it, then repeat the command"
            )
        said = forgotten(path, [p.posting_hash for p in postings], told.get(str(folder), 0))
        if said:
            raise LedgerForbidsError(said)
        tell_witness(path, postings)
        # An anchor is for others to read: it holds no beneficiary.
        path.chmod(0o644)


# --- what a signer has seen ----------------------------------------------------------------------


def seen_path(key_file: Path) -> Path:
    """Return the file beside a key that says what its holder last signed for."""
    return key_file.with_name(f"{key_file.name}.seen")


class Seen(NamedTuple):
    """What a signer has signed for in a home.

    `position`, `head`: the ledger as it was then; `signed`: the digests of the batches that it did
    not say to be paid then, this one included.
    """

    position: int
    head: str
    signed: dict[str, str]


def read_seen(key_file: Path, home_id: str) -> Seen:
    """Return what a signer last signed for in a home; the beginning if nothing.

    Raises:  DigestDiffersError if the file is damaged
    """
    path = seen_path(key_file)
    if not path.is_file():
        return Seen(0, FIRST_HASH, {})
    try:
        said = json.loads(path.read_text(encoding="utf-8")).get(home_id, (0, FIRST_HASH))
        # One of before names no batches.
        position, head, signed = said if len(said) == 3 else (*said, {})
        return Seen(int(position), str(head), {str(k): str(v) for k, v in signed.items()})
    except (OSError, ValueError, TypeError, AttributeError) as broken:
        raise DigestDiffersError(
            f"{path} is damaged: it holds what you last signed for; ask for the last anchor and "
            "compare it before you sign anything"
        ) from broken


def expect_seen(key_file: Path, home_id: str, hashes: Sequence[str]) -> Seen:
    """Check that a ledger goes on from what a signer has signed for; return what that is.

    Raises:  DigestDiffersError naming both positions
    """
    seen = read_seen(key_file, home_id)
    position, head = seen.position, seen.head
    if parted_at(hashes, [(position, head)]):
        there = hashes[position - 1][:12] + "…" if position <= len(hashes) else "no such posting"
        raise DigestDiffersError(
            f"this ledger does not go on from what you signed for: you have seen posting "
            f"{position} ({head[:12]}…), it has {len(hashes)}, and there {there}; sign nothing, "
            f"{ADVICE}"
        )
    return seen


def write_seen(key_file: Path, home_id: str, seen: Seen) -> None:
    """Keep beside a key what its holder signs for now."""
    path = seen_path(key_file)
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    replace_file(path, (json.dumps({**known, home_id: seen}) + "\n").encode())
