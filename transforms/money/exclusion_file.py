"""The file that says which policies exclude each other (sql/policies/exclusions.yaml)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.errors import RuleError
from transforms.policies.cards import PolicyCard
from transforms.strict_yaml import check_known, check_words, read_yaml

FORMS = ("larger_stands", "clerk_decides")


@dataclass(frozen=True)
class Exclusion:
    """One rule of exclusion: how it is settled, between which policies, by what authority."""

    exclusion: str
    form: str
    policies: tuple[str, ...]
    authority: str


def parse_exclusions(text: str) -> tuple[Exclusion, ...]:
    """Read the exclusions; each has a form that exists, its policies and its authority.

    Raises:  RuleError if not
    """
    content = read_yaml(text)
    check_words(content, ("exclusions",), (), "exclusions")
    found = tuple(_exclusion(entry) for entry in content["exclusions"])
    names = [one.exclusion for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RuleError(f"exclusion {', '.join(twice)} stands twice")
    return found


def _exclusion(entry: Mapping[str, Any]) -> Exclusion:
    check_words(entry, ("exclusion", "form", "policies", "authority"), (), "exclusions")
    where, policies = f"exclusion {entry['exclusion']}", entry["policies"]
    if entry["form"] not in FORMS:
        raise RuleError(f"{where}: form {entry['form']} is none of {', '.join(FORMS)}")
    if not isinstance(policies, list):
        raise RuleError(f"{where}: policies is a list: [{policies}]")
    if not entry["authority"] or len(policies) < 2 or len(set(policies)) < len(policies):
        raise RuleError(f"{where}: needs an authority and two policies or more, each once")
    return Exclusion(entry["exclusion"], entry["form"], tuple(policies), entry["authority"].strip())


def rivals_of(policy: str, exclusions: Iterable[Exclusion], form: str = "") -> set[str]:
    """Return a policy and those that exclude it: by exclusions of one form, or by any.

    >>> rivals_of("a", [Exclusion("x", "larger_stands", ("a", "b"), "law")], "clerk_decides")
    {'a'}
    """
    listed = (one.policies for one in exclusions if one.form == form or not form)
    return {policy}.union(*(policies for policies in listed if policy in policies))


def check_exclusions(exclusions: Iterable[Exclusion], cards: Mapping[str, PolicyCard]) -> None:
    """Hold exclusions to the policies: of another grain, they would exclude nothing.

    Raises:  RuleError naming the exclusion and the policies
    """
    for one in exclusions:
        where = f"exclusion {one.exclusion}"
        check_known(list(one.policies), cards, where)
        grains = {
            (card.subject, card.period) + ((card.beneficiary,) if one.form == FORMS[0] else ())
            for card in (cards[name] for name in one.policies)
        }
        if len(grains) > 1 or (one.form == FORMS[1] and grains != {("person", "month")}):
            raise RuleError(f"{where}: {', '.join(one.policies)} are not of one subject and period")
