"""Which rows of the extracts a provision looked at: whom a row is about, and whether it counts.

The card of a policy says per provision: the kind of extract, whom its rows are about (`subject`,
`beneficiary` or `both`), and optionally `only` certain values and certain `months`. A household
stands for itself and its members, a person in registrations for the legal representative.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Any

import polars as pl

from transforms.errors import ContractError
from transforms.extracts.kinds import COLUMNS, KINDS, Kind
from transforms.policies.card_form import SIDES_OF_ROLE
from transforms.policies.cards import month_before, month_of, plus_months
from transforms.policies.parameters import month_first_day

PLACE = ("source_file", "source_line")
# Where a row stands, among its cells: no column of any kind can have this name.
AT = "file:line"
HIDDEN_CLASSES = ("name", "account")


@dataclass(frozen=True)
class Parties:
    """Persons, employers and households in one role; members of a household count as persons."""

    persons: frozenset[str] = frozenset()
    employers: frozenset[str] = frozenset()
    households: frozenset[str] = frozenset()

    def __or__(self, other: "Parties") -> "Parties":
        return Parties(
            self.persons | other.persons,
            self.employers | other.employers,
            self.households | other.households,
        )


@dataclass(frozen=True)
class Register:
    """What is needed to find rows: units of the employers and members of the households."""

    unit_nos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    employer_keys: Mapping[str, int] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parties_of(pairs: Iterable[tuple[str, str]]) -> Parties:
    """Collect (kind, id) pairs as they stand in determinations.

    >>> parties_of([("employer", "A"), ("person", "B")]).persons
    frozenset({'B'})
    """
    found: dict[str, set[str]] = {"person": set(), "employer": set(), "household": set()}
    for kind, identifier in pairs:
        found[kind].add(identifier)
    return Parties(*(frozenset(found[kind]) for kind in ("person", "employer", "household")))


def about(kind: str, parties: Parties, register: Register) -> pl.Expr | None:
    """Say which rows of a kind are about some parties; None if that kind can't be about them."""
    names = KINDS[kind].column_named
    persons = persons_of(parties, register)
    employers = sorted(parties.employers)
    found: list[pl.Expr] = []
    if persons and "person_id" in names:
        keys = [int(person[:17]) for person in persons]
        found.append(pl.col("person_key").is_in(keys))
    if persons and "legal_rep_id" in names:
        found.append(pl.col("legal_rep_id").is_in(persons))
    if employers and "employer_code" in names:
        found.append(pl.col("employer_code").is_in(employers))
    if employers and "employer_key" in key_columns(kind):
        known = [
            register.employer_keys[code] for code in employers if code in register.employer_keys
        ]
        found.append(pl.col("employer_key").is_in(pl.Series(known, dtype=pl.Int32).implode()))
    if employers and "last_unit_no" in names:
        units = [unit for code in employers for unit in register.unit_nos.get(code, ())]
        found.append(pl.col("last_unit_no").is_in(units))
    if (persons or employers) and "subject_id" in names:
        found.append(pl.col("subject_id").is_in([*persons, *employers]))
    if parties.households and "household_no" in names:
        found.append(pl.col("household_no").is_in(sorted(parties.households)))
    return reduce(lambda left, right: left | right, found) if found else None


def persons_of(parties: Parties, register: Register) -> list[str]:
    """Return the persons among parties, the members of households too, sorted."""
    members = {person for house in parties.households for person in register.members.get(house, ())}
    return sorted(parties.persons | members)


def persons_asked_for(
    spec: Mapping[str, Any], subjects: Parties, beneficiaries: Parties, register: Register
) -> list[str] | None:
    """Return the persons whom all rows of a `rows` entry are about; None: employers' rows too."""
    party = {"subject": subjects, "beneficiary": beneficiaries}
    for side in SIDES_OF_ROLE[spec["of"]]:
        if not party[side].employers:
            return persons_of(party[side], register)
    return None


def rows_asked_for(
    spec: Mapping[str, Any], subjects: Parties, beneficiaries: Parties, register: Register
) -> pl.Expr | None:
    """Turn one `rows` entry of a card into a filter; None if no row of that kind can be meant.

    Raises:  ContractError for a role or a kind that does not exist
    """
    kind, role = spec["kind"], spec["of"]
    if kind not in KINDS or role not in SIDES_OF_ROLE:
        raise ContractError(f"rows of {kind}, of {role}: no such kind or role")
    party = {"subject": subjects, "beneficiary": beneficiaries}
    found = [about(kind, party[side], register) for side in SIDES_OF_ROLE[role]]
    filters = [rows for rows in found if rows is not None]
    if not filters:
        return None
    for column, values in spec.get("only", {}).items():
        filters.append(pl.col(column).is_in(list(values)))
    return reduce(lambda left, right: left & right, filters)


def months_asked_for(spec: Mapping[str, Any], period: str, as_of: date) -> pl.Expr | None:
    """Narrow rows to the months that `months` of a `rows` entry names; None: all months.

    `[-3, 0]` are the months from three before that of the period (of a year: its January) to it;
    `by` names the column of a day that tells the month.

    Raises:  ContractError for a word that is none of period, to_period, base_year, month_before
    """
    word = spec.get("months")
    if word is None:
        return None
    column = pl.col(_month_column(KINDS[spec["kind"]]))
    if "by" in spec:
        day_of = pl.col(spec["by"]).dt
        column = day_of.year() * 100 + day_of.month()
    if word == "month_before":
        return column == month_before(as_of)
    if word == "base_year":
        year = int(period[:4]) - 1
        return column.is_between((year - 1) * 100 + 12, year * 100 + 12)
    if isinstance(word, list):
        day = month_first_day(int(period[:4] + (period[5:] or "01")))
        first, last = (month_of(plus_months(day, step)) for step in word)
        return column.is_between(first, last)
    if len(period) == 7 and word in ("period", "to_period"):
        month = int(period[:4] + period[5:])
        return column == month if word == "period" else column <= month
    raise ContractError(f"months {word} of {spec['kind']} can't be told for period {period}")


def _month_column(kind: Kind) -> str:
    months = [moment.column for moment in kind.visible_from if kind.is_month(moment.column)]
    return months[0] if months else "month"


def visible_rows(rows: pl.LazyFrame, kind: str, as_of: date) -> pl.LazyFrame:
    """Leave the rows of a kind that count on the as-of date, without what had not come by then.

    Source:  rulebook §0, Facts visible at D
    """
    for moment in KINDS[kind].visible_from:
        until = month_of(as_of) if KINDS[kind].is_month(moment.column) else as_of
        asked = [pl.col(column) == word for column, word in moment.where]
        rows = rows.filter((pl.col(moment.column) <= until) | ~pl.all_horizontal(True, *asked))
    return rows.with_columns(
        pl.when(pl.col(column.visible_from) <= as_of).then(column.name).alias(column.name)
        for column in KINDS[kind].columns
        if column.visible_from
    )


def shown_columns(kind: str) -> list[str]:
    """Return what is shown of a row: no name, no account; then its file and line.

    >>> shown_columns("deaths")
    ['person_id', 'died_on', 'source', 'source_file', 'source_line']
    """
    shown = [
        column.name
        for column in KINDS[kind].columns
        if COLUMNS[column.name].personal not in HIDDEN_CLASSES or column.name == "decided_by"
    ]
    return [*shown, *PLACE]


def key_columns(kind: str) -> list[str]:
    """Return the columns that filters need beside the shown ones."""
    names = KINDS[kind].column_named
    keys = ["person_key"] if "person_id" in names else []
    by_unit = "unit_no" in names and "employer_code" not in names
    return [*keys, "employer_key"] if by_unit else keys


def without_own(
    frame: pl.DataFrame, kind: str, own_rows: Sequence[Mapping[str, Any]]
) -> pl.DataFrame:
    """Leave out the rows that are our own payments come back: no rule looked at them."""
    places = [{name: row[name] for name in PLACE} for row in own_rows if row["kind"] == kind]
    if not places:
        return frame
    schema = {"source_file": pl.String, "source_line": pl.Int64}
    return frame.join(pl.DataFrame(places, schema=schema), on=PLACE, how="anti")
