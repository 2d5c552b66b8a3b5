"""A letter for each claim of a signed list: what is asked back, why, where it goes."""

from collections.abc import Mapping, Sequence, Set
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from flows.money.evidence import run_table
from flows.money.funds import Funds, payer_warnings, read_funds
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.recover import asked_of, paid_now
from flows.store import Home, replace_file
from flows.typeset import pdf_of
from sql import policy_cards
from transforms.amounts import yuan_text
from transforms.answers.letter_sentences import CAUSES, day_text, letter_texts, own_matters
from transforms.answers.not_known import with_not_known
from transforms.answers.page import render_page
from transforms.errors import LedgerForbidsError
from transforms.money.books import Books
from transforms.money.capitals import amount_in_capitals
from transforms.money.claims import KEY, LISTED
from transforms.money.ledger import PAID_KINDS
from transforms.policies.cards import Provision
from transforms.words import Said, word, worded

SHOWN_LAST = 4
# The provision that a death speaks against: then the family is written to.
ALIVE = "g_alive"


def write_letters(home: Home, list_id: str, path: Path, *, as_pdf: bool = False) -> dict[str, Any]:
    """Write the letters of a signed list into one file, a page each; they name persons.

    Holds:   the same list and ledger give the same bytes
    Raises:  LedgerForbidsError if there is no such list
    """
    content = letters_of(home, list_id)
    if as_pdf:
        made = pdf_of("recovery.typ", content)
    else:
        made = render_page("recovery.html.j2", **content).encode()
    replace_file(path, made)
    counts = {"letters": len(content["letters"])} | {n: content[n] for n in ("closed", "doubted")}
    return {"list_id": list_id, "path": str(path), **counts}


def letters_of(home: Home, list_id: str) -> dict[str, Any]:
    """Return what the letters of a signed list say of what is left of its claims.

    Rows:    returns  title, letters, `closed`: how many claims get none, as nothing is left, and
                      `doubted`: of how many letters the newest run asks nothing any more
    """
    funds = read_funds(home)
    with open_ledger(home, only_look=True) as ledger:
        books = ledger.books()
        if list_id not in books.lists:
            raise LedgerForbidsError(
                f"there is no signed list {list_id}: `wuxing recovery show` names the lists"
            )
        statement = books.lists[list_id]["act"]["statement"]
        claims = statement["claims"]
        payments = statement.get("payments") or [[]] * len(claims)
        reasons, signers = (
            _reasons(home, books, statement),
            _signers(books, books.lists[list_id]["act"]),
        )
        left = [books.claims[tuple(one[: len(KEY)])].left_of(list_id) for one in claims]
        now = asked_of(home, books, paid_now(ledger))
        letters, doubted = [], 0
        last_paid = cache(partial(_paid_to, ledger))
        for number, (claim, behind, fen) in enumerate(zip(claims, payments, left, strict=True), 1):
            paid = _last_paid(last_paid(claim[len(KEY) - 1]), claim, behind)
            # Lists of before they named their payments may ask for money that was never paid.
            if not paid or not fen:
                continue
            known = paid, funds, reasons
            letter = _letter(statement, claim, f"{list_id}-{number:04d}", fen, known)
            if now.get(tuple(claim[: len(KEY)]), (None,))[0] == 0:
                letter["paragraphs"] = _doubted(letter)
                doubted += 1
            letter["facts"].append([word("letter_signed_by"), signers])
            letters.append(letter)
    return {
        "title": word("letter_recovery"),
        "letters": letters,
        "closed": left.count(0),
        "doubted": doubted,
    }


def _doubted(letter: Mapping[str, Any]) -> list[str]:
    """Say first that the newest run asks for it no more, and leave out how it would be paid."""
    how = worded(Said("letter_how", {"number": letter["number"]}))
    return [word("letter_doubted"), *(said for said in letter["paragraphs"] if said != how)]


def _signers(books: Books, act: Mapping[str, Any]) -> str:
    members = [m for key_id, m in books.roster.members.items() if key_id in act["signatures"]]
    ordered = sorted(members, key=lambda member: member.role, reverse=True)
    return "，".join(f"{word(m.role)} {m.name}（{m.bureau}）" for m in ordered)


def _paid_to(ledger: Ledger, beneficiary_id: str) -> dict[Any, tuple[int, dict[str, Any]]]:
    """Return the last entry of each payment to somebody, and of each key, with its place."""
    found: dict[Any, tuple[int, dict[str, Any]]] = {}
    for place, entry in enumerate(ledger.entries_to(beneficiary_id)):
        if entry["kind"] in PAID_KINDS:
            key = tuple(entry[name] for name in KEY)
            found[entry["payment_id"]] = found[key] = place, entry
    return found


def _last_paid(
    paid: Mapping[Any, tuple[int, dict[str, Any]]], claim: list[Any], behind: list[list[Any]]
) -> dict[str, Any] | None:
    """Return the last entry that paid what is asked back: of its payments, else of its key."""
    named = {name for name, _ in behind} or {tuple(claim[: len(KEY)])}
    found = [paid[one] for one in named if one in paid]
    _, entry = max(found, key=lambda one: one[0], default=(0, None))
    return entry


def _letter(
    statement: Mapping[str, Any],
    claim: list[Any],
    number: str,
    left_fen: int,
    known: tuple[Mapping[str, Any], Funds, Mapping[tuple[str, ...], list[str]]],
) -> dict[str, Any]:
    last, funds, reasons = known
    key, amount_fen, (cause, places) = claim[: len(KEY)], claim[LISTED], claim[LISTED + 1 :]
    named = dict(zip(KEY, key, strict=True))
    card = policy_cards()[named["policy_id"]]
    fund = funds.by_name.get(last["fund"])
    payer = ""
    if fund and not payer_warnings(fund.name, fund.content()):
        payer = f"{fund.payer['payer_name']} {fund.payer['payer_account']}"
    unmet = [one for one in card.provisions if one.name in reasons.get(tuple(key), ())]
    is_of_other = named["subject_id"] != named["beneficiary_id"]
    hidden = {one.name for one in unmet if is_of_other} & {*own_matters(card)}
    is_dead = not is_of_other and any(one.name == ALIVE for one in unmet)
    facts = {
        "policy_title": card.title,
        "clause": f"{card.authority}：{card.clause}",
        "period": _period_text(named["period"]),
        "letter_subject": _masked(named["subject_id"], named["subject_kind"]) * is_of_other,
        "identifier": _masked(named["beneficiary_id"], named["beneficiary_kind"]),
        "payment_id": last["payment_id"],
        "letter_account": f"****{last['account_no'][-SHOWN_LAST:]}",
        "letter_asked_back": f"{yuan_text(left_fen, ',')} 元（{amount_in_capitals(left_fen)}）",
        "cause": "：".join([word(CAUSES.get(cause, cause)), *_unmet_words(unmet, hidden)]),
        "cause_rows": "" if hidden else _places(cause, places),
        "letter_pay_to": payer or word("letter_ask"),
    }
    why = {
        "reader": last["holder"] if is_dead else word("letter_you"),
        "policy": card.title,
        "period": _period_text(named["period"]),
        "amount_fen": amount_fen,
        "cause": CAUSES.get(cause, cause),
    }
    return {
        "number": number,
        "to": worded(Said("letter_family", {"name": last["holder"]}))
        if is_dead
        else last["holder"],
        "paragraphs": _paragraphs(why, number, left_fen),
        "facts": [[word(name), value] for name, value in facts.items() if value],
        "from": card.bureau,
        "day": day_text(date.fromisoformat(statement["signed_on"])),
    }


def _period_text(period: str) -> str:
    """Write a year or a month as in every other letter."""
    parts, (year, _, month) = letter_texts()["parts"], period.partition("-")
    said = parts["month"] if month else parts["year"]
    return str(said.format(year=year, month=month.lstrip("0")))


def _places(cause: str, places: str) -> str:
    """Say which rows; what a clerk decided rests on none of tonight: those named are gone."""
    return word("letter_no_rows") if cause == "clerk_decided" else places


def _unmet_words(unmet: Sequence[Provision], hidden: Set[str]) -> list[str]:
    """Say which provisions are not met; those of the person's own matters without their names."""
    own, plain = word("letter_own_matter"), letter_texts()["plain"]
    said = {own if one.name in hidden else plain.get(one.name, one.title) for one in unmet}
    titles = "；".join(sorted(said))
    return [worded(Said("letter_unmet", {"titles": titles}))] if unmet else []


def _paragraphs(why: Mapping[str, Any], number: str, left_fen: int) -> list[str]:
    closed_fen = why["amount_fen"] - left_fen
    left = Said("letter_left", {"closed_fen": closed_fen, "left_fen": left_fen})
    return [
        worded(Said("letter_why", why)),
        *([worded(left)] if closed_fen else []),
        worded(Said("letter_how", {"number": number})),
        word("letter_never_set_off"),
        word("letter_object"),
    ]


def _reasons(
    home: Home, books: Books, statement: Mapping[str, Any]
) -> dict[tuple[str, ...], list[str]]:
    """Return which provisions the listing run knew not to be met, by key of the claims."""
    run_id = str(statement["run_id"])
    recorded = books.runs[run_id]
    path = run_table(home, run_id, recorded, "determinations")
    if not path:
        return {}
    keys = [claim[: len(KEY)] for claim in statement["claims"]]
    asked = pl.LazyFrame(keys, schema=dict.fromkeys(KEY, pl.String), orient="row").unique()
    found = pl.scan_parquet(path).filter(pl.col("outcome") == "ineligible")
    rows = found.join(asked, on=list(KEY), how="semi").rename({"outcome": "status"}).collect()
    policies = path.parent / "policies"

    def rows_of(policy: str) -> pl.LazyFrame:
        run_table(home, run_id, recorded, f"policies/{policy}")
        return pl.scan_parquet(policies / f"{policy}.parquet")

    split = with_not_known(rows, rows_of)
    unmet = pl.col("reason_codes").list.set_difference("not_known").list.sort()
    return {tuple(row[:-1]): row[-1] for row in split.select(*KEY, unmet).iter_rows()}


def _masked(identifier: str, kind: str) -> str:
    """Mask a person's id, as on every paper that leaves the bureau; a unit's is public."""
    return f"{identifier[:6]}********{identifier[-4:]}" if kind == "person" else identifier
