"""Golden cases: a few terse lines of YAML become valid ids, typed tables, and what must come out.

A case file is `tests/policies/<policy>.yaml`:

    as_of: 2020-06-30                 the default as-of date of its cases
    people: {甲: 1960-02-15 女}        born, sex; who is not named here is 1980-06-15 男
    given:                            labelled rows that every case starts from
      paid: {contributions: 甲 P1..P9, at: U1, for: 养老 失业, months: 201901..201912}
    cases:
      - case: the sentence
        change: {paid: {months: 201901..201911}, unit: drop, more: {support: 甲, ...}}
        expect: ineligible s5_insured_all_year

The first key of a row is its kind, its value the symbols it is about (U… employers, others
persons); `P1..P9, at: U1..U9` puts each at its own. `expect` is one sentence for the only row, or a map from `subject beneficiary period`
(any of them, periods as ranges too) to sentences; `none` says that there is no row.
Cases share one database per as-of date: the case number is the division code of all its ids.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from transforms.columns import STORED_AS
from transforms.extracts.kinds import KINDS, Kind
from transforms.parameters import months_between

FOLDER = Path(__file__).parent / "policies"
CASES_PER_POLICY = 100
BACKGROUND = 9999
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PAID_COLUMNS = (
    "payment_id policy_id period subject_kind subject_id beneficiary_kind beneficiary_id"
).split()
ALIASES = {"for": "insurance"}
DEFAULTS: dict[str, dict[str, str]] = {
    "registrations": {"entity_type": "企业", "status": "存续"},
    "insured_units": {"is_dispatch": "否"},
    "contributions": {
        "unit_yuan": "100.00",
        "person_yuan": "50.00",
        "entry": "正常",
        "state": "已到账",
    },
    "payroll": {"gross_yuan": "3000.00", "net_yuan": "3000.00"},
    "employment": {"contract_type": "固定期限"},
    "designations": {"valid_from": "2019-01-01"},
    "clerical_decisions": {"decided_by": "王核", "decided_on": "2020-01-15", "decision": "是"},
}


def person_id(division: int, born: str, number: int, sex: str) -> str:
    """Make a valid citizen id (GB 11643): 37 and the case number, birth date, odd for men."""
    order = 2 * number - (1 if sex == "男" else 0)
    body = f"37{division:04d}{born.replace('-', '')}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def employer_code(division: int, number: int) -> str:
    """Make a valid unified social credit code (GB 32100) in the order of the numbers."""
    body = f"9137{division:04d}MA{number:07d}"
    total = sum(CODE_ALPHABET.index(sign) * (3**place % 31) for place, sign in enumerate(body))
    return body + CODE_ALPHABET[-total % 31]


@dataclass(frozen=True)
class Case:
    """One sentence with the rows it is about and what must be determined from them."""

    policy: str
    number: int
    sentence: str
    as_of: date
    rows: Mapping[str, Mapping[str, str]]
    people: Mapping[str, str]
    missing: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    alone: bool
    expect: Any
    ids: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def group(self) -> tuple[str, date, tuple[str, ...], tuple[tuple[str, str], ...], int]:
        """Cases with the same group can stand in one database."""
        number = self.number if self.alone else 0
        return (self.policy, self.as_of, self.missing, self.parameters, number)

    def id_of(self, symbol: str) -> str:
        """Return the valid id that a symbol stands for in this case."""
        if symbol not in self.ids:
            number = sum(is_employer(known) == is_employer(symbol) for known in self.ids) + 1
            if is_employer(symbol):
                number = int(symbol[1:]) if symbol[1:].isdigit() else 500 + number
                self.ids[symbol] = employer_code(self.number, number)
            else:
                born, sex = self.people.get(symbol, "1980-06-15 男").split()
                self.ids[symbol] = person_id(self.number, born, number, sex)
        return self.ids[symbol]


def is_employer(symbol: str) -> bool:
    """Say whether a symbol names an employer: U1, U2 …"""
    return re.fullmatch(r"U\w*", symbol) is not None


def read_cases(policy: str) -> list[Case]:
    """Read one case file; every value is text until its column's type is known."""
    path = FOLDER / f"{policy}.yaml"
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    first = CASES_PER_POLICY * (1 + policy_names().index(policy))
    return [
        _case(policy, first + place, content, entry)
        for place, entry in enumerate(content["cases"], start=1)
    ]


def policy_names() -> list[str]:
    """Return the policies that have golden cases."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _case(policy: str, number: int, content: Mapping[str, Any], entry: Mapping[str, Any]) -> Case:
    unknown = set(entry) - set("case change expect as_of people missing parameters alone".split())
    assert not unknown, f"{policy}: {entry['case']}: unknown words {unknown}"
    rows = {label: dict(row) for label, row in content.get("given", {}).items()}
    for label, change in entry.get("change", {}).items():
        if change == "drop":
            del rows[label]
        elif label in rows:
            rows[label] = rows[label] | change
        else:
            rows[label] = dict(change)
    return Case(
        policy=policy,
        number=number,
        sentence=entry["case"],
        as_of=date.fromisoformat(entry.get("as_of", content["as_of"])),
        rows=rows,
        people=content.get("people", {}) | entry.get("people", {}),
        missing=tuple(entry.get("missing", "").split()),
        parameters=tuple(entry.get("parameters", {}).items()),
        alone="alone" in entry,
        expect=entry["expect"],
    )


def tables_of(cases: list[Case], missing: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """Build one typed table per delivered kind from the rows of the cases."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in KINDS}
    for case in cases:
        for label, row in case.rows.items():
            kind = next(iter(row))
            if kind != "paid":
                assert kind in KINDS, f"{case.sentence}: {label}: no kind {kind}"
                rows[kind].extend(_typed_rows(case, KINDS[kind], row))
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


def fen(yuan: str) -> int:
    """Convert yuan to fen exactly."""
    amount = Decimal(yuan) * 100
    assert amount == int(amount), yuan
    return int(amount)


def symbols_in(text: str) -> list[str]:
    """List the symbols of a text; `P1..P3` stands for P1 P2 P3."""
    symbols: list[str] = []
    for word in text.split():
        found = re.fullmatch(r"(\D+)(\d+)\.\.\D+(\d+)", word)
        if found:
            numbers = range(int(found[2]), int(found[3]) + 1)
            symbols.extend(f"{found[1]}{number}" for number in numbers)
        else:
            symbols.append(word)
    return symbols


def months_in(text: str) -> list[int]:
    """List the months of a text; `201911..202002` stands for four months."""
    months: list[int] = []
    for word in text.replace("-", "").split():
        first, _, last = word.partition("..")
        months.extend(months_between(int(first), int(last or first)))
    return months


def days_in(text: str) -> list[str]:
    """List the days of a text; `2020-01-30..2020-02-02` stands for four days."""
    days: list[str] = []
    for word in text.split():
        first, _, last = word.partition("..")
        numbers = range(
            date.fromisoformat(first).toordinal(), date.fromisoformat(last or first).toordinal() + 1
        )
        days.extend(date.fromordinal(number).isoformat() for number in numbers)
    return days


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
        target = {"_yuan": "_fen", "_wan": "_wan_x100"}
        column_name = re.sub("(_yuan|_wan)$", lambda found: target[found[0]], name)
        assert column_name in typed, f"{case.sentence}: {kind.name} has no column {name}"
        typed[column_name] = _value(case, kind, column_name, cell)
    if kind.name in ("contributions", "payroll") and "paid_on" not in cells:
        if typed.get("state", "已到账") == "已到账":
            typed["paid_on"] = date(typed["month"] // 100, typed["month"] % 100, 15)
    if kind.name == "support" and typed["months_used"] is None:
        months = months_between(typed["from_month"], typed["to_month"])
        typed["months_used"] = len(months)
    return typed


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
    if column == "household_no":
        return f"{case.number:04d}-{cell}"
    match entry.type:
        case "money" | "wan":
            return fen(cell)
        case "integer" | "month":
            return int(cell.replace("-", ""))
        case "date":
            return date.fromisoformat(cell)
        case "person_id":
            return case.id_of(cell)
        case _:
            return cell


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


def table_schema(kind: Kind) -> dict[str, pl.DataType]:
    """Return the columns of a kind's snapshot table, with those that ingest adds."""
    schema: dict[str, pl.DataType] = {}
    for column in kind.columns:
        schema[column.name] = STORED_AS[column.type]
        if column.name == "name":
            schema["name_raw"] = pl.String()
        if column.name == "person_id":
            schema["person_key"] = pl.Int64()
    if kind.name in ("insured_units", "contributions"):
        schema["employer_key"] = pl.Int32()
    return schema | {"source_file": pl.String(), "source_line": pl.Int64()}


def _frame(kind: Kind, rows: list[dict[str, Any]]) -> pl.DataFrame:
    for number, row in enumerate(rows, start=2):
        row |= {"source_file": f"{kind.titles[1]}.csv", "source_line": number}
        if "name" in row:
            row["name_raw"] = row["name"]
        if "person_id" in row and row["person_id"]:
            row["person_key"] = int(row["person_id"][:17])
    return pl.DataFrame(rows, schema=table_schema(kind), orient="row")
