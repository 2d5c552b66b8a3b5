"""The rules by which one posting may follow the others.

One reading for all: who posts is held against these rules before it is posted, who looks, signs,
pays or verifies reads the same postings by them again.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from transforms.money.batch_states import BatchState, release_obstacle
from transforms.money.books import (
    OPEN_STATES,
    Books,
    batch_statement,
    leaving_obstacle,
    signing_obstacle,
)
from transforms.money.once_paid import RULES_ONCE_PAID, Rule
from transforms.money.postings import Posting, is_written_so
from transforms.money.roster import (
    HEAD_ROLES,
    Holds,
    Roster,
    enrol,
    missing_signatures,
    register_heads,
    revoke,
    signing_problem,
    statement_bytes,
)

ROSTER_KINDS = ("heads_registered", "enrolled", "revoked")
RUN_SAYS = ("state", "as_of", "snapshot_id", "run_manifest", "snapshot_manifest")
# What changes `state_digest`, beside a first signature and what a review takes out.
NETTED = ("rejected", "given_up", "released", "settled", "recovered")
UNLIKE = "its content is not as this program writes it"


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
    if posting.kind in NETTED:
        books.repeatable.clear()
    books.hashes.append(posting.posting_hash)
    is_roster_kind = not books.rosters or posting.kind in ROSTER_KINDS
    books.rosters.append(books.roster.digest() if is_roster_kind else books.rosters[-1])
    return problem


# --- one rule a kind of posting ----------------------------------------------------------------


def _home_made(books: Books, posting: Posting, holds: Holds) -> str:
    books.roster.home_id, books.place = posting.said["home_id"], posting.said["place"]
    return ""


def _of_roster(change: Callable[[Roster, Mapping[str, Any], int, Holds], str]) -> Rule:
    """Make a rule of what an act changes of the roster."""
    return lambda books, posting, holds: change(books.roster, posting.said, posting.sequence, holds)


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
    if books.runs.get(posting.subject) == run and not books.may_stand_again(posting.subject):
        return f"run {posting.subject} is recorded so already"
    books.runs.pop(posting.subject, None)
    books.runs[posting.subject] = run
    manifests = books.snapshots.setdefault(run["snapshot_id"], {})
    manifests.setdefault(run["snapshot_manifest"], posting.subject)
    books.repeatable.add(posting.subject)
    for answer in posting.said.get("withdrawn", ()):
        books.withdrawn.setdefault(answer, posting.subject)
    return ""


def _drafted(books: Books, posting: Posting, holds: Holds) -> str:
    said, batch_id = posting.said, posting.batch_id
    known = books.batches.get(batch_id)
    if books.runs.get(said["run_id"], {}).get("state") != "done":
        return f"run {said['run_id']} is not recorded as done"
    if known and (not _may_be_redrawn(known) or known.batch_digest != said["batch_digest"]):
        return f"batch {batch_id} is there already"
    before = books.batches.get(said["came_from"]) if said.get("came_from") else None
    if said.get("came_from") and (before is None or before.reviewed[-1]["successor"] != batch_id):
        return f"batch {batch_id} does not come from a review of {said['came_from']}"
    # What was read or put up of the same batch before it was withdrawn still was.
    state = BatchState(batch_id, **said, drafted_at=posting.sequence)
    if known:
        state.reviewed, state.announced = known.reviewed, known.announced
    earlier = known or before
    state.days = [*(earlier.days if earlier else ()), (posting.sequence, state.as_of)]
    books.batches[batch_id] = state
    return ""


def _may_be_redrawn(known: BatchState) -> bool:
    """Say whether a run may draw a batch up again: a later run withdrew it, nobody gave it up."""
    return known.state == "withdrawn" and known.left is None and not known.came_from


def _reviewed(books: Books, posting: Posting, holds: Holds) -> str:
    state, said = books.batches[posting.batch_id], posting.said
    if state.state != "draft":
        return f"batch {posting.batch_id} is {state.state}: only an unsigned draft is reviewed"
    if said["batch_digest"] != state.batch_digest:
        return f"the review is not of batch {posting.batch_id} as it was drawn up"
    found = len(said["held"]) + len(said["struck"]) + said["agreed_count"]
    if found != state.line_count or bool(said["successor"]) > bool(said["agreed_count"]):
        return f"the review does not say what becomes of each line of batch {posting.batch_id}"
    state.reviewed.append(said)
    state.days.append((posting.sequence, said["on"]))
    words = {name: said[name] for name in ("by", "on")}
    for *key, reason in said["held"]:
        since = books.held_lines.get(tuple(key), {"since": said["on"]})["since"]
        books.held_lines[tuple(key)] = {**words, "since": since, "reason": reason}
    for *key, reason, facts in said["struck"]:
        books.struck_lines[tuple(key)] = {**words, "reason": reason, "facts": facts}
    if said["held"] or said["struck"]:
        state.state = "superseded"
        books.repeatable.clear()
    return ""


def _rejected(books: Books, posting: Posting, holds: Holds) -> str:
    statement = posting.said["statement"]
    position = statement["ledger_position"]
    member = books.roster.members.get(statement["key_id"])
    problem = leaving_obstacle(books, posting.batch_id) or signing_problem(
        member, statement["role"], statement["signed_on"]
    )
    if problem:
        return problem
    assert member is not None, "an unknown key is a problem"
    state = books.batches[posting.batch_id]
    if not max(state.drafted_at, member.enrolled_at) <= position <= books.position:
        return "it was signed before the batch was drawn up or the key enrolled"
    stated = batch_statement(books, state, statement, position, statement["reason"])
    if not statement["reason"] or stated != statement:
        return "what was signed is not this batch, run, roster and ledger, with a reason"
    if not holds(member, statement_bytes(statement), posting.said["signature"]):
        return f"the signature as {posting.subject} does not hold"
    state.state, state.left = "rejected", posting.said
    return ""


def _given_up(books: Books, posting: Posting, holds: Holds) -> str:
    said = posting.said
    problem = leaving_obstacle(books, posting.batch_id)
    if problem or not (said["reason"] and said["by"] and said["on"]):
        return problem or "a batch is given up by somebody, on a day, for a reason"
    state = books.batches[posting.batch_id]
    state.state, state.left = "withdrawn", said
    return ""


def _announced(books: Books, posting: Posting, holds: Holds) -> str:
    state, day = books.batches[posting.batch_id], posting.said["put_up_on"]
    if state.state not in OPEN_STATES:
        return f"batch {posting.batch_id} is {state.state}: it is not to be announced"
    if date.fromisoformat(day).isoformat() != day:
        return UNLIKE
    # Who signed has seen what was recorded until then: no earlier day is recorded after it.
    seen = [said["statement"]["signed_on"] for said in state.signatures.values()]
    before = max([*seen, *state.announced], default="")
    if day < before or day in state.announced:
        return (
            f"batch {posting.batch_id}: it was signed or announced on {before}; no notice of an "
            "earlier day is recorded after that"
        )
    state.announced.append(day)
    state.days.append((posting.sequence, day))
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
    if not state.signatures:
        books.repeatable.clear()
    state.state = "signed"
    state.signatures[posting.subject] = posting.said
    state.days.append((posting.sequence, statement["signed_on"]))
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
    state.days.append((posting.sequence, said.get("on", "")))
    state.state = "released"
    return ""


RULES: Mapping[str, Rule] = {
    "home_made": _home_made,
    "heads_registered": _of_roster(register_heads),
    "enrolled": _of_roster(enrol),
    "revoked": _of_roster(revoke),
    "home_moved": _home_moved,
    "run_recorded": _run_recorded,
    "drafted": _drafted,
    "reviewed": _reviewed,
    "announced": _announced,
    "withdrawn": _withdrawn,
    "rejected": _rejected,
    "given_up": _given_up,
    "signed": _signed,
    "released": _released,
    **RULES_ONCE_PAID,
}
