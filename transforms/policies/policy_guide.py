"""docs/policies.md: the annex of the notice, item by item, and every policy card; generated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transforms.errors import RuleError
from transforms.extracts.kinds import heading
from transforms.policies.card_form import ITEM_COUNT
from transforms.policies.card_text import confirmation, describe_card, said_value, span_text
from transforms.policies.cards import PolicyCard
from transforms.strict_yaml import read_yaml
from transforms.words import word

WORDS = {
    "policy": "pays",
    "list": "list",
    "warning": "warning",
    "figure": "figure",
    "none": "not computed",
}
INTRODUCTION = """# Policies

What the product does for each of the 24 items of the annex of 川政发〔2020〕3号, and every policy
with its clauses and numbers. Made from `sql/policies/*.yaml` and `sql/policies/annex.yaml`
by `python -m flows.answers.policy_guide`; a test compares. Do not edit it by hand.

- **pays**: eligible rows become entitlements, and draft batches that the finance bureau releases.
- **list**: nothing is paid. Each run writes two editions with the same numbers:
  `lists/<policy>.internal.xlsx` and `.csv` for the bureau in charge, with ids, names, facts,
  purpose and legal basis; `lists/<policy>.xlsx` and `.csv` for everybody else: persons appear as
  `370302********1234` and 张\\*, households by their last two characters, nothing else is said of
  them. Employers are never masked: their register is public. What is undetermined stands apart.
- **warning**: a list too: a bureau looks into it. An amount is money at stake, never a claim.
- **figure**: the run says how much, of all together.
- **not computed**: no extract holds what the rule asks, or there is no rule; the reason is given.

A provision **holds by presence** where rows must be there for it, **by absence** where rows must
not: then a row that vanishes can make it true, so the gate `extracts` compares those rows with the
last finished night (see [gates.md](gates.md)).

UNCONFIRMED marks a number that is a reading: no bureau has confirmed it, and every batch that used
it says so.

**taken on** is the day that decides which of a number's values holds: `as_of` the run's as-of date,
`year` 1 January of the policy year, `month` the month judged, `day` the day a question asks of, any
other word that date of the row. A month takes the value in force on its first day: one from
2024-03-15 on begins with April. A value added later moves no day before its first one.

How to change a number, and how to write a policy, a list or a household rule:
[authoring.md](authoring.md) ([中文](authoring.zh.md)).
"""


@dataclass(frozen=True)
class AnnexItem:
    """One item of the annex: its task, clause and bureaus, and what the product does for it."""

    number: int
    task: str
    bureaus: str
    clause: str
    does: Sequence[Mapping[str, str]]


def parse_annex(text: str) -> tuple[AnnexItem, ...]:
    """Read the annex, in the order of its items.

    Raises:  RuleError if an item is missing, or an answer of it is none that is known
    """
    entries = read_yaml(text)
    if sorted(entries) != list(range(1, ITEM_COUNT + 1)):
        raise RuleError(f"annex: expected items 1 to {ITEM_COUNT}, found {sorted(entries)}")
    items = []
    for number, entry in sorted(entries.items()):
        unknown = [said["what"] for said in entry["does"] if said["what"] not in WORDS]
        if unknown:
            raise RuleError(f"annex item {number}: unknown answer {unknown}")
        items.append(AnnexItem(number=number, **entry))
    return tuple(items)


def policy_guide(
    annex: Sequence[AnnexItem], cards: Mapping[str, PolicyCard], universes: Mapping[str, str]
) -> str:
    """Write docs/policies.md.

    Holds:   every policy stands under the item that its card names
    Raises:  RuleError if an item has no answer, or a card names no item
    """
    items = with_policies(annex, cards)
    lines = [INTRODUCTION, "## The annex, item by item", "", *_overview(items)]
    for item in items:
        lines += _item_lines(item, cards)
    lines += ["## The policies", ""]
    for name, card in cards.items():
        lines += _card_lines(describe_card(card, universes[name]))
    return "\n".join(lines).rstrip() + "\n"


def with_policies(items: Sequence[AnnexItem], cards: Mapping[str, PolicyCard]) -> list[AnnexItem]:
    """Put each policy before the other answers of the item that its card names.

    Raises:  RuleError if an item has no answer, or a card names no item
    """
    astray = [name for name, card in cards.items() if not 1 <= card.item <= ITEM_COUNT]
    if astray:
        raise RuleError(f"no item of the annex: {', '.join(astray)}")
    answered = []
    for item in items:
        own = [_answer(card) for card in cards.values() if card.item == item.number]
        if not own and not item.does:
            raise RuleError(f"annex item {item.number}: no policy and no answer")
        answered.append(replace(item, does=[*own, *item.does]))
    return answered


def _answer(card: PolicyCard) -> Mapping[str, str]:
    word = {"payment": "policy", "warning": "warning"}.get(card.kind, "list")
    return {"what": word, "policy": card.policy_id, "note": card.guide}


def _overview(items: Sequence[AnnexItem]) -> list[str]:
    lines = ["| item | 重点任务 | what the product does |", "|---|---|---|"]
    for item in items:
        words = "<br>".join(_short(entry) for entry in item.does)
        lines.append(f"| {item.number} | {item.task} | {words} |")
    return [*lines, ""]


def _short(entry: Mapping[str, str]) -> str:
    policy = entry.get("policy")
    named = f" [`{policy}`](#{policy})" if policy else ""
    return f"{WORDS[entry['what']]}{named}"


def _item_lines(item: AnnexItem, cards: Mapping[str, PolicyCard]) -> list[str]:
    lines = [f"### Item {item.number} {item.task}", "", f"> {item.clause}", ""]
    lines += [f"责任单位：{item.bureaus}", ""]
    for entry in item.does:
        title = f" {cards[entry['policy']].title}" if "policy" in entry else ""
        lines.append(f"- **{_short(entry)}**{title}: {entry['note']}")
    return [*lines, ""]


def _card_lines(card: Mapping[str, Any]) -> list[str]:
    paid = f"paid from {card['fund']}" if card["fund"] else f"{card['kind']}: nothing is paid"
    return [
        f'<a id="{card["policy_id"]}"></a>',
        "",
        f"### {card['title']} `{card['policy_id']}`",
        "",
        f"> {card['clause']}",
        "",
        f"- **authority**: {card['authority']}",
        f"- **in force**: {span_text(card['in_force'])}",
        f"- **money**: {paid}; in charge: {card['bureau']}",
        f"- **universe**: {card['universe']}",
        f"- **reads**: {', '.join(card['reads'])}",
        "",
        "| provision | what it asks | holds | 条文 |",
        "|---|---|---|---|",
        *(
            f"| `{entry['provision']}` | {_cell(entry['title'])} | {entry['holds']} "
            f"| {_cell(entry['clause'])} |"
            for entry in card["provisions"]
        ),
        "",
        "| parameter | taken on | from | value | unit | source | |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| `{parameter['name']}` {parameter['title']} | {parameter['on']} | {value['from']} "
            f"| {_value(value['value'])} | {parameter['unit']} | {_cell(value['source'])} "
            f"| {confirmation(value['confirmed'])} |"
            for parameter in card["parameters"]
            for value in parameter["values"]
        ),
        "",
        *(
            line
            for parameter in card["parameters"]
            for value in parameter["values"]
            if isinstance(value["value"], list)
            for line in _table_lines(parameter["name"], value)
        ),
    ]


def _value(value: Any) -> str:
    return "the table below" if isinstance(value, list) else _cell(value)


def _table_lines(name: str, value: Mapping[str, Any]) -> list[str]:
    """Write a parameter that is a list as a table, its headings in both languages."""
    rows: list[Mapping[str, Any]] = value["value"]
    columns = list(rows[0])
    heads = [f"{heading(column)} {word(column, 'en')}" for column in columns]
    return [
        f"`{name}` from {value['from']}:",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(said_value(row[column]) for column in columns)} |" for row in rows),
        "",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
