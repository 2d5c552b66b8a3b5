"""The lines of a batch with what explains each: the words once a policy, the cells line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import polars as pl
from markupsafe import Markup

from transforms.answers.amount import NAME, amount_text, amount_with_numbers, in_facts
from transforms.answers.dossier import (
    chinese_part,
    functions_in,
    other_facts,
)
from transforms.answers.explanation import KEY, cell_words, clerk_answers, explain_row, plain
from transforms.answers.open_questions import fact_label
from transforms.answers.page import render_page
from transforms.answers.source_rows import PLACE
from transforms.policies.cards import PolicyCard

NO_ROWS = pl.DataFrame(schema=dict.fromkeys(PLACE, pl.String()))
ROW = "line_row"


@dataclass(frozen=True)
class Rule:
    """What a run knew of a policy: its card, the text of its rule, the numbers that it used."""

    card: PolicyCard
    sql: str
    used: Sequence[Mapping[str, Any]]
    as_of: date


def packed(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Write a column short: its values, or each value once and which stands where.

    >>> packed(["a", "a", "a"]), packed(["a", "b"])
    ({'w': ['a'], 'at': [0, 0, 0]}, {'v': ['a', 'b']})
    """
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(places) * 2 > len(values):
        return {"v": list(values)}
    return {"w": list(places), "at": [places[value] for value in values]}


def explained_block(
    rule: Rule, policy_rows: pl.DataFrame | None, lines: pl.DataFrame
) -> dict[str, Any]:
    """Explain the lines of one policy.

    Rows:    policy_rows  the policy's own rows: keys, provisions, amount, facts; lines: KEY
             returns      `shapes`: HTML with a place for each cell; `shape`: which of them is
                          each line's, None where no row is; `cells`: by name each line's text
    Holds:   the words are those of the dossier; what differs from line to line is a cell
    """
    if policy_rows is None or not {*rule.card.provision_names} <= {*policy_rows.columns}:
        return {"shapes": [], "shape": packed([None] * lines.height), "cells": {}}
    rows = (
        lines.select(KEY)
        .with_row_index(ROW)
        .join(policy_rows, on=KEY, how="inner", validate="1:1", maintain_order="left")
    )
    shapes: dict[str, int] = {}
    shape_of: dict[int, int] = {}
    for found in _alike(rule, rows).iter_rows(named=True):
        shaped = _shape(rule, rows.drop(ROW).row(found["place"], named=True))
        shape_of |= dict.fromkeys(found[ROW], shapes.setdefault(shaped, len(shapes)))
    shape = packed([shape_of.get(row) for row in range(lines.height)])
    return {"shapes": list(shapes), "shape": shape, "cells": _cells(rule, rows, lines.height)}


def _cells(rule: Rule, rows: pl.DataFrame, count: int) -> dict[str, Any]:
    """Word every fact of every line; a line without a row has none."""
    at = rows[ROW].to_list()
    apart = {*KEY, *rule.card.provision_names, "clerk_answers", ROW}
    columns = {
        name: _texts(rows[name], partial(cell_words, name))
        for name in rows.columns
        if name not in apart
    }
    answered = [
        clerk_answers({"clerk_answers": found}) for found in rows["clerk_answers"].to_list()
    ]
    for name in dict.fromkeys(provision for found in answered for provision in found):
        columns[f"answer {name}"] = [found.get(name, "") for found in answered]
    cells = {}
    for name, texts in columns.items():
        of_row = dict(zip(at, texts, strict=True))
        cells[name] = packed([of_row.get(row, "") for row in range(count)])
    return cells


def _texts(column: pl.Series, worded: Any) -> list[str]:
    values = column.to_list()
    texts = {value: worded(plain(value)) for value in dict.fromkeys(values)}
    return [texts[value] for value in values]


def _alike(rule: Rule, rows: pl.DataFrame) -> pl.DataFrame:
    """Group lines that read alike: the same truth, the same answers, the same days of numbers."""
    formula = in_facts(amount_text(rule.sql)[1], rule.sql)
    named = {name.removeprefix("$") for name in NAME.findall(formula)}
    days = {
        parameter.on
        for name, parameter in rule.card.parameters.items()
        if any(one == name or one.startswith(f"{name}_") for one in named)
    }
    answered = pl.col("clerk_answers").list.eval(pl.element().str.split("=").list.first())
    columns = [*rule.card.provision_names, *sorted(days & {*rows.columns}), "period"]
    return (
        rows.with_columns(
            pl.int_range(pl.len()).alias("place"), answered.list.join(",").alias("said")
        )
        .group_by(*dict.fromkeys(columns), "said", maintain_order=True)
        .agg(ROW, pl.col("place").first())
    )


def _shape(rule: Rule, row: Mapping[str, Any]) -> str:
    """Render what explains a line, a _slot where a cell stands."""
    decided = {"outcome": "", "amount_fen": row["amount_fen"], "reason_codes": ()}
    explained = explain_row(row, decided, rule.card, lambda _spec, _row: NO_ROWS)
    for entry in explained["provisions"]:
        if entry["clerk_answer"]:
            entry["clerk_answer"] = _slot(f"answer {entry['provision']}")
    formula = amount_with_numbers(rule.sql, row, rule.used, rule.card.parameters, rule.as_of)
    return render_page(
        "review_line.html.j2",
        row={**explained, "formula": formula},
        chinese=chinese_part,
        cell=_slot,
        label=fact_label,
        functions=functions_in,
        other_facts=other_facts,
    )


def _slot(name: str, _value: Any = None) -> Markup:
    """Return the place of a cell: the page's script puts the line's text there."""
    return Markup('<span data-cell="{}"></span>').format(name)
