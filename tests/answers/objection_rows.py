"""One line before and after an objection, and what clerks decided of it."""

from datetime import date
from typing import Any

import polars as pl

from transforms.money.entitlements import KEY
from transforms.money.objections import (
    DETERMINED,
    name_objections,
    no_objections,
    weigh_objections,
)

ANN = "370302199001011232"
OLD, LATER = date(2020, 3, 1), date(2020, 3, 9)


def line(outcome: str, fen: int, period: str = "2020-02") -> dict[str, Any]:
    names = dict(zip(KEY, ("p", period, "person", ANN, "person", ANN), strict=True))
    return {**names, "outcome": outcome, "amount_fen": fen, "reason_codes": []}


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    types = dict(zip(DETERMINED, (pl.String, pl.Int64, pl.List(pl.String)), strict=True))
    return pl.DataFrame(rows, schema={**dict.fromkeys(KEY, pl.String), **types})


def raised(period: str | None = "2020-02", on: date = date(2020, 3, 5)) -> pl.DataFrame:
    row = {"policy_id": "p", "period": period, "subject_id": ANN, "raised_by": "安娜"}
    row |= {"raised_on": on, "reason": "少了", "document_no": None}
    types = dict.fromkeys(row, pl.String) | {"raised_on": pl.Date}
    return name_objections(pl.DataFrame([row], schema=types))


def decided(*answers: tuple[str, date]) -> pl.DataFrame:
    key = {"policy_id": "p", "period": "2020-02", "subject_id": ANN, "beneficiary_id": ANN}
    key["provision"] = "objection"
    rows = [{**key, "decision": a, "decided_on": on, "decided_by": "甲"} for a, on in answers]
    types = dict.fromkeys([*key, "decision", "decided_by"], pl.String) | {"decided_on": pl.Date}
    return pl.DataFrame(rows, schema=types)


def weigh(
    before: list[dict[str, Any]],
    now: list[dict[str, Any]],
    decisions: pl.DataFrame | None = None,
    known: pl.DataFrame | None = None,
    objections: pl.DataFrame | None = None,
) -> pl.DataFrame:
    return weigh_objections(
        raised() if objections is None else objections,
        frame(now),
        frame(before),
        no_objections() if known is None else known,
        decided() if decisions is None else decisions,
        "R1",
        "2020-03-06",
    )
