"""The cards and rules that a run was made by, as its home keeps them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flows.store import Home, read_inputs
from sql.texts import (
    NO_CARDS,
    exclusions,
    grain_of,
    policy_cards,
    policy_path,
    shared_parameters,
    sql_text,
)
from transforms.errors import DigestDiffersError, RuleError
from transforms.money.exclusion_file import Exclusion, parse_exclusions
from transforms.policies.cards import PolicyCard, parse_card, parse_shared
from transforms.policies.parameters import Parameter

FOLDER, NUMBERS = "sql/", "sql/parameters.yaml"
CARDS = "sql/policies/"
EXCLUSIONS = "sql/policies/exclusions.yaml"
# What a text of then may be for the program of today.
UNREADABLE = (RuleError, KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Law:
    """Policy cards, the numbers that several use, and texts of rules where they are not today's.

    `is_todays`: nothing in it was changed since; `is_of_run`: it is what the run was made by.
    """

    cards: Mapping[str, PolicyCard]
    shared: Mapping[str, Parameter]
    texts: Mapping[str, str]
    is_todays: bool
    is_of_run: bool

    def rule(self, policy: str) -> str:
        """Return the SQL of a policy."""
        path = policy_path(policy)
        return self.texts.get(f"{FOLDER}{path}") or sql_text(path)

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """Return which policies exclude each other; today's where those of then can't be read."""
        text = self.texts.get(EXCLUSIONS)
        with suppress(*UNREADABLE):
            return parse_exclusions(text) if text else exclusions()
        return exclusions()

    def grain(self, policy: str) -> str:
        """Return which rows a policy determines."""
        return grain_of(self.rule(policy))


def law_of(home: Home, manifest: Mapping[str, Any]) -> Law:
    """Read the law that a run was made by; today's where its home does not keep it, or as it was.

    A card of then that today's program can't read is taken as it is today.
    """
    today = Law(policy_cards(), shared_parameters(), {}, is_todays=True, is_of_run=True)
    try:
        texts = read_inputs(home, manifest["made_by"]["inputs"])["texts"]
        stored = {path: texts[path] for path in texts if path.startswith((CARDS, NUMBERS))}
        if stored == {path: text for path, text in _today(stored)}:
            return today
        shared = parse_shared(texts[NUMBERS])
    except (*UNREADABLE, DigestDiffersError):
        return Law(today.cards, today.shared, {}, is_todays=False, is_of_run=False)
    cards, is_of_run = dict[str, PolicyCard](), True
    for name in sorted(path[len(CARDS) : -5] for path in stored if path.endswith(".yaml")):
        if name in NO_CARDS or f"{CARDS}{name}.sql" not in stored:
            continue
        try:
            cards[name] = parse_card(stored[f"{CARDS}{name}.yaml"], shared)
        except UNREADABLE:
            is_of_run = False
            cards |= {name: today.cards[name]} if name in today.cards else {}
    return Law(cards, shared, stored, is_todays=False, is_of_run=is_of_run)


def _today(stored: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in stored:
        try:
            yield path, sql_text(path.removeprefix(FOLDER))
        except FileNotFoundError:
            return
    for name in policy_cards():
        for suffix in ("sql", "yaml"):
            yield f"{CARDS}{name}.{suffix}", sql_text(f"policies/{name}.{suffix}")
