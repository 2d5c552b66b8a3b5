"""What came back and was not paid again: how old, whose turn it is, what to do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

import polars as pl

from flows.money.clock import today
from flows.money.funds import read_funds
from flows.money.ledger import Ledger
from flows.money.ledger_store import open_ledger
from flows.money.owed import owed_to_nobody
from flows.money.twice import paid_again
from flows.store import Home
from sql import policy_cards
from transforms.amounts import yuan_text
from transforms.answers.clerical import recovery_questions
from transforms.money.batch_states import BatchState
from transforms.money.claims import CLERK, KEY
from transforms.money.posting_rules import read_books
from transforms.money.postings import Posting
from transforms.payments.layouts import ReturnCode
from transforms.payments.received import read_day
from transforms.policies.cards import outside_span
from transforms.words import Language, Said, word

MOST_DAYS = 60
# So many days before a policy's last night it is said what would be lost.
WARNED_DAYS = 31
# How what came back stands, in the codes of who acts and what to do.
OVER, NOT_DUE = "over", "not_due"
OURS = (
    *("return_unknown", "return_add_code", "return_over_action"),
    *("return_not_due_owner", "return_not_due_action"),
)
OF_LINES = ("payment_id", *KEY, "holder", "amount_fen")


def list_returned(home: Home, as_of: date) -> dict[str, Any]:
    """List the lines that came back and that no later payment has paid, by who is to act.

    Rows:    lines  one per line of the ledger; `age_days` since the bank answered, none if it did
                    not say when; `over`: why no night pays it any more, nothing if one can;
                    `not_due_by`: the run that owes it to nobody, nothing if it is owed
             payments  one per payment: its lines and their sum; what is not due for itself
             warnings  lines older than 60 days, or of no known age, that nobody has to act on, and
                       what no night pays any more
    Units:   yuan, for people
    """
    funds = read_funds(home)
    with open_ledger(home, only_look=True) as ledger:
        found = waiting_lines(ledger)
    lines, parts = list[dict[str, Any]](), defaultdict[Any, list[dict[str, Any]]](list)
    for line in found:
        codes = funds.profile_of(line["fund"]).returns
        lines.append(
            {
                **owner_of(line["reason"], codes, _standing(line)),
                **{name: line[name] for name in (*OF_LINES[:-1], "batch_id")},
                "amount_yuan": yuan_text(line["amount_fen"]),
                **{name: line[name] for name in ("reason", "returned_on", "not_due_by")},
                "age_days": _age(line["returned_on"], as_of),
                "over": str(line["over"] or ""),
            }
        )
        parts[line["payment_id"], line["not_due_by"] != ""].append(line)
    lines.sort(key=lambda line: (line["owner"], -(line["age_days"] or 0), line["payment_id"]))
    first = {(one["payment_id"], one["not_due_by"] != ""): one for one in reversed(lines)}
    payments = [
        {**one, "line_count": len(parts[key]), "amount_yuan": yuan_text(_sum(parts[key]))}
        for key, one in reversed(first.items())
    ]
    return {
        "as_of": as_of.isoformat(),
        "lines": lines,
        "payments": payments,
        "total_yuan": yuan_text(_sum(line for line in found if not line["not_due_by"])),
        "not_due_yuan": yuan_text(_sum(line for line in found if line["not_due_by"])),
        "warnings": [*_warnings(lines), *map(str, over_warnings(found))],
    }


def _sum(lines: Iterable[Mapping[str, Any]]) -> int:
    return sum(line["amount_fen"] for line in lines)


def waiting_lines(
    ledger: Ledger, night: date | None = None, before: str = ""
) -> list[dict[str, Any]]:
    """List the lines that came back and that no payment drawn up since has paid.

    Rows:    night    judges whether its day is beyond a policy's; else the last night's day does,
                      or that of the return if it is later
             before   a run: only those recorded before it are asked what is owed
             returns  one per line: OF_LINES, batch_id, fund, reason, returned_on; `not_due_by`: the
                      run by which nothing of it is owed, or empty; `over`: why no night pays what
                      is owed any more, or none
    Units:   fen
    """
    states = {name: state for name, state in ledger.batch_states().items() if state.settled}
    answers = {name: returned_of(state) for name, state in states.items()}
    parts = [
        ledger.entries_of(name, "payment").filter(pl.col("payment_id").is_in([*answers[name]]))
        for name in states
        if answers[name]
    ]
    if not parts:
        return []
    back = pl.concat(parts)
    again = paid_again(ledger, back.select("payment_id", "batch_id", *KEY))
    last = night.isoformat() if night else ledger.books().last_day(today())
    not_due, lines = owed_to_nobody(ledger, back, before), list[dict[str, Any]]()
    for row in back.select("batch_id", "fund", *OF_LINES).iter_rows(named=True):
        key = tuple(row[name] for name in KEY)
        if (row["payment_id"], *key) in again:
            continue
        reason, day = answers[row["batch_id"]][row["payment_id"]]
        is_later = night is None and read_day(day, "YYYYMMDD")
        judged = max(last, f"{day[:4]}-{day[4:6]}-{day[6:]}") if is_later else last
        told = {"reason": reason, "returned_on": day, "not_due_by": not_due.get(key, "")}
        over = None if key in not_due else _over(row["policy_id"], judged)
        lines.append({**row, **told, "over": over})
    return lines


def over_lines(ledger: Ledger) -> list[dict[str, Any]]:
    """List those of the waiting lines that no night pays any more."""
    return [line for line in waiting_lines(ledger) if line["over"]]


def over_on_night(home: Home, as_of: date, run_id: str) -> list[Said]:
    """Say what came back and a night of this day, or of a later one, does not pay any more.

    Holds:   the same run again says the same, whatever runs came since
    """
    with open_ledger(home, only_look=True) as ledger:
        return over_warnings(waiting_lines(ledger, as_of, run_id))


def over_soon(home: Home, entitlements: pl.DataFrame, as_of: date, run_id: str) -> list[Said]:
    """Say, in a policy's last weeks, what of a night is lost if nobody acts by the end.

    Rows:    entitlements  of the night; what is held, in conflict or drawn up is not paid
    Holds:   the same run again says the same, whatever was listed since
    Source:  rulebook §0, In force: no night after a policy's days and tail determines it
    """
    warnings = list[Said]()
    open_fen = pl.col("determined_fen") - pl.col("paid_before_fen")
    for policy_id, card in policy_cards().items():
        end = outside_span(card, as_of + timedelta(days=WARNED_DAYS))
        rows = entitlements.filter(policy_id=policy_id)
        if end is None or rows.is_empty():
            continue
        due = rows.filter(open_fen > 0).select("status", open_fen.alias("fen"))
        counted = {
            "held": due.filter(pl.col("status").is_in(["held", "conflict"]))["fen"],
            "drawn": due.filter(status="payable")["fen"],
        }
        values = {"policy": policy_id, "last": end.values.get("taken_to", "")}
        for code, sums in (
            ("over_soon", counted),
            ("claims_over_soon", _unlisted(home, rows, run_id)),
        ):
            if any(fens.len() for fens in sums.values()):
                counts = {name: fens.len() for name, fens in sums.items()}
                counts |= {f"{name}_fen": int(fens.sum()) for name, fens in sums.items()}
                warnings.append(Said(code, values | counts))
    return warnings


def _unlisted(home: Home, rows: pl.DataFrame, run_id: str) -> dict[str, pl.Series]:
    """Give what is asked back, and what a clerk is asked about, of which no list was signed.

    An open claim of a list goes on when its policy is over, and what a clerk asks back.

    Units:   fen, one per row
    """
    claims = rows.filter(pl.col("status") == "recovery", pl.col("cause") != CLERK[True])
    asked = recovery_questions(rows)
    if claims.height or asked.height:
        with open_ledger(home, only_look=True) as ledger:
            before = takewhile(lambda one: not _records(one, run_id), ledger.postings())
            listed = read_books(before, lambda *_: True).claims
        keys = [key for key, claim in listed.items() if claim.open_fen]
        known = pl.DataFrame(keys, schema=dict.fromkeys(KEY, pl.String), orient="row")
        claims, asked = (part.join(known, on=KEY, how="anti") for part in (claims, asked))
    return {"claims": -claims["due_fen"], "asked": asked["amount_fen"]}


def _records(posting: Posting, run_id: str) -> bool:
    return (posting.kind, posting.subject) == ("run_recorded", run_id)


def _over(policy_id: str, day: str) -> Said | None:
    """Say why a night of a day, and of any later one, does not pay a policy; nothing if it does."""
    card = policy_cards().get(policy_id)
    return outside_span(card, date.fromisoformat(day)) if card else Said("card_is_gone")


def over_warnings(lines: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Say by policy how much came back that no night pays any more, and who decides what."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if line["over"]:
            found.setdefault(line["policy_id"], []).append(line)
    return [
        Said(
            "came_back_over",
            {
                "policy": policy_id,
                "count": len({line["payment_id"] for line in of_policy}),
                "fen": sum(line["amount_fen"] for line in of_policy),
                "why": max((line["over"] for line in of_policy), key=str),
            },
        )
        for policy_id, of_policy in sorted(found.items())
    ]


def returned_of(state: BatchState) -> dict[str, tuple[str, str]]:
    """Return the payments of a batch that came back and did not arrive after all.

    Rows:    returns  the bank's reason and day by payment id, in the order they came back
    """
    returned: dict[str, tuple[str, str]] = {}
    for said in state.settled:
        for payment_id, _, _ in said["restored"]:
            returned.pop(payment_id)
        for payment_id, reason, day in (*said["returned"], *said["late"]):
            returned[payment_id] = (reason, day)
    return returned


def _standing(line: Mapping[str, Any]) -> str:
    return NOT_DUE if line["not_due_by"] else OVER if line["over"] else ""


def standings(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Say of each payment of some waiting lines how it stands: it is not due if no line is."""
    told: dict[str, str] = {}
    for line in lines:
        payment_id = line["payment_id"]
        if told.get(payment_id, NOT_DUE) == NOT_DUE:
            told[payment_id] = _standing(line)
    return told


def owner_of(reason: str, codes: Mapping[str, ReturnCode], standing: str = "") -> dict[str, str]:
    """Say who acts on a reason of the bank's, the whole or its first word, and what to do.

    If its policy's days are over, the bureau decides first, whatever the bank said; of what is
    owed to nobody nothing is to be done.
    """
    if standing:
        return {part: word(f"return_{standing}_{part}") for part in ("owner", "action")}
    known = codes.get(reason) or codes.get(reason.partition(" ")[0])
    if known:
        return {"owner": known.owner, "action": known.action}
    return {"owner": word("return_unknown"), "action": word("return_add_code")}


def spoken_owner(line: Mapping[str, Any], language: Language) -> list[str]:
    """Say who acts and what to do: the bank profile's words as they are, ours in a language."""
    ours = {word(code): code for code in OURS}
    said = (line["owner"], line["action"])
    return [word(ours[one], language) if one in ours else one for one in said]


def _age(day: str, as_of: date) -> int | None:
    if not read_day(day, "YYYYMMDD"):
        return None
    return (as_of - date(int(day[:4]), int(day[4:6]), int(day[6:]))).days


def _warnings(lines: list[dict[str, Any]]) -> list[str]:
    unknown = [line for line in lines if line["owner"] == word("return_unknown")]
    late = [li for li in unknown if li["age_days"] is None or li["age_days"] > MOST_DAYS]
    reasons: dict[str, dict[str, dict[str, Any]]] = {}
    for line in late:
        reasons.setdefault(line["reason"], {}).setdefault(line["payment_id"], line)
    told = []
    for reason, found in reasons.items():
        payment_id, *rest = found
        named = f"{payment_id} and {len(rest)} more" if rest else payment_id
        told.append(
            f"payment {named} came back {found[payment_id]['age_days'] or 'unknown'} days ago and "
            f"nobody has to act on {reason!r}: add it to [returns] in the bank profile"
        )
    return told
