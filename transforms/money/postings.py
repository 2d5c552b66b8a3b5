"""The ledger's chain: postings, each one event with the digest of the entries it posted."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from transforms.digest import canonical_json
from transforms.money.roster import key_id_of

FIRST_HASH = "0" * 64
HASHED = ("sequence", "kind", "batch_id", "subject", "content", "entry_count", "entries_digest")
POSTING_FIELDS = (*HASHED, "previous_hash", "posting_hash")


@dataclass(frozen=True)
class Posting:
    """One link of the chain. `content` is canonical JSON, as it is stored and hashed."""

    sequence: int
    kind: str
    batch_id: str
    subject: str
    content: str
    entry_count: int
    entries_digest: str
    previous_hash: str
    posting_hash: str

    @cached_property
    def said(self) -> dict[str, Any]:
        """Return the content as plain values."""
        content: dict[str, Any] = json.loads(self.content)
        return content

    def values(self) -> tuple[Any, ...]:
        """Return the fields in the order of POSTING_FIELDS."""
        return tuple(getattr(self, name) for name in POSTING_FIELDS)


def entries_digest(rows: Iterable[Sequence[Any]]) -> str:
    """Return the digest of a posting's entries: over each one's canonical content, in order.

    >>> entries_digest([("a", 1)])[:8], entries_digest([])[:8]
    ('91c73bd5', 'e3b0c442')
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_json(list(row)).encode())
        digest.update(b"\n")
    return digest.hexdigest()


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def posting_hash(previous_hash: str, values: Sequence[Any]) -> str:
    """Return a posting's hash: over the hash before it and its own fields, HASHED."""
    return hashlib.sha256(_json([previous_hash, *values]).encode()).hexdigest()


def next_posting(
    previous: Posting | None,
    kind: str,
    batch_id: str,
    subject: str,
    content: Mapping[str, Any],
    entries: Sequence[Sequence[Any]] = (),
) -> Posting:
    """Make the posting that follows another, or the first one."""
    before = previous.posting_hash if previous else FIRST_HASH
    values = (
        (previous.sequence if previous else 0) + 1,
        kind,
        batch_id,
        subject,
        canonical_json(content),
        len(entries),
        entries_digest(entries),
    )
    return Posting(*values, before, posting_hash(before, values))


# What each kind of posting is about, by its content; those below are about a batch too.
SUBJECTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "enrolled": lambda said: key_id_of(said["statement"]["public_key"]),
    "revoked": lambda said: str(said["statement"]["key_id"]),
    "drafted": lambda said: str(said["run_id"]),
    "withdrawn": lambda said: str(said["by_run"]),
    "signed": lambda said: str(said["statement"]["role"]),
    "reviewed": lambda said: str(said["workbook"]),
    "rejected": lambda said: str(said["statement"]["role"]),
    "announced": lambda said: str(said["put_up_on"]),
    "settled": lambda said: str(said["file_digest"]),
    "recovered": lambda said: str(said["act"]["statement"]["payment_id"]),
    "reconciled": lambda said: str(said["file_digest"]),
    "recovery_listed": lambda said: str(said["act"]["statement"]["list_id"]),
    "recovery_lifted": lambda said: str(said["act"]["statement"]["list_id"]),
}
OF_BATCHES = (
    *("drafted", "reviewed", "announced", "withdrawn", "rejected", "given_up"),
    *("signed", "released", "settled", "recovered", "reconciled"),
)


def is_written_so(posting: Posting) -> bool:
    """Say whether a posting's outside is that of its content, and the content canonical."""
    said, kind = posting.said, posting.kind
    subject = SUBJECTS[kind](said) if kind in SUBJECTS else ""
    # A run's own id stands nowhere else.
    is_named = posting.subject == subject or kind == "run_recorded"
    is_about = bool(posting.batch_id) is (kind in OF_BATCHES)
    return is_named and is_about and canonical_json(said) == posting.content


def broken_link(postings: Sequence[Posting]) -> int:
    """Return the position of the first posting that is not as it was chained; 0 if all are."""
    previous = FIRST_HASH
    for position, posting in enumerate(postings, start=1):
        chained = posting_hash(previous, posting.values()[: len(HASHED)])
        found = (posting.sequence, posting.previous_hash, posting.posting_hash)
        if found != (position, previous, chained):
            return position
        previous = posting.posting_hash
    return 0


def parted_at(chain: Sequence[str], witnessed: Iterable[tuple[int, str]]) -> int:
    """Return the first position at which a chain is not what a witness saw; 0 if it goes on.

    Rows:    chain      the postings' hashes, the first at place 0
             witnessed  positions and hashes that somebody keeps
    """
    for position, head in witnessed:
        if position and (position > len(chain) or chain[position - 1] != head):
            return position
    return 0


def posting_line(posting: Posting) -> str:
    """Write a posting as one line of a journal."""
    return _json(list(posting.values())) + "\n"


def read_postings(text: str) -> list[Posting]:
    """Read a journal's lines back.

    Raises:  ValueError if a line is no posting
    """
    postings = []
    for line in text.splitlines():
        values = json.loads(line)
        if not isinstance(values, list) or len(values) != len(POSTING_FIELDS):
            raise ValueError("a line is no posting")
        postings.append(Posting(*values))
    return postings
