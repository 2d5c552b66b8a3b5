"""Which rows a card rests on: by whose absence it pays, and which speak against what was paid."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from transforms.policies.cards import ABSENCE, PolicyCard

Only = Mapping[str, tuple[Any, ...]]


def excluding_rows(cards: Iterable[PolicyCard]) -> dict[str, tuple[Only, ...]]:
    """Return the rows by whose absence provisions of payments hold, by kind of extract.

    Rows:    returns  a row of a kind is such one if for one entry all columns hold a word of it;
             an entry without columns means every row; rows that say `for: [dates]` only date what
             is asked, and their absence pays nothing
    Source:  rulebook §4b

    >>> excluding_rows([])
    {}
    """
    found: dict[str, set[tuple[tuple[str, tuple[Any, ...]], ...]]] = {}
    for card in cards:
        for provision in card.provisions:
            if card.kind == "payment" and provision.holds == ABSENCE:
                for spec in (spec for spec in provision.rows if "for" not in spec):
                    only = spec.get("only", {})
                    entry = tuple(sorted((name, tuple(words)) for name, words in only.items()))
                    found.setdefault(spec["kind"], set()).add(entry)
    return {
        kind: tuple(dict(entry) for entry in sorted(entries))
        for kind, entries in sorted(found.items())
    }


def rows_against(card: PolicyCard, reasons: Collection[str] | None) -> list[Mapping[str, Any]]:
    """Return the `rows` entries among which a row can speak against money that was paid.

    `reasons`: the provisions that are not true tonight; none: only the amount is less; None: the
    policy has no such row any more. Of another row, which counts tonight and did not then: the
    provisions that were not true then; None: there was no such row.

    Source:  rulebook §4.4
    """
    if not reasons:
        part = "universe" if reasons is None else "amount"
        return [spec for spec in card.rows if part in spec.get("for", ("universe",))]
    return [spec for p in card.provisions if p.name in reasons for spec in p.rows]
