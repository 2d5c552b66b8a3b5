"""What the ledger's postings add up to, and the rules by which one may follow the others.

One reading for all: who posts is held against these rules before it is posted, who looks, signs,
pays or verifies reads the same postings by them again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.money.batch_states import BatchState, release_obstacle
from transforms.money.persons import same_person
from transforms.money.postings import FIRST_HASH, Posting, is_written_so
from transforms.money.roster import (
    HEAD_ROLES,
    Holds,
    Roster,
    confirm_problem,
    enrol,
    missing_signatures,
    register_heads,
    revoke,
    signing_problem,
    statement_bytes,
)

ROSTER_KINDS = ("heads_registered", "enrolled", "revoked")
RUN_SAYS = ("state", "as_of", "snapshot_id", "run_manifest", "snapshot_manifest")
UNLIKE = "its content is not as this program writes it"


@dataclass
class Books:
    """The state of one home by its postings; `hashes` and `rosters` say it for each position."""

    place: str = ""
    roster: Roster = field(default_factory=Roster)
    batches: dict[str, BatchState] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    rosters: list[str] = field(default_factory=list)
    moved_at: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def home_id(self) -> str:
        """Return the home's id."""
        return self.roster.home_id

    @property
    def position(self) -> int:
        """Return how many postings there are."""
        return len(self.hashes)

    @property
    def newest_run(self) -> str:
        """Return the run that was recorded last, of those that were not stopped."""
        return next((r for r in reversed(self.runs) if self.runs[r]["state"] == "done"), "")

    @property
    def head(self) -> str:
        """Return the last posting's hash."""
        return self.hashes[-1] if self.hashes else FIRST_HASH


def read_books(postings: Iterable[Posting], holds: Holds) -> Books:
    """Add up all postings in their order; what breaks a rule is in `problems`, by position."""
    books = Books()
    for posting in postings:
        problem = enter(books, posting, holds)
        if problem:
            books.problems.append(f"posting {posting.sequence} ({posting.kind}): {problem}")
    return books


def enter(books: Books, posting: Posting, holds: Holds) -> str:
    """Add one posting to the books; return the rule that it breaks, or nothing."""
    rule = RULES.get(posting.kind)
    if rule is None:
        problem = "there is no such kind of posting"
    elif (posting.kind == "home_made") is not (books.position == 0):
        problem = "a ledger begins with the posting that made the home, and has only one"
    else:
        try:
            problem = rule(books, posting, holds) if is_written_so(posting) else UNLIKE
        except (KeyError, TypeError, ValueError, AttributeError):
            problem = UNLIKE
    books.hashes.append(posting.posting_hash)
    is_roster_kind = not books.rosters or posting.kind in ROSTER_KINDS
    books.rosters.append(books.roster.digest() if is_roster_kind else books.rosters[-1])
    return problem


def batch_statement(
    books: Books, state: BatchState, signer: Mapping[str, Any], position: int
) -> dict[str, Any]:
    """State what a signature covers: the batch, the run behind it, and the ledger as it stands.

    Rows:    signer  role, key_id, signed_on and anchors, which the signer says
             position  of the last posting that the signer has seen
    """
    run = books.runs[state.run_id]
    return {
        "act": "sign",
        "home_id": books.home_id,
        "batch_id": state.batch_id,
        "batch_digest": state.batch_digest,
        "run_manifest": run["run_manifest"],
        "snapshot_manifest": run["snapshot_manifest"],
        "roster_digest": books.rosters[position - 1],
        "ledger_position": position,
        "ledger_head": books.hashes[position - 1],
        "fund": state.fund,
        "count": state.instruction_count,
        "amount_fen": state.amount_fen,
        "role": signer["role"],
        "key_id": signer["key_id"],
        "signed_on": signer["signed_on"],
        "anchors": signer["anchors"],
    }


def signing_obstacle(books: Books, batch_id: str, signer: Mapping[str, Any], position: int) -> str:
    """Say why somebody who has seen a position can't sign a batch; nothing if it can be signed."""
    return next(_signing_obstacles(books, batch_id, signer, position), "")


def _signing_obstacles(
    books: Books, batch_id: str, signer: Mapping[str, Any], position: int
) -> Iterator[str]:
    state, role = books.batches.get(batch_id), signer["role"]
    member = books.roster.members.get(signer["key_id"])
    yield from filter(None, (signing_problem(member, role, signer["signed_on"]),))
    if state is None:
        yield f"this home's ledger knows no batch {batch_id}"
    assert member is not None and state is not None, "nobody asks on after an answer"
    if state.state not in ("draft", "signed"):
        yield f"batch {batch_id} is already {state.state}: not to be signed"
    if role in state.signatures:
        yield f"batch {batch_id} is already signed as {role}"
    for other in state.signatures.values():
        signed_by = books.roster.members[other["statement"]["key_id"]]
        if same_person(signed_by.person, member.person):
            yield (
                f"batch {batch_id}: the same person signed it as {signed_by.role}; "
                "two different persons must sign"
            )
    if not max(state.drafted_at, member.enrolled_at) <= position <= books.position:
        yield "it was signed before the batch was drawn up or the key enrolled"


# --- the rules, one a kind of posting ------------------------------------------------------------


def _home_made(books: Books, posting: Posting, holds: Holds) -> str:
    books.roster.home_id, books.place = posting.said["home_id"], posting.said["place"]
    return ""


def _heads_registered(books: Books, posting: Posting, holds: Holds) -> str:
    return register_heads(books.roster, posting.said, posting.sequence, holds)


def _enrolled(books: Books, posting: Posting, holds: Holds) -> str:
    return enrol(books.roster, posting.said, posting.sequence, holds)


def _revoked(books: Books, posting: Posting, holds: Holds) -> str:
    return revoke(books.roster, posting.said, posting.sequence, holds)


def _home_moved(books: Books, posting: Posting, holds: Holds) -> str:
    statement, heads = posting.said["statement"], books.roster.heads()
    position = statement["ledger_position"]
    if len(heads) < len(HEAD_ROLES):
        return "the two heads are not registered yet"
    missing = missing_signatures(heads.values(), posting.said, holds)
    if missing:
        return f"not signed by {missing[0]}"
    if (statement["home_id"], statement["from_place"]) != (books.home_id, books.place):
        return "the move is not from where this home is"
    if not books.moved_at < position <= books.position:
        return "the move was signed for another state of the ledger"
    if statement["ledger_head"] != books.hashes[position - 1]:
        return "the move was signed for another ledger"
    books.place, books.moved_at = statement["to_place"], posting.sequence
    return ""


def _run_recorded(books: Books, posting: Posting, holds: Holds) -> str:
    run = {name: posting.said[name] for name in RUN_SAYS}
    if books.runs.pop(posting.subject, None) == run:
        return f"run {posting.subject} is recorded so already"
    books.runs[posting.subject] = run
    return ""


def _drafted(books: Books, posting: Posting, holds: Holds) -> str:
    said, batch_id = posting.said, posting.batch_id
    known = books.batches.get(batch_id)
    if books.runs.get(said["run_id"], {}).get("state") != "done":
        return f"run {said['run_id']} is not recorded as done"
    if known and (known.state != "withdrawn" or known.batch_digest != said["batch_digest"]):
        return f"batch {batch_id} is there already"
    books.batches[batch_id] = BatchState(batch_id, **said, drafted_at=posting.sequence)
    return ""


def _withdrawn(books: Books, posting: Posting, holds: Holds) -> str:
    state = books.batches[posting.batch_id]
    if state.state != "draft":
        return f"batch {posting.batch_id} is {state.state}: only a draft is withdrawn"
    state.state = "withdrawn"
    return ""


def _signed(books: Books, posting: Posting, holds: Holds) -> str:
    statement = posting.said["statement"]
    position = statement["ledger_position"]
    problem = signing_obstacle(books, posting.batch_id, statement, position)
    if problem:
        return problem
    state = books.batches[posting.batch_id]
    if batch_statement(books, state, statement, position) != statement:
        return "what was signed is not this batch, run, roster and ledger"
    member = books.roster.members[statement["key_id"]]
    if not holds(member, statement_bytes(statement), posting.said["signature"]):
        return f"the signature as {posting.subject} does not hold; do not pay the batch"
    state.state = "signed"
    state.signatures[posting.subject] = posting.said
    return ""


def _released(books: Books, posting: Posting, holds: Holds) -> str:
    state = books.batches[posting.batch_id]
    problem = release_obstacle(state)
    if problem:
        return problem
    said = posting.said
    found = (posting.entry_count, said["line_count"], said["amount_fen"])
    if found != (state.line_count, state.line_count, state.amount_fen):
        return f"batch {posting.batch_id}: its entries are not those of its totals"
    # The files name the ledger that they were released from: the posting before this one.
    state.released = {**said, "ledger_head": books.head, "position": posting.sequence}
    state.state = "released"
    return ""


def _settled(books: Books, posting: Posting, holds: Holds) -> str:
    state, said = books.batches[posting.batch_id], posting.said
    if state.released is None:
        return f"batch {posting.batch_id} is {state.state}: not released"
    if any(taken["file_digest"] == said["file_digest"] for taken in state.settled):
        return f"batch {posting.batch_id}: this file was taken already"
    if said["late"]:
        late = {"act": "late_return", "payments": said["late"], "file_digest": said["file_digest"]}
        problem = _confirmed(books, posting, late, holds)
        if problem:
            return problem
    state.settled.append(said)
    answered = sum(taken["new_count"] for taken in state.settled)
    state.state = "settled" if answered == state.instruction_count else "released"
    return ""


def _recovered(books: Books, posting: Posting, holds: Holds) -> str:
    state = books.batches[posting.batch_id]
    if state.released is None:
        return f"batch {posting.batch_id} is not released"
    state.recovered.append(posting.said)
    return _confirmed(books, posting, {"act": "recovered"}, holds)


def _reconciled(books: Books, posting: Posting, holds: Holds) -> str:
    state, said = books.batches[posting.batch_id], posting.said
    if state.released is None:
        return f"batch {posting.batch_id} is not released"
    counted = sum(said[f"{name}_count"] for name in ("paid", "returned", "open"))
    if counted != state.instruction_count or said["answer_count"] != len(state.settled):
        return f"batch {posting.batch_id}: the statement is not set against this batch as it is now"
    if said in state.reconciled[-1:]:
        return f"batch {posting.batch_id}: this is posted already"
    state.reconciled.append(said)
    return ""


def _confirmed(books: Books, posting: Posting, expected: Mapping[str, Any], holds: Holds) -> str:
    """Say why two persons have not confirmed what a posting says, for this state; else nothing."""
    act = posting.said["act"]
    statement, position = act["statement"], act["statement"]["ledger_position"]
    about = {"home_id": books.home_id, "batch_id": posting.batch_id, **expected}
    if any(statement[name] != value for name, value in about.items()):
        return "it was confirmed for something else"
    if not 0 < position <= books.position or books.hashes[position - 1] != statement["ledger_head"]:
        return "it was confirmed for another ledger"
    return confirm_problem(books.roster, act, holds)


RULES: Mapping[str, Callable[[Books, Posting, Holds], str]] = {
    "home_made": _home_made,
    "heads_registered": _heads_registered,
    "enrolled": _enrolled,
    "revoked": _revoked,
    "home_moved": _home_moved,
    "run_recorded": _run_recorded,
    "drafted": _drafted,
    "withdrawn": _withdrawn,
    "signed": _signed,
    "released": _released,
    "settled": _settled,
    "recovered": _recovered,
    "reconciled": _reconciled,
}
