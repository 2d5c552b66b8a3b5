"""Lines as notices word them, one by one."""

from datetime import date
from typing import Any

import polars as pl

from sql.texts import policy_cards
from tests.money.money_town import (
    ANN,
    ONE,
)
from transforms.answers.notices import (
    LINE_SCHEMA,
    notices,
)
from transforms.money.entitlements import KEY

DAYS = dict.fromkeys(policy_cards(), (date(2020, 3, 31), date(2020, 4, 8)))

HOSTILE = [
    "<script>alert(1)</script>",
    "=1+1",
    '#panic("x")',
    "a\u202eb&amp;",
    "*_$[x]$_*\\",
    "甲\n乙",
]


WATCHING = [name for name, card in policy_cards().items() if card.kind == "warning"]


TOLD = [name for name in policy_cards() if name not in WATCHING]


def line(policy: str, status: str, reason: str = "", **other: Any) -> dict[str, Any]:
    kind = policy_cards()[policy].beneficiary
    party = {"person": ANN, "employer": ONE, "household": "户1"}[kind]
    made = {
        **dict(zip(KEY, (policy, "2020-12", kind, party, kind, party), strict=True)),
        "status": status,
        "reason": reason,
        "determined_fen": 123456789012,
        "paid_before_fen": 0,
        "due_fen": 123456789012,
        "reason_codes": list(policy_cards()[policy].provision_names),
        "bank_name": "淄川农商银行",
        "account_no": "6222000011112222",
    }
    return made | other


def worded(
    rows: list[dict[str, Any]],
    name: str | None = "安娜",
    town: str = "370302001",
    *,
    is_dead: bool | None = None,
) -> pl.DataFrame:
    lines = pl.DataFrame(rows, schema=LINE_SCHEMA)
    sides = ("person", ANN), ("employer", ONE), ("household", "户1")
    parties = pl.DataFrame(
        [
            {
                "party_kind": k,
                "party_id": i,
                "name": name,
                "town": town,
                "is_dead": is_dead,
            }
            for k, i in sides
        ],
        schema_overrides={"name": pl.String, "is_dead": pl.Boolean},
    )
    return notices(lines, parties, policy_cards(), DAYS, "R0123456")
