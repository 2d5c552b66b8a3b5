"""Scenes: a few terse lines of YAML become valid ids, typed tables, and what must come out.

The planted cast of the sample and the golden cases of the tests are written in this form:

    as_of: 2020-06-30                 the default as-of date of its cases
    people: {甲: 1960-02-15 女}        born, sex; who is not named here is 1980-06-15 男
    given:                            labelled rows that every case starts from
      paid: {contributions: 甲 P1..P9, at: U1, for: 养老 失业, months: 201901..201912}
    cases:
      - case: the sentence
        change: {paid: {months: 201901..201911}, unit: drop, more: {support: 甲, ...}}
        expect: ineligible s5_insured_all_year

The first key of a row is its kind, its value the symbols it is about (U… employers, others
persons); `P1..P9, at: U1..U9` puts each at its own. `expect` is one sentence for the only row, or
a map from `subject beneficiary period` (any of them, periods as ranges too) to sentences; `none`
says that there is no row. `facts` says what the only row shows beside, or maps such keys to it.
Cases share one database per as-of date: the case number is the division code of all its ids.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import yaml

from transforms.policies.parameters import months_between

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
WORDS = frozenset(
    {"case", "change", "expect", "as_of", "until", "people", "missing", "parameters"}
    | {"alone", "entitled", "facts"}
)
CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
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
    "housing_fund": {"unit_rate_bp": "1200", "person_rate_bp": "1200"},
    "tenancies": {"incubator": "淄川区创业孵化基地"},
    "clerical_decisions": {"decided_by": "王核", "decided_on": "2020-01-15", "decision": "是"},
}


def person_id(division: int, born: str, number: int, sex: str) -> str:
    """Make a valid citizen id (GB 11643): 370000 and the case number, birth date, odd for men."""
    order = 2 * number - (1 if sex == "男" else 0)
    body = f"{370000 + division}{born.replace('-', '')}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def employer_code(division: int, number: int) -> str:
    """Make a valid unified social credit code (GB 32100) in the order of the numbers."""
    body = f"91{370000 + division}MA{number:07d}"
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
    entitled: str = ""
    until: date | None = None
    dropped: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
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


@cache
def is_employer(symbol: str) -> bool:
    """Say whether a symbol names an employer: U1, U2 …"""
    return re.fullmatch(r"U\w*", symbol) is not None


def read_scenes(text: str, policy: str, first_number: int) -> list[Case]:
    """Read a file of scenes; every value is text until its column's type is known.

    Rows:    one case per entry, numbered from `first_number`
    """
    content = yaml.load(text, Loader=yaml.CBaseLoader)
    return [
        _case(policy, first_number + place, content, entry)
        for place, entry in enumerate(content["cases"])
    ]


def _case(policy: str, number: int, content: Mapping[str, Any], entry: Mapping[str, Any]) -> Case:
    unknown = set(entry) - WORDS
    assert not unknown, f"{policy}: {entry['case']}: unknown words {unknown}"
    rows = {label: dict(row) for label, row in content.get("given", {}).items()}
    dropped = set[str]()
    for label, change in entry.get("change", {}).items():
        if change == "drop":
            dropped.add(next(iter(rows.pop(label))))
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
        entitled=entry.get("entitled", ""),
        until=date.fromisoformat(entry.get("until", content.get("until", content["as_of"]))),
        dropped=frozenset(dropped),
        facts=entry.get("facts", {}),
    )


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


def keys_in(key: str) -> list[tuple[str | None, str | None, str | None]]:
    """List the rows that a key of `expect` speaks of: periods × subjects, and a beneficiary.

    >>> keys_in("甲 U1 2020-03..2020-04")
    [('2020-03', '甲', 'U1'), ('2020-04', '甲', 'U1')]
    """
    words = key.split()
    spans = [word for word in words if word[0].isdigit()]
    symbols = [word for word in words if not word[0].isdigit()]
    periods: list[str | None] = [None]
    if spans:
        periods = [period for span in spans for period in _periods_in(span)]
    if not symbols:
        return [(period, None, None) for period in periods]
    beneficiary = symbols[1] if len(symbols) > 1 else None
    return [
        (period, subject, beneficiary) for subject in symbols_in(symbols[0]) for period in periods
    ]


def _periods_in(span: str) -> list[str]:
    if len(span) == 4:
        return [span]
    return [f"{month // 100}-{month % 100:02d}" for month in months_in(span)]
