"""What came back and was not paid again: how old, whose turn it is, what to do."""

from datetime import date
from typing import Any

import polars as pl

from flows.money.funds import read_funds
from flows.money.ledger_store import open_ledger
from flows.money.settle import owner_of, returned_of
from flows.store import Home
from transforms.amounts import yuan_text
from transforms.money.claims import KEY
from transforms.payments.received import read_day
from transforms.words import word

MOST_DAYS = 60


def list_returned(home: Home, as_of: date) -> dict[str, Any]:
    """List the lines that came back and that no later payment has paid, by who is to act.

    Rows:    lines  one per line of the ledger; `age_days` since the bank answered, none if it did
                    not say when
             payments  one per payment: its lines and their sum
             warnings  lines older than 60 days, or of no known age, that nobody has to act on
    Units:   yuan, for people
    """
    funds, lines, fens = read_funds(home), list[dict[str, Any]](), dict[str, list[int]]()
    with open_ledger(home, only_look=True) as ledger:
        standing = {tuple(key) for key in ledger.paid_lines().select(KEY).iter_rows()}
        for state in ledger.batch_states().values():
            returned = returned_of(state)
            codes = funds.profile_of(state.fund).returns
            sent = ledger.entries_of(state.batch_id, "payment")
            sent = sent.filter(pl.col("payment_id").is_in([*returned]))
            names = ("payment_id", *KEY, "holder", "amount_fen")
            for row in sent.select(names).iter_rows(named=True):
                if tuple(row[name] for name in KEY) in standing:
                    continue
                reason, day = returned[row["payment_id"]]
                fens.setdefault(row["payment_id"], []).append(row["amount_fen"])
                lines.append(
                    {
                        **owner_of(reason, codes),
                        **{name: row[name] for name in names[:-1]},
                        "batch_id": state.batch_id,
                        "amount_yuan": yuan_text(row["amount_fen"]),
                        "reason": reason,
                        "returned_on": day,
                        "age_days": _age(day, as_of),
                    }
                )
    lines.sort(key=lambda line: (line["owner"], -(line["age_days"] or 0), line["payment_id"]))
    by_payment: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_payment.setdefault(line["payment_id"], []).append(line)
    payments = [
        {**part[0], "line_count": len(part), "amount_yuan": yuan_text(sum(fens[name]))}
        for name, part in by_payment.items()
    ]
    return {
        "as_of": as_of.isoformat(),
        "lines": lines,
        "payments": payments,
        "total_yuan": yuan_text(sum(map(sum, fens.values()))),
        "warnings": _warnings(lines),
    }


def _age(day: str, as_of: date) -> int | None:
    if not read_day(day, "YYYYMMDD"):
        return None
    return (as_of - date(int(day[:4]), int(day[4:6]), int(day[6:]))).days


def _warnings(lines: list[dict[str, Any]]) -> list[str]:
    unknown = [line for line in lines if line["owner"] == word("return_unknown")]
    late = [li for li in unknown if li["age_days"] is None or li["age_days"] > MOST_DAYS]
    return [
        f"payment {line['payment_id']} came back {line['age_days'] or 'unknown'} days ago and "
        f"nobody has to act on {line['reason']!r}: add it to [returns] in the bank profile"
        for line in {line["payment_id"]: line for line in late}.values()
    ]
