"""What the ledger says of payments when a run begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from flows.money.batch_folder import signed_lines
from flows.money.ledger_store import open_ledger
from flows.store import Home
from sql import policy_cards


@dataclass(frozen=True)
class Standing:
    """The ledger, read once, so that a whole run nets against the state that its id names."""

    digest: str
    paid: pl.DataFrame
    signed: pl.DataFrame
    payment_ids: Sequence[str]
    installments: pl.DataFrame
    spent_fen: Mapping[str, int]


def read_standing(home: Home, budget_year: int) -> Standing:
    """Read what is paid or signed for, and what each policy's fund has spent in a budget year.

    Units:   fen
    """
    funds = sorted({card.fund for card in policy_cards().values() if card.fund})
    with open_ledger(home) as ledger:
        signed = signed_lines(home, ledger.batch_states().values())
        return Standing(
            digest=ledger.state_digest(),
            paid=ledger.paid_lines(),
            signed=signed,
            payment_ids=ledger.payment_ids(),
            installments=ledger.installments(signed),
            spent_fen={fund: ledger.spent_fen(fund, budget_year) for fund in funds},
        )
