"""Money that is asked back: lists of claims, and what is given back; two persons confirm each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from unicodedata import normalize

import polars as pl

from flows.money.acts import act_digest, unsigned
from flows.money.clock import today
from flows.money.evidence import expect_evidence, run_table
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.settle import about_batch, released_batch
from flows.money.whole import whole_ledger, witnessed
from flows.store import Home
from sql import policy_cards
from sql.texts import exclusions
from transforms.amounts import yuan_text
from transforms.errors import LedgerForbidsError
from transforms.money.books import Books
from transforms.money.capitals import amount_in_capitals
from transforms.money.claims import KEY, Paid, asked_of_claims, claims_to_list, list_statement
from transforms.money.ledger import later_entries
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting
from transforms.sheets.workbook import Line, Sheet, workbook_bytes
from transforms.words import word, words_column

# Claims to be listed, and the payments behind each: [payment id, fen].
Listing = tuple[list[list[Any]], list[list[list[Any]]]]
# By key of a claim: what the newest run asks of it, and what it says.
Asked = dict[tuple[str, ...], tuple[int, str]]


def list_act(home: Home, run_id: str) -> dict[str, Any]:
    """Prepare the act by which two persons sign the list of what the newest run asks back.

    Raises:  LedgerForbidsError if there is nothing that is not listed already, or a newer run
    """
    with whole_ledger(home) as ledger:
        books = ledger.books()
        claims, payments = _claims_of(home, run_id, books, paid_now(ledger))
        if not claims:
            raise LedgerForbidsError(
                f"run {run_id} asks nothing back beyond signed lists: `wuxing recovery show`"
            )
        said = list_statement(run_id, books.runs[run_id]["run_manifest"], claims)
        return unsigned({**said, "payments": payments, **about_batch(ledger, "")})


def paid_now(ledger: Ledger, before: int = 0) -> Paid:
    """Return what is paid, now or before a posting, by key, and which policies exclude another."""
    lines: dict[tuple[str, ...], list[list[Any]]] = {}
    paid = ledger.paid_lines(before).select(*KEY, "payment_id", "amount_fen")
    for *key, payment_id, fen in paid.sort(paid.columns).iter_rows():
        lines.setdefault(tuple(key), []).append([payment_id, fen])
    pairs = [one.policies for one in exclusions() if one.form == "larger_stands"]
    partners = {name: [o for o in pair if o != name] for pair in pairs for name in pair}
    return Paid(lines, partners)


def _claims_of(home: Home, run_id: str, books: Books, paid: Paid) -> Listing:
    recorded = books.runs.get(run_id, {"state": ""})
    if recorded["state"] != "done":
        raise LedgerForbidsError(f"run {run_id} is not recorded as done: `wuxing runs` lists them")
    if run_id != books.newest_run:
        raise LedgerForbidsError(
            f"run {run_id} is not the newest: only what run {books.newest_run} asks back is listed"
        )
    later = books.later_day(run_id, today())
    if later:
        raise LedgerForbidsError(
            f"run {run_id} is as of {recorded['as_of']}, and one of {later} is there: run the "
            "night of that day again; what it asks back is listed"
        )
    expect_evidence(home, run_id, books)
    return _claims_in(home, run_id, books, paid)


def _claims_in(home: Home, run_id: str, books: Books, paid: Paid | None) -> Listing:
    path = home.runs / run_id / "entitlements.parquet"
    return claims_to_list(pl.read_parquet(path), books.claims, paid)


def list_workbook(act: Mapping[str, Any]) -> bytes:
    """Write the list that an act is about for those who sign it; it names whom it asks.

    Units:   fen in, yuan shown
    """
    statement = act["statement"]
    schema = {
        **dict.fromkeys(KEY, pl.String()),
        **dict.fromkeys(("asked_fen", "listed_fen"), pl.Int64()),
        **dict.fromkeys(("cause", "cause_rows"), pl.String()),
    }
    titles = {name: card.title for name, card in policy_cards().items()}
    shown = pl.DataFrame(statement["claims"], schema=schema, orient="row").select(
        pl.int_range(1, pl.len() + 1).alias("number"),
        pl.col("policy_id").replace(titles).alias("policy_title"),
        *("period", "subject_id", "beneficiary_id", "asked_fen", "listed_fen"),
        *(words_column("cause"), "cause_rows"),
    )
    facts = {
        "list_id": statement["list_id"],
        "run_id": statement["run_id"],
        "claims_listed": f"{statement['claim_count']:,}",
        "amount_fen": yuan_text(statement["amount_fen"], ","),
        "amount_in_capitals": amount_in_capitals(statement["amount_fen"]),
        "statement_digest": act_digest(act),
    }
    title = word("sheet_recovery")
    above = [Line("title", [title])]
    above += [Line("fact", [word(name), value]) for name, value in facts.items()]
    return workbook_bytes([Sheet(title, shown, above)], title)


def record_list(home: Home, act: Mapping[str, Any]) -> dict[str, Any]:
    """Post a list of claims, signed by two persons: each of its claims is listed once.

    Raises:  LedgerForbidsError if it is not signed, or not what the newest run asks back any more
    """
    statement = act["statement"]
    with whole_ledger(home, at_home=True) as ledger:
        found = _claims_of(home, statement["run_id"], ledger.books(), paid_now(ledger))
        if found != (statement["claims"], statement.get("payments")):
            raise LedgerForbidsError(
                f"list {statement['list_id']} is not what run {statement['run_id']} asks back and "
                "is not listed: it may be posted already; `wuxing recovery show`"
            )
        with witnessed(home, ledger):
            ledger.post("recovery_listed", {"act": act}, subject=statement["list_id"])
    return told_of(statement)


def told_of(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a list that was posted, of claims or of what is lifted of them."""
    return {
        **{name: statement[name] for name in ("list_id", "list_digest", "run_id", "claim_count")},
        "amount_yuan": yuan_text(statement["amount_fen"]),
    }


def list_problems(home: Home, ledger: Ledger, postings: Sequence[Posting]) -> Iterator[str]:
    """Work out again what the last of some postings lists, from its run and those before it.

    A list that does not name its payments is of before they did: it asked what its run did.
    """
    *earlier, listed = postings
    before = read_books(earlier, lambda *_: True)
    statement = listed.said["act"]["statement"]
    paid = paid_now(ledger, listed.sequence) if "payments" in statement else None
    claims, payments = _claims_in(home, statement["run_id"], before, paid)
    if claims != statement["claims"] or statement.get("payments", payments) != payments:
        yield f"list {listed.subject} asks back another thing than run {statement['run_id']} did"


def asked_of(home: Home, books: Books, paid: Paid) -> Asked:
    """Return what the newest run asks back of each claim, where it can tell, and what it says.

    Units:   fen
    """
    run_id = books.newest_run
    path = run_id and run_table(home, run_id, books.runs[run_id], "entitlements")
    if not path:
        return {}
    ran = {policy.stem for policy in (path.parent / "policies").glob("*.parquet")}
    return asked_of_claims(pl.read_parquet(path), ran, books.claims, paid)


def show_claims(home: Home, as_of: date) -> list[dict[str, Any]]:
    """Return every claim: what is listed, paid back and left, how old it is, asked for still.

    Units:   yuan, for people; `asked_now_yuan` is what the newest run asks back of it, nothing
             where it can't tell
    """
    with open_ledger(home, only_look=True) as ledger:
        books, paid = ledger.books(), paid_now(ledger)
        asked = asked_of(home, books, paid)
    return [
        {
            **dict(zip(KEY, key, strict=True)),
            "payment_ids": [*claim.payments] or [name for name, _ in paid.lines.get(key, ())],
            "state": claim.state,
            "listed_yuan": yuan_text(claim.listed_fen),
            "repaid_yuan": yuan_text(claim.repaid_fen),
            "returned_yuan": yuan_text(claim.returned_fen),
            "lifted_yuan": yuan_text(claim.lifted_fen),
            "left_yuan": yuan_text(claim.open_fen),
            "asked_now_yuan": yuan_text(asked[key][0]) if key in asked else None,
            "age_days": (as_of - date.fromisoformat(claim.listed[0][1])).days,
            "lists": [list_id for list_id, _, _ in claim.listed],
            "lifts": [list_id for list_id, _, _ in claim.lifted],
            "documents": [document for document, _, _ in claim.repaid],
        }
        for key, claim in sorted(books.claims.items())
    ]


def recovered_act(
    home: Home, payment_id: str, amount_fen: int, document_no: str, line: Mapping[str, str]
) -> dict[str, Any]:
    """Prepare the act by which two persons confirm money that a beneficiary gave back.

    Rows:    line  period and subject_id, where the payment has several lines
    Raises:  LedgerForbidsError unless one paid line of at least that amount is meant
    """
    number = normalize("NFKC", document_no).strip()
    if not number:
        raise LedgerForbidsError("recovered money has a document number: give --document")
    with whole_ledger(home) as ledger:
        row, books = _line_meant(ledger, payment_id, amount_fen, line), ledger.books()
        key = books.claim_key([row[name] for name in KEY], payment_id)
        claim, asked = books.claims.get(key), asked_of(home, books, paid_now(ledger))
        if claim and amount_fen > claim.open_fen:
            raise LedgerForbidsError(
                f"payment {payment_id}: {yuan_text(claim.open_fen)} 元 of the claim are open: no "
                "more is booked; `wuxing recovery show`"
            )
        batch_id = ledger.batches_of_payments()[payment_id]
        for posted in books.batches[batch_id].recovered:
            known = posted["act"]["statement"]
            booked = normalize("NFKC", known["document_no"]).strip()
            if (booked, known["line"]) == (number, {n: row[n] for n in KEY}):
                raise LedgerForbidsError(
                    f"payment {payment_id}: document {number} is booked already with "
                    f"{yuan_text(known['amount_fen'])} 元 of this line; book what came later under "
                    "its own document"
                )
        said = {
            "act": "recovered",
            "payment_id": payment_id,
            "line": {name: row[name] for name in KEY},
            "amount_fen": amount_fen,
            "document_no": number,
            **({"asked_now_fen": asked[key][0]} if key in asked else {}),
        }
        return unsigned({**said, **about_batch(ledger, batch_id)})


def _line_meant(
    ledger: Ledger, payment_id: str, amount_fen: int, line: Mapping[str, str]
) -> dict[str, Any]:
    lines = ledger.paid_lines().filter(payment_id=payment_id, **line)
    if lines.is_empty():
        meant = " ".join([payment_id, *line.values()])
        raise LedgerForbidsError(
            f"nothing of payment {meant} counts as paid: check what names it; what came back, or "
            "was given back in full, does not count"
        )
    paid_fen = int(lines["amount_fen"].sum())
    if lines.height != 1:
        raise LedgerForbidsError(
            f"payment {payment_id}: {lines.height} paid lines of {yuan_text(paid_fen)} 元 are "
            "meant; name one with --period and --subject"
        )
    if not 0 < amount_fen <= paid_fen:
        most = yuan_text(paid_fen)
        raise LedgerForbidsError(f"payment {payment_id}: 0.01 to {most} 元 of it can come back")
    return lines.row(0, named=True)


def record_recovered(home: Home, act: Mapping[str, Any]) -> dict[str, Any]:
    """Post recovered money, confirmed by two persons: so much less counts as paid.

    Raises:  LedgerForbidsError if it is not confirmed, or more than was paid
    """
    statement = act["statement"]
    with open_ledger(home) as ledger:
        released_batch(home, ledger, statement["batch_id"])
        history = ledger.entries_of(statement["batch_id"])
        entries = later_entries("recovered", {"act": act}, history)
        line = {name: statement["line"][name] for name in KEY}
        left = ledger.paid_lines().filter(payment_id=statement["payment_id"], **line)
        if entries.height != 1 or statement["amount_fen"] > left["amount_fen"].sum():
            raise LedgerForbidsError("more would be recovered than was paid: nothing was posted")
        with witnessed(home, ledger):
            ledger.post(
                "recovered", {"act": act}, statement["batch_id"], statement["payment_id"], entries
            )
    return {
        "batch_id": statement["batch_id"],
        "payment_id": statement["payment_id"],
        "document_no": statement["document_no"],
        "recovered_yuan": yuan_text(statement["amount_fen"]),
    }


def recovered_warnings(act: Mapping[str, Any]) -> list[str]:
    """Warn of money that is booked as given back and that the newest run does not ask for."""
    said = act["statement"]
    asked_fen = said.get("asked_now_fen", said["amount_fen"])
    if said["amount_fen"] <= asked_fen:
        return []
    return [
        f"the newest run asks for {yuan_text(asked_fen, ',')} 元 of this claim: what is booked "
        "beyond that is due again and paid out again; `wuxing recovery lift` closes what is not "
        "asked any more"
    ]
