"""What was delivered against what a policy needs: extracts, parts of them, lists, gaps."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from transforms.policies.cards import PolicyCard, month_before, plus_months, year_day
from transforms.policies.parameters import months_between, value_on
from transforms.words import Said

STANDING_LISTS = ("严重失信", "僵尸企业", "拖欠农民工工资失信")
STANDING_PROVISION = "g_good_standing"


def missing_extracts(card: PolicyCard, delivered: Collection[str]) -> list[str]:
    """List the extracts that a policy reads and that were not delivered, in the card's order."""
    return [kind for kind in card.reads if kind not in delivered]


def missing_parts(
    card: PolicyCard, months_delivered: Mapping[str, Collection[int]], as_of: date
) -> list[Said]:
    """Say which parts of contributions a policy needs and has not got.

    Rows:    months_delivered  insurance → months that have at least one row
    Source:  rulebook §0, Parts count too
    """
    return [
        part
        for insurance in card.needs.get("insurances", ())
        for part in _missing_of(card, insurance, months_delivered.get(insurance, ()), as_of)
    ]


def _missing_of(
    card: PolicyCard, insurance: str, delivered: Collection[int], as_of: date
) -> list[Said]:
    if card.needs["months"] == "any":
        return [] if delivered else [Said("any_row_of_insurance", {"insurance": insurance})]
    if card.needs["months"] == "month_before":
        needed = [month_before(as_of)]
    elif card.needs["months"] == "two_months_before":
        needed = [month_before(plus_months(as_of, -1)), month_before(as_of)]
    else:
        year = value_on(card.parameters["base_year"], year_day(card, as_of)).value
        needed = months_between((year - 1) * 100 + 12, year * 100 + 12)
    return [
        Said("month_of_insurance", {"insurance": insurance, "month": month})
        for month in needed
        if month not in delivered
    ]


def gap_warnings(
    cards: Sequence[PolicyCard], months_delivered: Mapping[str, Collection[int]]
) -> list[Said]:
    """Warn of months without rows between an insurance's first and last month.

    Holds:   each warning names the policies that the insurance touches
    """
    warnings = []
    for insurance, delivered in sorted(months_delivered.items()):
        absent = [
            month
            for month in months_between(min(delivered), max(delivered))
            if month not in delivered
        ]
        touched = [card.policy_id for card in cards if insurance in card.touches]
        if absent and touched:
            gap = {"insurance": insurance, "months": absent, "policies": touched}
            warnings.append(Said("months_without_rows", gap))
    return warnings


def read_by(cards: Sequence[PolicyCard]) -> dict[str, list[str]]:
    """Name the policies by each kind that they read and each insurance that touches them."""
    found: dict[str, list[str]] = {}
    for card in cards:
        for name in {*card.reads, *card.touches}:
            found.setdefault(name, []).append(card.policy_id)
    return found


def list_warnings(cards: Sequence[PolicyCard], lists_delivered: Collection[str]) -> list[Said]:
    """Warn of a list of good standing that has no row at all, naming the policies that use it."""
    touched = [card.policy_id for card in cards if STANDING_PROVISION in card.provision_names]
    if not touched:
        return []
    return [
        Said("list_without_rows", {"list": name, "policies": touched})
        for name in STANDING_LISTS
        if name not in lists_delivered
    ]
