"""The form of a policy card: its words, and the names that each of them may say."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from transforms.errors import RuleError
from transforms.extracts.kinds import KINDS
from transforms.strict_yaml import check_known, check_words

ITEM_COUNT = 24
PROVISION = re.compile(r"(s[0-9]+|g)_")
KINDS_OF_POLICY = ("payment", "relief", "referral", "warning")
# recent_month: months before the as-of month, whatever their year (monitoring has no reach).
PERIODS = ("year", "month", "as_of_month", "last_month", "recent_month", "fee_year")
LIST_SAYS = ("purpose", "basis", "facts")
MUST_SAY = (
    *("policy", "title", "item", "kind", "bureau", "authority", "clause", "guide", "in_force"),
    *("period", "subject", "beneficiary", "reads", "provisions"),
)
MAY_SAY = (
    *("fund", "universe", "amount_cap", "list", "needs", "touches", "support_types", "uses"),
    *("parameters", "rows"),
)
# Of one bare word each letter would be taken for a word.
LISTS = ("reads", "rows", "touches", "support_types", "uses", "insurances")
TEXTS = ("title", "fund", "bureau", "authority", "clause", "guide")
PARTIES = ("person", "employer", "household")
# Whose rows a `rows` entry means, and by which side of a determination they are found.
SIDES_OF_ROLE = {
    "subject": ("subject",),
    "subject_as_legal_rep": ("subject",),
    "household": ("subject",),
    "household_as_legal_rep": ("subject",),
    "beneficiary": ("beneficiary",),
    "both": ("subject", "beneficiary"),
}
NEEDED_MONTHS = ("any", "month_before", "two_months_before", "base_year")
# What rests on the rows of a card; the universe where a `rows` entry does not say.
PARTS_OF_CARD, PARTS_OF_PROVISION = ("universe", "amount"), ("dates",)
ROW_MONTHS = ("period", "to_period", "base_year", "month_before")


def period_form(period: str) -> str:
    """Return how a period is written of a policy whose card says this.

    >>> period_form("fee_year"), period_form("recent_month")
    ('2020', '2020-03')
    """
    return "2020" if period.endswith("year") else "2020-03"


def check_form(entry: Any) -> None:
    """Hold a card as read to its words.

    Raises:  RuleError naming the card, the place and the word
    """
    check_words(entry, MUST_SAY, MAY_SAY, "policy")
    where = f"policy {entry['policy']}"
    _check_values(where, entry)
    for name in ("subject", "beneficiary"):
        check_known(entry[name], PARTIES, f"{where}: {name}")
    _check_kind(where, entry)
    check_known(entry["reads"], KINDS, f"{where}: reads")
    insurances, granted = _codes("contributions", "insurance"), _codes("support", "support_type")
    granted += _codes("unemployment_benefits", "benefit_type")
    check_known(entry.get("touches", ()), insurances, f"{where}: touches")
    check_known(entry.get("support_types", ()), granted, f"{where}: support_types")
    if "needs" in entry:
        check_words(entry["needs"], ("insurances", "months"), (), f"{where}: needs")
        check_known(entry["needs"]["insurances"], insurances, f"{where}: needs, insurances")
        check_known(entry["needs"]["months"], NEEDED_MONTHS, f"{where}: needs, months")
    if "list" in entry:
        check_words(entry["list"], LIST_SAYS, ("order", "series"), f"{where}: list")
    _check_span(where, entry["in_force"])
    _check_rows(f"{where}: rows", entry.get("rows", ()), PARTS_OF_CARD)
    for name, provision in entry["provisions"].items():
        place = f"{where}: provision {name}"
        if not PROVISION.match(name):
            raise RuleError(f"{place}: its name must begin with s<number>_ or g_")
        check_words(provision, ("title", "holds", "clause"), ("facts", "rows", "limit"), place)
        _check_provision(place, provision)
        _check_rows(place, provision.get("rows", ()), PARTS_OF_PROVISION)


def _check_values(where: str, entry: Mapping[str, Any]) -> None:
    needs = entry["needs"] if isinstance(entry.get("needs"), Mapping) else {}
    for name, listed in (*entry.items(), *needs.items()):
        if name in LISTS and not isinstance(listed, list):
            raise RuleError(f"{where}: {name} is a list: [{listed}]")
    for name in (name for name in TEXTS if name in entry):
        _check_text(f"{where}: {name}", entry[name])
    if type(entry["item"]) is not int or not 1 <= entry["item"] <= ITEM_COUNT:
        raise RuleError(f"{where}: item is the number of an item of the annex, 1 to {ITEM_COUNT}")


def _check_provision(place: str, provision: Mapping[str, Any]) -> None:
    for said in ("title", "clause"):
        _check_text(f"{place}: {said}", provision[said])
    for listed in (listed for listed in ("facts", "rows") if listed in provision):
        if not isinstance(provision[listed], list):
            raise RuleError(f"{place}: {listed} is a list: [{provision[listed]}]")


def _check_text(where: str, said: Any) -> None:
    if not isinstance(said, str) or not said.strip():
        raise RuleError(f"{where} is empty, or no text")


def _codes(kind: str, column: str) -> tuple[str, ...]:
    return KINDS[kind].column_named[column].codes


def _check_kind(where: str, entry: Mapping[str, Any]) -> None:
    kind, pays = entry["kind"], entry["kind"] == "payment"
    check_known(kind, KINDS_OF_POLICY, f"{where}: kind")
    check_known(entry["period"], PERIODS, f"{where}: period")
    if pays != ("fund" in entry) or pays != ("rows" in entry) or pays == ("list" in entry):
        raise RuleError(f"{where}: a payment has a fund and rows, what pays nothing a list")
    if (kind in ("payment", "relief")) != ("amount_cap" in entry):
        raise RuleError(f"{where}: a payment and a relief have an amount_cap, no other")
    if pays and entry["beneficiary"] == "household":
        raise RuleError(f"{where}: a household has no account: pay a person or an employer")


def _check_span(where: str, span: Any) -> None:
    check_words(span, ("from", "to", "tail_months"), ("reading",), f"{where}: in_force")
    first, last = span["from"], span["to"]
    if type(first) is not date or type(last) not in (date, type(None)) or (last and last < first):
        raise RuleError(f"{where}: in_force from {first} to {last}: days YYYY-MM-DD, in order")
    if type(span["tail_months"]) is not int or span["tail_months"] < 0:
        raise RuleError(f"{where}: in_force: tail_months is a whole number")
    if type(span.get("reading", False)) is not bool:
        raise RuleError(f"{where}: in_force: reading is {span['reading']}, not true or false")


def _check_rows(where: str, rows: Any, parts: Collection[str]) -> None:
    for row in rows:
        check_words(row, ("kind", "of"), ("only", "months", "by", "for"), where)
        check_known(row.get("for", ()), parts, f"{where}: rows of {row['kind']}, for")
        check_known(row["kind"], KINDS, f"{where}: rows of kind")
        check_known(row["of"], SIDES_OF_ROLE, f"{where}: rows of")
        columns, place = KINDS[row["kind"]].column_named, f"{where}: rows of {row['kind']}, only"
        check_known(row.get("only", {}), columns, place)
        check_known(row.get("by", ()), columns, f"{where}: rows of {row['kind']}, by")
        for column, said in row.get("only", {}).items():
            if not isinstance(said, list):
                raise RuleError(f"{place} {column} is a list: [{said}]")
            check_known(said, columns[column].codes or said, f"{place} {column}")
        months = row.get("months", "period")
        if not (isinstance(months, list) and [type(month) for month in months] == [int, int]):
            check_known(months, ROW_MONTHS, f"{where}: rows of {row['kind']}, months")
