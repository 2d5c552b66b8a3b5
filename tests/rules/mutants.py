"""Mutation check: every provision negated, every boundary moved by one; do the cases notice?

`make mutants` changes one thing at a time, in a policy, in a fact or question, in one of the
files that all policies share, in a parameter, or in the day from which rows of an extract count,
and runs the golden cases of the policies that rest on it until one fails. A change that no case
notices survives; the exit code is 1 unless `mutants_equivalent.yaml` says why it can't be
noticed. Mutants are named by their text, not by their line, so that the reasons outlast edits.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import polars as pl
import yaml

from flows.night.paid_lines import register_ledger
from sql import FactStore, connect, query, register_frame, register_tables
from sql.card_words import parameters_under
from sql.policy_runs import LIMIT_COLUMN, run_policy
from sql.texts import (
    files_under,
    name_of,
    policy_cards,
    policy_path,
    shared_parameters,
    sql_text,
    words_under,
)
from sql.visible import visible_views
from tests.rules.golden import Case, paid_lines_of, tables_of
from tests.rules.golden_run import cases_of, group_of, judge_facts, judge_rows
from transforms.errors import WuxingError
from transforms.extracts.kinds import KINDS, Kind
from transforms.policies.cards import PolicyCard, plus_months, reach_of
from transforms.policies.parameters import Parameter

EQUIVALENT = Path(__file__).parent.parent / "mutants_equivalent.yaml"
WORKERS = 2
SHARED = ("keyed.sql", "counted.sql", "determination.sql", "macros.sql")
OTHER_SIDE = {"<=": "<", "<": "<=", ">=": ">", ">": ">="}
COMPARISON = re.compile(r"(?<![<>=-])(<=|>=|<|>)(?![<>=])")
BETWEEN = re.compile(r"\bbetween\b(?!\s+unbounded)")
NOT_CODE = re.compile(r"--[^\n]*|'[^']*'")
COUNTED = {"percent", "permille", "bp", "tenths", "months", "years", "days", "persons"}


@dataclass(frozen=True)
class Mutant:
    """One change: the text of one SQL file, one value of a parameter, or the view of one kind.

    `place`: which comparison of the view moves; -1: all rows of the kind are visible.
    """

    name: str
    path: str = ""
    text: str = ""
    parameter: Parameter | None = None
    kind: str = ""
    place: int = -1

    def touches(self, path: str) -> bool:
        """Say whether what an SQL file gives can change."""
        if self.kind:
            return self.kind in words_under(path)
        if self.parameter is not None:
            return any(self.parameter.name in word for word in words_under(path))
        return self.path == "macros.sql" or self.path in {path, *files_under(path)}


def text_mutants(path: str) -> Iterator[Mutant]:
    """Move every comparison of an SQL file by one."""
    text = sql_text(path)
    code = NOT_CODE.sub(lambda found: " " * len(found[0]), text)
    for found in COMPARISON.finditer(code):
        other = OTHER_SIDE[found[0]]
        changed = text[: found.start()] + other + text[found.end() :]
        yield Mutant(_told(text, found.start(), f"{found[0]} -> {other}"), path, changed)
    for found in BETWEEN.finditer(code):
        for side, place in (("lower", found.end()), ("upper", _upper_end(code, found.end()))):
            step = " 1 +" if side == "lower" else " -1 +"
            changed = text[:place] + step + text[place:]
            yield Mutant(_told(text, found.start(), f"{side} end exclusive"), path, changed)


def _told(text: str, place: int, change: str) -> str:
    lines = text[:place].split("\n")
    line = text.split("\n")[len(lines) - 1].strip()
    earlier = sum(other.strip() == line for other in text.split("\n")[: len(lines) - 1])
    again = f" #{earlier + 1}" if earlier else ""
    column = len(lines[-1].lstrip())
    return f"{line}{again} @{column}: {change}"


def _upper_end(code: str, start: int) -> int:
    depth = 0
    for found in re.finditer(r"[()]|\bcase\b|\bend\b|\band\b", code[start:]):
        word = found[0]
        if word == "and" and depth == 0:
            return start + found.end()
        depth += {"(": 1, "case": 1, ")": -1, "end": -1}.get(word, 0)
    raise AssertionError("between without and")


def provision_mutants(card: PolicyCard) -> Iterator[Mutant]:
    """Negate every provision of a policy."""
    for name in card.provision_names:
        is_counted = card.limit and name == card.provision_names[-1]
        path = "counted.sql" if is_counted else policy_path(card.policy_id)
        column = LIMIT_COLUMN if is_counted else name
        kept = f"select * replace (not {column} as {column})"
        yield Mutant(f"not {name}", path, f"{kept} from (\n{sql_text(path)}\n) as unchanged")


def parameter_mutants(parameters: Iterable[Parameter]) -> Iterator[Mutant]:
    """Move every number and date by its smallest unit, in both directions."""
    for parameter in parameters:
        for place, old in enumerate(parameter.values):
            for step in (1, -1):
                value = _moved(parameter.unit, old.value, step)
                if value is not None:
                    values = list(parameter.values)
                    values[place] = replace(old, value=value)
                    name = f"{parameter.name} from {old.since}: {old.value} -> {value}"
                    yield Mutant(name, parameter=replace(parameter, values=tuple(values)))


def visible_mutants(kind: Kind) -> Iterator[Mutant]:
    """Move the day from which a row or a cell of a kind counts; let all rows count."""
    emptied = [f"{one.name} until {one.visible_from}" for one in kind.columns if one.visible_from]
    moments = [moment.column for moment in kind.visible_from]
    for place, asked in enumerate([*emptied, *moments]):
        yield Mutant(f"{kind.name}: {asked} <= D: <= -> <", kind=kind.name, place=place)
    if moments:
        yield Mutant(f"{kind.name}: always", kind=kind.name)


def visible_view(name: str, as_of: date, mutant: Mutant | None = None) -> str:
    """Give the statement that makes a kind's view, changed by a mutant."""
    statement = next(visible_views([KINDS[name]], as_of))
    if mutant is None:
        return statement
    if mutant.place < 0:
        return f"create or replace view {name} as select * from delivered_{name}"
    parts = statement.split("<=")
    before, after = parts[: mutant.place + 1], parts[mutant.place + 1 :]
    return "<=".join(before) + "<" + "<=".join(after)


def _moved(unit: str, value: Any, step: int) -> Any:
    match unit:
        case "yuan":
            moved: Any = str(Decimal(value.replace(" ", "")) + Decimal(step) / 100)
        case "fraction":
            numerator, denominator = str(value).split("/")
            moved = f"{int(numerator) + step}/{denominator}"
        case "date":
            moved = value + timedelta(days=step)
        case "month":
            month = plus_months(date(value // 100, value % 100, 1), step)
            moved = month.year * 100 + month.month
        case "period":
            moved = type(value)(int(value) + step)
        case _:
            moved = value + step if unit in COUNTED else None
    return moved


class Bench:
    """One database with the cases of one policy and as-of date, its facts built."""

    def __init__(self, card: PolicyCard, cases: list[Case]) -> None:
        self.card, self.cases, self.as_of = card, cases, cases[0].as_of
        self.own_parameters = dict(cases[0].parameters)
        self.connection = connect(threads=1)
        tables = tables_of(cases, ())
        register_tables(self.connection, {}, self.as_of)
        for kind, frame in tables.items():
            register_frame(self.connection, f"delivered_{kind}", frame)
        register_ledger(self.connection, paid_lines_of(cases), ())
        self.store = FactStore(self.connection, {}, self.as_of)
        self.unchanged = self.determine(None)
        told = self.judge(self.unchanged)
        assert not told, f"the cases of {card.policy_id} fail before any change: {told[:3]}"

    def notices(self, mutant: Mutant) -> bool:
        """Say whether a case fails, or the engine refuses, under the change."""
        try:
            changed = self.determine(mutant)
        except (WuxingError, duckdb.Error):
            # What the engine refuses (a doubled key, an amount below zero) is noticed; a fault
            # of this check itself is not.
            return True
        same = [one.equals(other) for one, other in zip(changed, self.unchanged, strict=True)]
        return not all(same) and bool(self.judge(changed))

    def judge(self, found: tuple[pl.DataFrame, pl.DataFrame]) -> list[str]:
        """Return what the cases find wrong in determinations and facts."""
        determinations, rows = found
        own = [case for case in self.cases if case.policy]
        told = [one for case in own for one in judge_rows(case, determinations)]
        return told + [one for case in own if case.facts for one in judge_facts(case, rows)]

    def determine(self, mutant: Mutant | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rebuild what the change touches, and the policy; forget it again. Rows: its outcomes,
        its facts."""
        policy_id = self.card.policy_id
        touched = {
            name_of(path)
            for path in _files_of(self.card)
            if mutant is not None and mutant.touches(path)
        }
        self.store.built -= touched
        with ExitStack() as changes:
            card = self._change(mutant, changes)
            run_policy(self.store, card, reach_of(card, self.as_of))
        self.store.built -= touched
        outcomes = query(self.connection, f"select * from determination_{policy_id}")
        return outcomes, query(self.connection, f"select * from policy_{policy_id} order by all")

    def _change(self, mutant: Mutant | None, changes: ExitStack) -> PolicyCard:
        parameters = dict(self.card.parameters)
        for name, value in self.own_parameters.items():
            old = parameters[name]
            values = tuple(replace(one, value=value) for one in old.values)
            parameters[name] = replace(old, values=values)
        known = {**shared_parameters(), **parameters}
        if mutant is not None and mutant.parameter is not None and mutant.parameter.name in known:
            parameters[mutant.parameter.name] = mutant.parameter
        if mutant is not None and mutant.kind:
            self.connection.execute(visible_view(mutant.kind, self.as_of, mutant))
            changes.callback(self.connection.execute, visible_view(mutant.kind, self.as_of))
        if mutant is not None and mutant.path:
            texts = {mutant.path: mutant.text}
            changes.enter_context(
                patch("sql.sql_text", lambda path: texts.get(path) or sql_text(path))
            )
            if mutant.path == "macros.sql":
                self.connection.execute(mutant.text)
                changes.callback(self.connection.execute, sql_text("macros.sql"))
        shared = {name: parameters.get(name, old) for name, old in shared_parameters().items()}
        changes.enter_context(patch("sql.shared_parameters", lambda: shared))
        return replace(self.card, parameters=parameters)


def benches_of(card: PolicyCard) -> list[Bench]:
    """Open the databases of one policy's cases, the one with most cases first."""
    groups = {
        case.group: group_of(case)
        for case in cases_of(card.policy_id)
        if not str(case.expect).startswith("not_run")
    }
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [Bench(card, cases) for cases in ordered]


def _files_of(card: PolicyCard) -> list[str]:
    """List the facts and questions that a policy and what all policies share rest on."""
    under = [files_under(path) for path in (policy_path(card.policy_id), *SHARED)]
    return list(dict.fromkeys(path for paths in under for path in paths))


def mutants_under(card: PolicyCard) -> dict[str, Mutant]:
    """List the changes that a policy's cases might notice, by their full names."""
    path = policy_path(card.policy_id)
    texts = [path, *_files_of(card), *SHARED]
    named = {f"{one}: {mutant.name}": mutant for one in texts for mutant in text_mutants(one)}
    named |= {f"{path}: {mutant.name}": mutant for mutant in provision_mutants(card)}
    for kind in card.reads:
        named |= {f"kinds.yaml: {mutant.name}": mutant for mutant in visible_mutants(KINDS[kind])}
    taken = parameters_under(card)
    for mutant in parameter_mutants(taken):
        assert mutant.parameter is not None
        is_shared = mutant.parameter.name in shared_parameters()
        file = "parameters.yaml" if is_shared else f"policies/{card.policy_id}.yaml"
        named[f"{file}: {mutant.name}"] = mutant
    return named


def check_policies(policies: list[str]) -> tuple[set[str], set[str]]:
    """Try the changes under some policies; return all names, and those a case noticed."""
    tried: set[str] = set()
    noticed: set[str] = set()
    for policy in policies:
        card = policy_cards()[policy]
        benches = benches_of(card)
        for name, mutant in mutants_under(card).items():
            tried.add(name)
            if name not in noticed and any(bench.notices(mutant) for bench in benches):
                noticed.add(name)
        print(f"{policy}: {len(tried)} tried, {len(tried - noticed)} not noticed yet", flush=True)
    return tried, noticed


def main() -> int:
    """Run the check over all policies, or those named, in two processes."""
    policies = sys.argv[1:] or list(policy_cards())
    shares = [policies[start::WORKERS] for start in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS) as pool:
        shares_done = list(pool.map(check_policies, shares))
    tried = set().union(*(share[0] for share in shares_done))
    survivors = tried.difference(*(share[1] for share in shares_done))
    reasons = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or {}
    unexplained = sorted(survivors - set(reasons))
    print(
        f"{len(tried)} changes: {len(tried - survivors)} noticed, {len(survivors)} survived, "
        f"{len(survivors) - len(unexplained)} of them with a reason"
    )
    for name in unexplained:
        print(f"survived: {name}")
    outdated = sorted(set(reasons) & (tried - survivors))
    for name in outdated:
        print(f"listed as equivalent, but noticed: {name}")
    return 1 if unexplained or outdated else 0


if __name__ == "__main__":
    sys.exit(main())
