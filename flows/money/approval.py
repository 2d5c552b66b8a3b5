"""The approval sheet of a batch: what is paid, who signed it, the ledger's head; text and paper."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from flows.money.batch_folder import StoredBatch, digests_of, known_state, verify_batch
from flows.money.ledger_store import books_of
from flows.store import Home, replace_file
from flows.typeset import has_font, pdf_of
from transforms.amounts import is_amount, yuan_text
from transforms.money.batch_states import LEFT_BEHIND, BatchState
from transforms.money.books import Books
from transforms.money.capitals import amount_in_capitals
from transforms.money.roster import ROLES
from transforms.review.approval import approval_form, in_groups
from transforms.words import word

APPROVAL, APPROVAL_PAPER = "approval.txt", "approval.pdf"
FORM = "approval.typ"


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
        # What was released before the day was posted has none.
        **({"released_on": state.released["on"]} if "on" in state.released else {}),
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
    return f"{both(code)}: {value}"


def both(code: str) -> str:
    """Word a code in both languages."""
    return f"{word(code)} {word(code, 'en')}"


def batch_paper(home: Home, batch_id: str) -> bytes:
    """Make the page of a batch as it stands: to sign by hand before, to file after its release.

    Raises:  LedgerForbidsError, DigestDiffersError, MachineDeniedError if there is no font
    """
    books = books_of(home)
    state = known_state(books.batches, batch_id)
    return approval_paper(books, state, verify_batch(home, state))


def papers_of(
    books: Books, state: BatchState, stored: StoredBatch, is_rehearsal: bool
) -> dict[str, bytes]:
    """Make what a release files beside the payment files; nothing where no font is for it."""
    if not has_font():
        return {}
    return {APPROVAL_PAPER: approval_paper(books, state, stored, is_rehearsal=is_rehearsal)}


def file_approval(
    folder: Path, books: Books, state: BatchState, papers: Mapping[str, bytes]
) -> None:
    """Write a released batch's approval sheet; the page too, if it is the one that was posted.

    Another machine's fonts make another page: a release that is completed there has none.
    """
    assert state.released is not None, "only what is released is approved"
    replace_file(folder / APPROVAL, approval_sheet(books, state))
    posted = state.released.get("papers", {})
    for name, digest in digests_of(papers).items():
        if digest == posted.get(name):
            replace_file(folder / name, papers[name])


def approval_paper(
    books: Books, state: BatchState, stored: StoredBatch, *, is_rehearsal: bool | None = None
) -> bytes:
    """Make the page that is signed by hand and filed: the approval sheet of the workbook as a PDF.

    Rows:    is_rehearsal  of a batch that is being released; None where nothing is
    Holds:   the same ledger gives the same bytes on the same machine
    """
    reviewed = state.reviewed[-1] if state.reviewed else None
    told = state.batch_digest, stored.frame("instructions"), state.looked_at, reviewed
    sheet = approval_form(stored.manifest, *told)
    facts = [[_text("", cell) for cell in line.cells] for line in sheet.above[1:]]
    said = state.state
    if state.released or is_rehearsal is not None:
        said = "released"
        facts.append(_released_from(books, state))
    is_played = state.released["is_rehearsal"] if state.released else bool(is_rehearsal)
    warning = word("rehearsed") if is_played else ""
    content = {
        "title": _text("", sheet.above[0].cells[0]),
        "warning": word(f"batch_{said}") if said in LEFT_BEHIND else warning,
        "facts": facts,
        "headings": [word(name) for name in sheet.frame.columns],
        "rows": [
            [_text(name, cell) for name, cell in zip(sheet.frame.columns, row, strict=True)]
            for row in sheet.frame.iter_rows()
        ],
        "signed": [_signed_row(books, state, role) for role in ROLES if role in state.signatures],
        "boxes": [_text("", cell) for cell in sheet.below[-1].cells],
        "footer": f"{state.batch_id} · {word(f'batch_{said}')}",
    }
    return pdf_of(FORM, content)


def _text(name: str, cell: Any) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:,.2f}"
    if isinstance(cell, int):
        return yuan_text(cell, ",") if is_amount(name) else f"{cell:,}"
    return str(cell)


def _released_from(books: Books, state: BatchState) -> list[str]:
    """Name the ledger that the payment files name: as it was before the release was posted."""
    position, head = books.position, books.head
    if state.released:
        position, head = state.released["position"] - 1, state.released["ledger_head"]
    return [word("position_before"), f"{position}", word("head_before"), in_groups(head)]


def _signed_row(books: Books, state: BatchState, role: str) -> list[str]:
    statement = state.signatures[role]["statement"]
    member = books.roster.members[statement["key_id"]]
    person = f"{member.name}（{member.staff_number}，{member.bureau}）"
    return [word(role), person, statement["signed_on"], in_groups(member.key_id)]


def _signed(books: Books, state: BatchState, role: str) -> str:
    statement = state.signatures[role]["statement"]
    member = books.roster.members[statement["key_id"]]
    person = f"{member.name} ({member.staff_number}, {member.bureau})"
    return f"{person}  {member.key_id}  {statement['signed_on']}"
