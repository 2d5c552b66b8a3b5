"""Runs golden cases through the engine and compares what came out with what must."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

from flows.night.determine import Determined, determine
from sql import KEY_COLUMNS
from sql.texts import policy_cards, shared_parameters
from tests.rules.golden import (
    BACKGROUND,
    Case,
    fen,
    keys_in,
    paid_lines_of,
    policy_names,
    read_cases,
    tables_of,
)
from transforms.amounts import yuan_text
from transforms.policies.cards import PolicyCard
from transforms.policies.parameters import Parameter

Row = tuple[str, str, str]
Determination = tuple[str, int, tuple[str, ...]]
NO_ROWS = pl.DataFrame(schema=dict.fromkeys(KEY_COLUMNS, pl.String()))


def background(as_of: date, missing: tuple[str, ...] = ()) -> Case:
    """Make an ordinary insured employee of another employer, so that no month is without rows."""
    return Case(
        policy="",
        number=BACKGROUND,
        sentence="路人",
        as_of=as_of,
        rows={
            "unit": {"insured_units": "U1"},
            "paid": {
                "contributions": "路人",
                "at": "U1",
                "for": "养老 医疗 失业",
                "months": f"201812..{as_of:%Y%m}",
            },
        },
        people={},
        missing=missing,
        parameters=(),
        alone=False,
        expect=None,
    )


@cache
def cases_of(policy: str) -> list[Case]:
    """Return the cases of one policy."""
    return read_cases(policy)


def all_cases() -> list[Case]:
    """Return the cases of all policies."""
    return [case for policy in policy_names() for case in cases_of(policy)]


def group_of(case: Case) -> list[Case]:
    """Return the cases that stand in one database with this one, and the background."""
    together = [other for other in cases_of(case.policy) if other.group == case.group]
    return together if case.alone else [*together, background(case.as_of)]


@contextmanager
def changed_parameters(policy: str, parameters: Mapping[str, str]) -> Iterator[None]:
    """Replace values of a policy's own or shared parameters while the engine runs."""
    if not parameters:
        yield
        return
    card = card_with(policy_cards()[policy], parameters)
    cards = {**policy_cards(), policy: card}
    shared = {name: card.parameters.get(name, old) for name, old in shared_parameters().items()}
    with (
        patch("flows.night.determine.policy_cards", lambda: cards),
        patch("sql.shared_parameters", lambda: shared),
    ):
        yield


def card_with(card: PolicyCard, parameters: Mapping[str, str]) -> PolicyCard:
    """Return a card whose named parameters hold one other value."""
    values: dict[str, Parameter] = dict(card.parameters)
    for name, value in parameters.items():
        assert name in values, f"{card.policy_id} has no parameter {name}"
        values[name] = replace(
            values[name], values=tuple(replace(old, value=value) for old in values[name].values)
        )
    return replace(card, parameters=values)


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> dict[str, list[Path]]:
    """Write tables as a snapshot holds them."""
    paths = {}
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
        paths[name] = [folder / f"{name}.parquet"]
    return paths


def run_cases(cases: list[Case], only: list[str], threads: int = 1) -> Determined:
    """Run the engine over the tables of cases that belong to one group."""
    case = cases[0]
    with tempfile.TemporaryDirectory() as folder:
        paths = write_tables(tables_of(cases, case.missing), Path(folder))
        with changed_parameters(case.policy, dict(case.parameters)):
            return determine(paths, case.as_of, paid_lines_of(cases), threads=threads, only=only)


@cache
def run_group(policy: str, number: int) -> Determined:
    """Run one group, named by its first case, once for all of its tests."""
    case = next(case for case in cases_of(policy) if case.number == number)
    return run_cases(group_of(case), [policy])


def determined_of(case: Case) -> Determined:
    """Return the run that a case stands in."""
    return run_group(case.policy, group_of(case)[0].number)


def rows_of(case: Case, determinations: pl.DataFrame) -> dict[Row, Determination]:
    """Return the determinations of one case by (period, subject, beneficiary) symbols."""
    return {
        key: (row["outcome"], row["amount_fen"], tuple(row["reason_codes"]))
        for key, row in own_rows(case, determinations).items()
    }


def own_rows(case: Case, rows: pl.DataFrame) -> dict[Row, dict[str, Any]]:
    """Return the rows of one case by (period, subject, beneficiary) symbols."""
    return {
        (
            row["period"],
            symbol_of(case, row["subject_id"]),
            symbol_of(case, row["beneficiary_id"]),
        ): row
        for row in rows.iter_rows(named=True)
        if case_number_of(row["subject_kind"], row["subject_id"]) == case.number
    }


def symbol_of(case: Case, known: str) -> str:
    """Return the symbol of an id in a case; a household's is what follows its case number."""
    return next((symbol for symbol, other in case.ids.items() if other == known), known[5:])


def case_number_of(kind: str, identifier: str) -> int:
    """Read the case number from an id: its division code, or a household's first digits."""
    start = {"person": 2, "employer": 4, "household": 0}[kind]
    return int(identifier[start : start + 4])


def judge(case: Case, determined: Determined) -> list[str]:
    """Return what differs between the determinations of a case and what it expects."""
    expect = case.expect
    status = determined.policies[case.policy]
    if isinstance(expect, str) and expect.startswith("not_run"):
        wanted = expect.removeprefix("not_run").split()
        told = all(word in str(status.reason) for word in wanted)
        held = status.status == "not_run" and told
        return [] if held else [f"expected {expect}, got {status.status} {status.reason}"]
    if status.status != "ran":
        return [f"the policy did not run: {status.reason}"]
    told = judge_rows(case, determined.determinations)
    return told + judge_facts(case, determined.policy_rows(case.policy) if case.facts else NO_ROWS)


def judge_facts(case: Case, rows: pl.DataFrame) -> list[str]:
    """Return what differs between the facts that a case expects and those of the policy's rows."""
    told, own = [], own_rows(case, rows)
    is_keyed = all(isinstance(facts, dict) for facts in case.facts.values())
    for key, facts in (case.facts if is_keyed else {"": case.facts}).items():
        for wanted in keys_in(key):
            matching = [row for found, row in own.items() if _matches(wanted, found)]
            if len(matching) != 1:
                told.append(f"facts of {wanted}: {len(matching)} rows of {sorted(own)}")
            told += [
                f"{name}: expected {fact!r}, got {shown!r}"
                for row in matching
                for name, fact in facts.items()
                if (shown := _shown(case, row, name)) != fact
            ]
    return told


def _shown(case: Case, row: Mapping[str, Any], name: str) -> str:
    if name.endswith("_yuan"):
        return yuan_text(row[name.removesuffix("yuan") + "fen"])
    fact = row[name]
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    text = "" if fact is None else str(fact)
    return symbol_of(case, text) if text in case.ids.values() else text


def judge_rows(case: Case, determinations: pl.DataFrame) -> list[str]:
    """Return what differs, for a policy that ran."""
    expect, rows = case.expect, rows_of(case, determinations)
    if expect == "none":
        return [f"expected no row, got {key}: {rows[key]}" for key in rows]
    if isinstance(expect, str):
        if len(rows) != 1:
            return [f"expected one row, got {len(rows)}: {rows}"]
        return _difference(next(iter(rows)), expect, next(iter(rows.values())))
    return _judge_map(dict(expect), rows)


def _judge_map(expect: dict[str, str], rows: dict[Row, Determination]) -> list[str]:
    rest = expect.pop("rest", "none")
    told: list[str] = []
    for key, sentence in expect.items():
        for wanted in keys_in(key):
            matching = [row for row in rows if _matches(wanted, row)]
            if sentence == "none":
                told += [f"expected no row {wanted}, got {row}" for row in matching]
            elif len(matching) != 1:
                told.append(f"expected one row {wanted}, got {matching} of {sorted(rows)}")
            for row in matching:
                told += _difference(row, sentence, rows.pop(row))
    if rest == "none":
        told += [f"expected no other row, got {row}: {rows[row]}" for row in rows]
    return told


def _matches(wanted: tuple[str | None, str | None, str | None], row: Row) -> bool:
    return all(part is None or part == cell for part, cell in zip(wanted, row, strict=True))


def _difference(key: Row, sentence: str, found: Determination) -> list[str]:
    if sentence == "none":
        return []
    outcome, *words = sentence.split()
    amount = fen(words[0]) if outcome == "eligible" and words else 0
    reasons = () if outcome == "eligible" else tuple(sorted(words))
    wanted = (outcome, amount, reasons)
    return [] if wanted == found else [f"{key}: expected {wanted}, got {found}"]


def case_id(case: Case) -> str:
    """Name a case in reports."""
    return f"{case.policy}: {case.sentence}"
