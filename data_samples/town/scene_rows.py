"""The rows of scenes as typed tables, one per kind of extract, as a snapshot holds them."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import product
from typing import Any

import polars as pl

from data_samples.town.scenes import (
    DEFAULTS,
    Case,
    days_in,
    fen,
    is_employer,
    months_in,
    symbols_in,
)
from transforms.extracts.kinds import KINDS, Kind, table_schema
from transforms.policies.parameters import months_between

PAID_COLUMNS = [
    "payment_id",
    "policy_id",
    "period",
    "subject_kind",
    "subject_id",
    "beneficiary_kind",
    "beneficiary_id",
]
ALIASES = {"for": "insurance"}


def tables_of(cases: list[Case], missing: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """Build one typed table per delivered kind from the rows of the cases."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in KINDS}
    for case in cases:
        before = len(rows["contributions"])
        for label, row in case.rows.items():
            kind = next(iter(row))
            if kind != "paid":
                assert kind in KINDS, f"{case.sentence}: {label}: no kind {kind}"
                rows[kind].extend(_typed_rows(case, KINDS[kind], row))
        for place, booking in enumerate(rows["contributions"][before:], start=1):
            booking["serial_no"] = booking["serial_no"] or f"S{case.number:06d}{place:05d}"
    return typed_tables(rows, missing)


def typed_tables(
    rows: dict[str, list[dict[str, Any]]], missing: tuple[str, ...] = ()
) -> dict[str, pl.DataFrame]:
    """Make the tables of a snapshot of rows by kind, with the columns that ingest adds."""
    _add_employer_keys(rows, "insured_units" in missing)
    return {
        name: _frame(KINDS[name], kind_rows)
        for name, kind_rows in rows.items()
        if name not in missing
    }


def paid_lines_of(cases: list[Case]) -> pl.DataFrame:
    """Build the lines that this home's ledger holds as paid."""
    lines = [_paid_line(case, row) for case in cases for row in case.rows.values() if "paid" in row]
    schema: dict[str, Any] = dict.fromkeys(PAID_COLUMNS, pl.String()) | {"amount_fen": pl.Int64()}
    return pl.DataFrame(lines, schema=schema)


def _paid_line(case: Case, row: Mapping[str, str]) -> dict[str, Any]:
    subject, beneficiary = row["paid"], row.get("beneficiary", row["paid"])
    return {
        "payment_id": f"{row.get('payment_id', 'PAY')}C{case.number}",
        "policy_id": row.get("policy", case.policy),
        "period": row["period"],
        "subject_kind": "employer" if is_employer(subject) else "person",
        "subject_id": case.id_of(subject),
        "beneficiary_kind": "employer" if is_employer(beneficiary) else "person",
        "beneficiary_id": case.id_of(beneficiary),
        "amount_fen": fen(row.get("amount_yuan", "0")),
    }


def _typed_rows(case: Case, kind: Kind, row: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    cells = DEFAULTS.get(kind.name, {}) | {key: cell for key, cell in row.items()}
    symbols = symbols_in(cells.pop(kind.name))
    cells = {ALIASES.get(name, name): cell for name, cell in cells.items()}
    spread: dict[str, list[str]] = {}
    if "insurance" in cells:
        spread["insurance"] = cells.pop("insurance").split()
    if "months" in cells:
        spread["month"] = [str(month) for month in months_in(cells.pop("months"))]
    if "days" in cells and kind.name == "attendance":
        spread["worked_on"] = days_in(cells.pop("days"))
    places = symbols_in(cells.get("at", ""))
    at = dict(zip(symbols, places, strict=True)) if len(places) > 1 else {}
    for symbol, *values in product(symbols, *spread.values()):
        place = {"at": at[symbol]} if at else {}
        yield _typed_row(case, kind, symbol, cells | place | dict(zip(spread, values, strict=True)))


def _typed_row(case: Case, kind: Kind, symbol: str, cells: dict[str, str]) -> dict[str, Any]:
    typed: dict[str, Any] = dict.fromkeys(kind.column_named)
    for column in kind.columns:
        if column.name in ("name", "employer_name", "subject_name", "decided_by"):
            typed[column.name] = cells.pop(column.name, symbol)
    _set_subject(case, kind, symbol, cells, typed)
    for name, cell in cells.items():
        column_name = _column_of(name)
        assert column_name in typed, f"{case.sentence}: {kind.name} has no column {name}"
        typed[column_name] = _value(case, kind, column_name, cell)
    is_paid = kind.name == "payroll" or typed.get("state") == "已到账"
    if kind.name in ("contributions", "payroll") and "paid_on" not in cells and is_paid:
        typed["paid_on"] = date(typed["month"] // 100, typed["month"] % 100, 15)
    if kind.name == "support" and typed["months_used"] is None:
        months = months_between(typed["from_month"], typed["to_month"])
        typed["months_used"] = len(months)
    return typed


@cache
def _column_of(cell_name: str) -> str:
    return re.sub("_wan$", "_wan_x100", re.sub("_yuan$", "_fen", cell_name))


def _set_subject(
    case: Case, kind: Kind, symbol: str, cells: dict[str, str], typed: dict[str, Any]
) -> None:
    name = f"{case.number:04d}-"
    if kind.name == "insured_units":
        typed["unit_no"] = name + cells.pop("unit", symbol)
    unit = cells.pop("unit", cells.get("at")) if kind.name == "contributions" else None
    at = cells.pop("at", None)
    if "person_id" in typed:
        typed["person_id"] = case.id_of(symbol)
        if kind.name == "insured_persons" and "sex" not in cells:
            typed["sex"] = "男" if int(typed["person_id"][16]) % 2 else "女"
    if kind.name == "contributions":
        typed["unit_no"] = name + unit if unit else None
    elif kind.name == "unemployment_benefits":
        typed["last_unit_no"] = name + at if at else None
    elif "employer_code" in typed:
        typed["employer_code"] = case.id_of(symbol if is_employer(symbol) else at or "U1")
    if "subject_id" in typed:
        typed["subject_id"] = case.id_of(symbol)
        if "subject_kind" in typed:
            typed["subject_kind"] = "单位" if is_employer(symbol) else "个人"
    if kind.name == "clerical_decisions":
        typed["policy_id"] = cells.pop("policy", case.policy)
        typed["beneficiary_id"] = case.id_of(cells.pop("beneficiary", symbol))


def _value(case: Case, kind: Kind, column: str, cell: str) -> Any:
    entry = kind.column_named[column]
    if cell == "":
        return None
    if entry.codes:
        assert cell in entry.codes, f"{case.sentence}: {cell} is no {column}"
    if column == "payment_id":
        return f"{cell}C{case.number}"
    if column == "account_no":
        return f"{cell}{case.number:06d}"
    if column == "household_no":
        return f"{case.number:04d}-{cell}"
    readers: dict[str, Callable[[str], Any]] = {
        "money": fen,
        "wan": fen,
        "integer": int,
        "rate": int,
        "month": int,
        "date": date.fromisoformat,
        "person_id": case.id_of,
    }
    return readers.get(entry.type, str)(cell)


def _add_employer_keys(rows: dict[str, list[dict[str, Any]]], no_units: bool) -> None:
    ranked = sorted({row["employer_code"] for row in rows["insured_units"]})
    key_of_code = {code: rank for rank, code in enumerate(ranked, start=1)}
    for row in rows["insured_units"]:
        row["employer_key"] = key_of_code[row["employer_code"]]
    code_of_unit = {row["unit_no"]: row["employer_code"] for row in rows["insured_units"]}
    for number, row in enumerate(rows["contributions"], start=1):
        row["serial_no"] = row["serial_no"] or f"S{number:07d}"
        if row["unit_no"] is None:
            row["employer_key"] = 0
        elif no_units:
            row["employer_key"] = None
        else:
            row["employer_key"] = key_of_code[code_of_unit[row["unit_no"]]]


def _frame(kind: Kind, rows: list[dict[str, Any]]) -> pl.DataFrame:
    for number, row in enumerate(rows, start=2):
        row |= {"source_file": f"{kind.titles[1]}.csv", "source_line": number}
        if "name" in row:
            row["name_raw"] = row["name"]
        if row.get("person_id"):
            row["person_key"] = int(row["person_id"][:17])
    return pl.DataFrame(rows, schema=table_schema(kind), orient="row")
