"""What the rules are told of the ledger: the lines paid before, and which payments were ours."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from sql import KEY_COLUMNS, Connection, policy_cards, register_frame

DETERMINATION_SCHEMA: dict[str, pl.DataType] = {
    "policy_id": pl.String(),
    "period": pl.String(),
    "subject_kind": pl.String(),
    "subject_id": pl.String(),
    "beneficiary_kind": pl.String(),
    "beneficiary_id": pl.String(),
    "outcome": pl.String(),
    "amount_fen": pl.Int64(),
    "reason_codes": pl.List(pl.String()),
}
PAID_LINE_SCHEMA: dict[str, Any] = {
    "payment_id": pl.String(),
    **{name: DETERMINATION_SCHEMA[name] for name in ("policy_id", *KEY_COLUMNS, "amount_fen")},
}


def register_ledger(
    connection: Connection, paid_lines: pl.DataFrame, ledger_payment_ids: Sequence[str]
) -> None:
    """Make the tables `paid_lines`, `ledger_payment_ids` and `policy_support_types`."""
    paid = paid_lines.select(pl.col(name).cast(dtype) for name, dtype in PAID_LINE_SCHEMA.items())
    payment_ids = sorted({*paid["payment_id"].drop_nulls().to_list(), *ledger_payment_ids})
    types = [
        {"support_type": support_type, "policy_id": card.policy_id}
        for card in policy_cards().values()
        for support_type in card.support_types
    ]
    register_frame(connection, "paid_lines", paid)
    register_frame(
        connection,
        "ledger_payment_ids",
        pl.DataFrame({"payment_id": payment_ids}, schema={"payment_id": pl.String}),
    )
    register_frame(
        connection,
        "policy_support_types",
        pl.DataFrame(types, schema={"support_type": pl.String, "policy_id": pl.String}),
    )
