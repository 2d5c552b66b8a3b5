"""Excluding evidence: the rows whose absence can pay, as the policy cards declare them."""

from collections.abc import Iterable, Mapping
from typing import Any

from transforms.policies.cards import ABSENCE, PolicyCard

Only = Mapping[str, tuple[Any, ...]]


def excluding_rows(cards: Iterable[PolicyCard]) -> dict[str, tuple[Only, ...]]:
    """Return the rows by whose absence provisions of payments hold, by kind of extract.

    Rows:    returns  a row of a kind is such one if for one entry all columns hold a word of it;
             an entry without columns means every row
    Source:  rulebook §4b

    >>> excluding_rows([])
    {}
    """
    found: dict[str, set[tuple[tuple[str, tuple[Any, ...]], ...]]] = {}
    for card in cards:
        for provision in card.provisions:
            if card.kind == "payment" and provision.holds == ABSENCE:
                for spec in provision.rows:
                    only = spec.get("only", {})
                    entry = tuple(sorted((name, tuple(words)) for name, words in only.items()))
                    found.setdefault(spec["kind"], set()).add(entry)
    return {
        kind: tuple(dict(entry) for entry in sorted(entries))
        for kind, entries in sorted(found.items())
    }
