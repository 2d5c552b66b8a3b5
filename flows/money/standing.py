"""What the ledger says of payments when a run begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from flows.money.batch_folder import read_batch, signed_lines
from flows.money.ledger_store import open_ledger
from flows.store import Home
from sql import policy_cards
from transforms.money.batches import LINE_SCHEMA
from transforms.money.entitlements import KEY

NUMBERED = [*KEY, "installment"]


@dataclass(frozen=True)
class Standing:
    """The ledger, read once, so that a whole run nets against the state that its id names.

    `released`: every line ever paid, returned ones too: as what is ours comes back, it is told.
    `determined_by`: the run that determined each payment; `snapshot_of`: what that run read.
    `struck`: entitlement keys a reviewer struck out, each with the digest of its facts of then
    (none: it holds whatever they are).
    `claimed`: keys of the claims that signed lists ask for and that are open.
    """

    digest: str
    paid: pl.DataFrame
    released: pl.DataFrame
    signed: pl.DataFrame
    payment_ids: Sequence[str]
    installments: pl.DataFrame
    spent_fen: Mapping[str, int]
    determined_by: Mapping[str, str]
    snapshot_of: Mapping[str, str]
    struck: Sequence[Sequence[str | None]] = ()
    claimed: Sequence[Sequence[str]] = ()


def read_standing(home: Home, budget_year: int) -> Standing:
    """Read what is paid or signed for, and what each policy's fund has spent in a budget year.

    Units:   fen
    """
    funds = sorted({card.fund for card in policy_cards().values() if card.fund})
    with open_ledger(home) as ledger:
        books, batch_of = ledger.books(), ledger.batches_of_payments()
        made_by = {name: books.batches[batch_id].run_id for name, batch_id in batch_of.items()}
        signed = signed_lines(home, books.batches.values())
        numbered = [pl.DataFrame(schema={name: LINE_SCHEMA[name] for name in NUMBERED})]
        for state in books.batches.values():
            if state.reserves:
                lines = read_batch(home, state.batch_id).frame("lines")
                numbered.append(lines.select(NUMBERED))
                made_by |= dict.fromkeys(lines["payment_id"], state.run_id)
        return Standing(
            digest=ledger.state_digest(),
            paid=ledger.paid_lines(),
            released=ledger.lines_of("payment").sort("payment_id", *KEY),
            signed=signed,
            payment_ids=list(batch_of),
            installments=ledger.installments(pl.concat(numbered)),
            spent_fen={fund: ledger.spent_fen(fund, budget_year) for fund in funds},
            determined_by=made_by,
            snapshot_of={name: run["snapshot_id"] for name, run in books.runs.items()},
            struck=[(*key, said["facts"]) for key, said in sorted(books.struck_lines.items())],
            claimed=[key for key, claim in sorted(books.claims.items()) if claim.open_fen],
        )
