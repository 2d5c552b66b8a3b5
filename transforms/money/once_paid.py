"""The rules of what is posted once a batch is paid: answers, statements, recoveries."""

from collections.abc import Callable, Mapping
from typing import Any

from transforms.amounts import yuan_text
from transforms.money.books import Books
from transforms.money.claims import ASKED, KEY, LISTED, Claim, list_statement
from transforms.money.postings import Posting
from transforms.money.roster import Holds, confirm_problem

# Adds a posting to the books; says which rule it breaks, or nothing.
Rule = Callable[[Books, Posting, Holds], str]


def _settled(books: Books, posting: Posting, holds: Holds) -> str:
    state, said = books.batches[posting.batch_id], posting.said
    if state.released is None:
        return f"batch {posting.batch_id} is {state.state}: not released"
    if any(taken["file_digest"] == said["file_digest"] for taken in state.settled):
        return f"batch {posting.batch_id}: this file was taken already"
    given_back = {one["act"]["statement"]["payment_id"] for one in state.recovered}
    came_back = {answer[0] for answer in (*said["returned"], *said["late"])}
    twice = sorted(given_back & came_back)
    if twice:
        return (
            f"payment {twice[0]} came back by the bank, and money of it was given back with a "
            "document: it can't be both; find out which, nothing of this file was posted"
        )
    if said["late"]:
        late = {"act": "late_return", "payments": said["late"], "file_digest": said["file_digest"]}
        problem = _confirmed(books, posting, late, holds)
        if problem:
            return problem
    state.settled.append(said)
    for claim in books.claims.values():
        claim.take_back(came_back)
    answered = sum(taken["new_count"] for taken in state.settled)
    state.state = "settled" if answered == state.instruction_count else "released"
    return ""


def _recovered(books: Books, posting: Posting, holds: Holds) -> str:
    state = books.batches[posting.batch_id]
    if state.released is None:
        return f"batch {posting.batch_id} is not released"
    state.recovered.append(posting.said)
    said = posting.said["act"]["statement"]
    line = [said["line"][name] for name in KEY]
    claim = books.claims.get(books.claim_key(line, said["payment_id"]))
    if claim:
        if said["amount_fen"] > claim.open_fen:
            return (
                f"no more than what is open of the claim, {yuan_text(claim.open_fen)} 元, is booked"
            )
        claim.repaid.append((said["document_no"], said["signed_on"], said["amount_fen"]))
    return _confirmed(books, posting, {"act": "recovered"}, holds)


def _recovery_listed(books: Books, posting: Posting, holds: Holds) -> str:
    said = posting.said["act"]["statement"]
    run = books.runs.get(said["run_id"], {})
    if run.get("state") != "done" or run["run_manifest"] != said["run_manifest"]:
        return f"run {said['run_id']} is not recorded so"
    keys = _keys_of(said, said["run_manifest"])
    if not keys:
        return "it is no list of claims"
    for key, claim in zip(keys, said["claims"], strict=True):
        open_fen = books.claims[key].open_fen if key in books.claims else 0
        # Who lists a claim again has not seen the list that is posted.
        if not 0 < claim[LISTED] == claim[ASKED] - open_fen:
            return "a claim of it is listed already, or was paid back since it was made"
    problem = _confirmed(books, posting, {"act": "recovery_list"}, holds)
    if problem or said["list_id"] in books.lists:
        return problem or f"list {said['list_id']} is posted already"
    books.lists[said["list_id"]] = {**posting.said, "position": posting.sequence}
    # Lists of before they named their payments have none.
    payments = said.get("payments") or [[]] * len(keys)
    for key, claim, behind in zip(keys, said["claims"], payments, strict=True):
        known = books.claims.setdefault(key, Claim())
        known.listed.append((said["list_id"], said["signed_on"], claim[LISTED]))
        known.payments |= dict(behind)
    return ""


def _keys_of(said: dict[str, Any], run_manifest: str, reason: str = "") -> list[tuple[str, ...]]:
    """Return the keys of a list's claims; none if it is no such list, or two have one key."""
    keys = [tuple(claim[: len(KEY)]) for claim in said["claims"]]
    stated = list_statement(said["run_id"], run_manifest, said["claims"], reason)
    return keys if len(set(keys)) == len(keys) and said | stated == said else []


def _recovery_lifted(books: Books, posting: Posting, holds: Holds) -> str:
    said = posting.said["act"]["statement"]
    if said["run_id"] != books.newest_run:
        return f"run {said['run_id']} is not the newest one: what it asks may be asked again"
    keys = _keys_of(said, books.runs[said["run_id"]]["run_manifest"], said["reason"])
    if not keys or not said["reason"]:
        return "it is no list of claims to be lifted, with a reason"
    for key, claim in zip(keys, said["claims"], strict=True):
        if not 0 < claim[LISTED] == books.claims[key].open_fen - claim[ASKED]:
            return "a claim of it is closed already, or was paid back since it was made"
    problem = _confirmed(books, posting, {"act": "recovery_lift"}, holds)
    if problem:
        return problem
    books.lifts[said["list_id"]] = {**posting.said, "position": posting.sequence}
    for key, claim in zip(keys, said["claims"], strict=True):
        books.claims[key].lifted.append((said["list_id"], said["signed_on"], claim[LISTED]))
    return ""


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


RULES_ONCE_PAID: Mapping[str, Rule] = {
    "settled": _settled,
    "recovered": _recovered,
    "reconciled": _reconciled,
    "recovery_listed": _recovery_listed,
    "recovery_lifted": _recovery_lifted,
}
