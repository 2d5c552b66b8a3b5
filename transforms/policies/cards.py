"""Policy cards: what a policy is, when it is in force, what it needs, and what it asks for."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from transforms.policies.amount_cap import read_cap
from transforms.policies.card_form import check_form
from transforms.policies.parameters import (
    Parameter,
    ParameterValue,
    check_limit,
    check_paid,
    check_windows,
    month_first_day,
    months_between,
    parse_parameter,
    value_on,
)
from transforms.strict_yaml import check_known, read_yaml
from transforms.words import Said

FIRST_MONTH, RECENT_MONTHS = 202001, 12
PRESENCE, ABSENCE = "by presence", "by absence"


@dataclass(frozen=True)
class Provision:
    """One condition of a policy, with its clause and what explain shows for it.

    `holds`: by presence of its rows, or by absence: then a row that vanishes can make it true.
    """

    name: str
    title: str
    holds: str
    clause: str
    facts: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    limit: int | str | None


@dataclass(frozen=True)
class Reach:
    """The months or the year that a run on one as-of date can speak about."""

    from_month: int
    to_month: int

    def covers(self, period: str) -> bool:
        """Say whether a period (`2020` or `2020-03`) lies inside the reach."""
        if len(period) == 4:
            return self.from_month // 100 <= int(period) <= self.to_month // 100
        return self.from_month <= int(period.replace("-", "")) <= self.to_month

    def period_of(self, form: str) -> str | None:
        """Return the one period that a run speaks about; None where it speaks about months.

        >>> Reach(202001, 202012).period_of("year"), Reach(202003, 202003).period_of("as_of_month")
        ('2020', '2020-03')
        """
        year, month = divmod(self.from_month, 100)
        one_month = f"{year}-{month:02d}"
        whole = {"month": None, "recent_month": None}
        return (whole | {"as_of_month": one_month, "last_month": one_month}).get(form, str(year))


@dataclass(frozen=True)
class PolicyStatus:
    """Whether a policy ran, why not, what it can speak about, and which numbers it used."""

    status: str
    reason: Said | None
    reach_from_month: int | None
    reach_to_month: int | None
    parameters_used: list[dict[str, Any]]

    def reaches(self, period: str) -> bool:
        """Say whether the policy ran and a period (`2020` or `2020-03`) is inside its reach."""
        if self.reach_from_month is None or self.reach_to_month is None:
            return False
        return Reach(self.reach_from_month, self.reach_to_month).covers(period)


@dataclass(frozen=True)
class PolicyCard:
    """Everything about a policy that is not SQL; `rows`: what its universe and amount rest on."""

    policy_id: str
    title: str
    item: int
    kind: str
    fund: str | None
    bureau: str
    authority: str
    clause: str
    guide: str
    universe: str
    amount_cap: Parameter | None
    force_from: date
    force_to: date | None
    tail_months: int
    period: str
    subject: str
    beneficiary: str
    reads: tuple[str, ...]
    needs: Mapping[str, Any]
    touches: tuple[str, ...]
    support_types: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    rows: tuple[Mapping[str, Any], ...]
    provisions: tuple[Provision, ...]
    span_is_reading: bool
    listing: Mapping[str, Any]

    @property
    def provision_names(self) -> list[str]:
        """The provisions in the notice's order."""
        return [provision.name for provision in self.provisions]

    @property
    def limit(self) -> int | Parameter | None:
        """How many may count, where the last provision says so: a number or a parameter."""
        limit = self.provisions[-1].limit
        return self.parameters[limit] if isinstance(limit, str) else limit

    @property
    def most(self) -> int:
        """How many may count at the most, by any value of the limit; 0: no limit."""
        limit = self.limit or 0
        return max(v.value for v in limit.values) if isinstance(limit, Parameter) else limit


def parse_shared(text: str) -> dict[str, Parameter]:
    """Read the parameters that several policies or facts use."""
    return {name: parse_parameter(name, entry) for name, entry in read_yaml(text).items()}


def parse_card(text: str, shared: Mapping[str, Parameter]) -> PolicyCard:
    """Read one policy card; `uses` names the shared parameters it needs.

    Raises:  RuleError if a word of the card is not one the engine knows
    """
    entry = read_yaml(text)
    check_form(entry)
    name = entry["policy"]
    needs = entry.get("needs", {})
    parameters = _shared_used(entry.get("uses", []), shared) | {
        key: parse_parameter(key, value) for key, value in entry.get("parameters", {}).items()
    }
    check_windows(parameters, name)
    if entry["kind"] == "payment":
        check_paid(parameters, name)
    provisions = tuple(_provision(key, value) for key, value in entry["provisions"].items())
    check_limit(entry["provisions"], parameters, name)
    return PolicyCard(
        policy_id=name,
        title=entry["title"],
        item=entry["item"],
        kind=entry["kind"],
        fund=entry.get("fund"),
        bureau=entry["bureau"],
        authority=entry["authority"],
        clause=entry["clause"].strip(),
        guide=entry["guide"].strip(),
        universe=entry.get("universe", ""),
        amount_cap=read_cap(entry, parameters),
        force_from=entry["in_force"]["from"],
        force_to=entry["in_force"]["to"],
        tail_months=entry["in_force"]["tail_months"],
        period=entry["period"],
        subject=entry["subject"],
        beneficiary=entry["beneficiary"],
        reads=tuple(entry["reads"]),
        needs=needs,
        touches=tuple(entry.get("touches", needs.get("insurances", ()))),
        support_types=tuple(entry.get("support_types", ())),
        parameters=parameters,
        rows=tuple(entry.get("rows", ())),
        provisions=provisions,
        span_is_reading=bool(entry["in_force"].get("reading", False)),
        listing=entry.get("list", {}),
    )


def _shared_used(
    uses: Sequence[str | Mapping[str, str]], shared: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """Take the shared parameters a card uses; `{name: day}` takes one on another day than usual."""
    used: dict[str, Parameter] = {}
    for word in uses:
        check_known(word, shared, "uses")
        for name, day in ({word: ""} if isinstance(word, str) else word).items():
            used[name] = replace(shared[name], on=day) if day else shared[name]
    return used


def _provision(name: str, entry: Mapping[str, Any]) -> Provision:
    check_known(entry["holds"], (PRESENCE, ABSENCE), f"provision {name}: holds")
    return Provision(
        name=name,
        title=entry["title"],
        holds=entry["holds"],
        clause=entry["clause"].strip(),
        facts=tuple(entry.get("facts", ())),
        rows=tuple(entry.get("rows", ())),
        limit=entry.get("limit"),
    )


def month_of(day: date) -> int:
    """Return the month YYYYMM of a day."""
    return day.year * 100 + day.month


def plus_months(day: date, months: int) -> date:
    """Add months; land on the corresponding day, or on the month's last if there is none.

    >>> plus_months(date(2020, 8, 31), 6)
    datetime.date(2021, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def outside_span(card: PolicyCard, as_of: date) -> Said | None:
    """Say why a policy does not run on a date, or None if it does.

    Source:  rulebook §0, In force: to the span's last day and its tail, that day included
    """
    if as_of < card.force_from:
        return Said("begins_later", {"as_of": str(as_of), "begins_on": str(card.force_from)})
    if card.force_to is None:
        return None
    last = plus_months(card.force_to, card.tail_months)
    if as_of > last:
        span = {"as_of": str(as_of), "ended_on": str(card.force_to), "taken_to": str(last)}
        return Said("ended_before", span)
    return None


def reach_of(card: PolicyCard, as_of: date) -> Reach:
    """Return the months a run can speak about: those of the span, from 202001 to month(D).

    Holds:   a yearly policy reaches its whole first year, a referral the as-of month only
    """
    this_month = month_of(as_of)
    if card.period == "as_of_month":
        return Reach(this_month, this_month)
    if card.period == "last_month":
        return Reach(month_before(as_of), month_before(as_of))
    if card.period == "recent_month":
        return Reach(month_of(plus_months(as_of, -RECENT_MONTHS)), month_before(as_of))
    if card.period == "fee_year":
        return Reach((as_of.year - 1) * 100 + 1, (as_of.year - 1) * 100 + 12)
    if card.period == "year":
        return Reach(card.force_from.year * 100 + 1, card.force_from.year * 100 + 12)
    last = month_of(card.force_to) if card.force_to else this_month
    return Reach(max(FIRST_MONTH, month_of(card.force_from)), min(this_month, last))


def month_before(as_of: date) -> int:
    """Return the month YYYYMM before the month of a day."""
    return month_of(plus_months(as_of, -1))


def year_day(card: PolicyCard, as_of: date) -> date:
    """Return the day that parameters `on: year` are taken on: 1 January of the policy year.

    Source:  rulebook §6; the levy's is the year after its fee year
    """
    years = {"fee_year": as_of.year, "year": card.force_from.year}
    return date(years.get(card.period, FIRST_MONTH // 100), 1, 1)


def values_used(
    parameter: Parameter, as_of: date, year_start: date, reach: Reach
) -> list[ParameterValue]:
    """Return the values of a parameter that a run on a day may have taken, oldest first."""
    if parameter.on == "as_of":
        return [value_on(parameter, as_of)]
    if parameter.on == "year":
        return [value_on(parameter, year_start)]
    if parameter.on == "month":
        # A value from mid-month is taken by no month before the next one.
        months = months_between(reach.from_month, max(reach.from_month, reach.to_month))
        first, *later = map(month_first_day, months)
        days = [first, *(day for day in later if day <= as_of)]
        before = [[v.since for v in parameter.values if v.since <= day] for day in days]
        taken = {since[-1] for since in before if since}
        return [value for value in parameter.values if value.since in taken]
    return [value for value in parameter.values if value.since <= as_of]
