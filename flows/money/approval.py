"""The approval sheet of a released batch: what was paid, who signed it, and the ledger's head."""

from transforms.amounts import yuan_text
from transforms.money.batch_states import BatchState
from transforms.money.books import Books
from transforms.money.capitals import amount_in_capitals
from transforms.money.roster import ROLES
from transforms.words import word

APPROVAL = "approval.txt"


def approval_sheet(books: Books, state: BatchState) -> bytes:
    """Write a released batch's approval sheet, one line a fact.

    Holds:   the same ledger gives the same bytes
    """
    assert state.released is not None, "only what is released is approved"
    position = state.released["position"]
    facts = {
        "batch_id": state.batch_id,
        "fund": state.fund,
        "as_of": state.as_of,
        "instruction_count": str(state.instruction_count),
        "amount_fen": yuan_text(state.amount_fen, ","),
        "amount_in_capitals": amount_in_capitals(state.amount_fen),
        **{role: _signed(books, state, role) for role in ROLES},
        "batch_digest": state.batch_digest,
        "roster_digest": books.rosters[position - 1],
        "ledger_position": str(position),
        "ledger_head": books.hashes[position - 1],
    }
    lines = [word("rehearsed")] if state.released["is_rehearsal"] else []
    lines += [said(code, value) for code, value in facts.items()]
    return ("\n".join(lines) + "\n").encode()


def said(code: str, value: str) -> str:
    """Write a fact with its name in both languages."""
    return f"{word(code)} {word(code, 'en')}: {value}"


def _signed(books: Books, state: BatchState, role: str) -> str:
    statement = state.signatures[role]["statement"]
    member = books.roster.members[statement["key_id"]]
    person = f"{member.name} ({member.staff_number}, {member.bureau})"
    return f"{person}  {member.key_id}  {statement['signed_on']}"
