"""The rules of what is posted once a batch is paid: answers, statements, recoveries."""

from collections.abc import Callable, Mapping
from typing import Any

from transforms.money.books import Books
from transforms.money.postings import Posting
from transforms.money.roster import Holds, confirm_problem


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


RULES_ONCE_PAID: Mapping[str, Callable[[Books, Posting, Holds], str]] = {
    "settled": _settled,
    "recovered": _recovered,
    "reconciled": _reconciled,
}
