"""How an amount came about: the rule's own formula, and every number that went into it."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from transforms.amounts import is_amount, yuan_text
from transforms.answers.explanation import NO_MONEY, cell_words
from transforms.answers.open_questions import fact_label
from transforms.policies.card_text import value_text
from transforms.policies.parameters import Parameter, day_of
from transforms.words import Language, word

AMOUNT = re.compile(r"\bas amount_fen\b")
NAME = re.compile(r"\$?\b[a-z][a-z_0-9]*\b")
# What a rule reckons a fact as: a call of a function, beside which there is nothing else.
REST = re.compile(r"(?<=, )([a-z_]+\((?:[^()]|\([^()]*\))*\)) as ((?!amount_fen)[a-z_]+_fen)\b")
PART = re.compile(r"_(numerator|denominator)$")


def amount_with_numbers(
    sql: str,
    row: Mapping[str, Any],
    used: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Parameter],
    as_of: date,
) -> dict[str, Any]:
    """Return the formula of a policy's amount with the facts and parameters it names.

    Rows:    row   the policy's own row; used: the parameters as the run's manifest lists them
    Units:   fen in facts `*_fen`; parameters as their cards write them
    """
    words, written = amount_text(sql)
    formula = in_facts(written, sql)
    # A formula that is one fact, as written: the row has it as its amount.
    row = {**({formula: row["amount_fen"]} if formula.isidentifier() else {}), **row}
    numbers: list[dict[str, Any]] = []
    for name in dict.fromkeys(NAME.findall(formula)):
        plain_name = PART.split(name.removeprefix("$"))[0]
        if name in row:
            numbers.append({"name": name, "value": row[name]})
        elif name.startswith("$") and plain_name not in [one["name"] for one in numbers]:
            numbers += _taken(plain_name, row, used, parameters, as_of)
    return {"words": words, "formula": formula, "numbers": numbers, "fen": row["amount_fen"]}


def numbers_taken(
    rows: Sequence[Mapping[str, Any]],
    used: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Parameter],
    as_of: date,
) -> list[Mapping[str, Any]]:
    """Return of the numbers that a run used those that some rows took; all, where none is shown."""
    names = {entry["name"] for entry in used}
    taken = {
        (one["name"], one["from"])
        for row in rows
        for name in names
        for one in _taken(name, row, used, parameters, as_of)
    }
    return [one for one in used if not rows or (one["name"], one["from"]) in taken]


def in_facts(formula: str, sql: str) -> str:
    """Put into a formula the names of facts for what the rule reckons them as.

    >>> in_facts("f(a, b) - 1", "a,\\n    f(a, b)\\n    as a_fen,\\n    $b as b_fen")
    'a_fen - 1'
    """
    for reckoned, fact in REST.findall(" ".join(sql.split())):
        formula = formula.replace(reckoned, fact)
    return formula


def amount_text(sql: str) -> tuple[str, str]:
    """Return the clause above a policy's amount, and its formula, as the rule writes them.

    >>> amount_text("select\\n    a,\\n    -- half\\n    half_up(a, 2)\\n        as amount_fen,")
    ('half', 'half_up(a, 2)')
    """
    lines = [line.strip() for line in sql.splitlines()]
    end = next(n for n, line in enumerate(lines) if AMOUNT.search(line) and line[:2] != "--")
    start = end
    while not lines[start - 1].endswith(",") and lines[start - 1][:2] not in ("--", "se"):
        start -= 1
    above = start
    while lines[above - 1].startswith("--"):
        above -= 1
    words = " ".join(line.removeprefix("--").strip() for line in lines[above:start])
    return words, AMOUNT.split(" ".join(lines[start : end + 1]))[0].strip()


def _taken(
    name: str,
    row: Mapping[str, Any],
    used: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Parameter],
    as_of: date,
) -> list[dict[str, Any]]:
    """Return the value of a parameter that a row took: that of the last day not after its own."""
    values = [entry for entry in used if entry["name"] == name]
    day = day_of(parameters[name].on, row, as_of) if name in parameters else None
    if day is not None and len(values) > 1:
        values = [entry for entry in values if entry["from"] <= day.isoformat()][-1:]
    words = ("name", "title", "value", "unit", "from", "source", "confirmed")
    return [{word: entry[word] for word in words if word in entry} for entry in values]


def formula_lines(formula: Mapping[str, Any], language: Language) -> list[str]:
    """Write how an amount came about: the formula, and each number that it took."""
    if formula["formula"] == NO_MONEY:
        return []
    numbers = ", ".join(_number_text(one, language) for one in formula["numbers"])
    amount = word("value_unknown", language)
    if formula["fen"] is not None:
        amount = f"{yuan_text(formula['fen'])} 元"
    told = f"{formula['formula']} = {amount}" + (f"  ({numbers})" if numbers else "")
    return [f"  formula      {told}"]


def _number_text(number: Mapping[str, Any], language: Language) -> str:
    """Write a number of a formula: of the law or of the facts, an amount always in yuan.

    >>> _number_text({"name": "self_paid_fen", "value": 10000}, "zh")
    '本人缴费金额 self_paid_fen=100.00 元'
    >>> _number_text({"name": "minimum_wage_fen", "unit": "yuan", "value": "1910.00"}, "en")
    'minimum_wage_fen=1910.00 元'
    """
    name, value = number["name"], number["value"]
    if "unit" in number:
        value = value_text(number, language)
    elif is_amount(name) and value is not None:
        value = f"{yuan_text(value)} 元"
    elif language == "zh":
        value = cell_words(name, value)
    title = number.get("title") or fact_label(name)
    named = f"{title} {name}" if language == "zh" and title != name else name
    return f"{named}={value}"
