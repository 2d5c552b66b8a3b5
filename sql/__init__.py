"""The rules, and the little that runs them: the only importer of DuckDB.

Facts (facts/*.sql) become tables named as their files, policies (policies/*.sql) tables
`policy_<id>`. A kind of extract is read by its name, cut at the as-of date, or whole as
`delivered_<kind>`. What a file needs is found from the words in it: names of facts, names of kinds
of extract, `$names` of parameters. A parameter has one of two forms in SQL:

    $name              its value on the as-of date (yuan as fen; a fraction as $name_numerator
                       and $name_denominator)
    name_by_month      a table (month, value) for the months of the policy's reach: the value in
                       force on the first day of each month (a fraction: numerator, denominator)

Besides those, SQL may take $as_of, $as_of_month, $reach_from_month, $reach_to_month, $policy_id
and $provisions. Macros of calendar, rounding and identity numbers stand in macros.sql.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sql.texts import (
    bucket_kind,
    dollar_names,
    fact_path,
    files_under,
    finding_names,
    name_of,
    parameters_digest,
    policy_cards,
    policy_tables_in,
    rules_digest,
    shared_parameters,
    sql_text,
)
from sql.visible import visible_views
from transforms.errors import ContractError
from transforms.extracts.kinds import KINDS, table_schema
from transforms.policies.cards import month_of
from transforms.policies.parameters import (
    Parameter,
    sql_values,
    value_on,
)

__all__ = [
    "KEY_COLUMNS",
    "Connection",
    "FactStore",
    "connect",
    "parameters_digest",
    "policy_cards",
    "query",
    "register_frame",
    "register_tables",
    "rules_digest",
    "run_findings",
    "run_sql",
    "shared_parameters",
    "show_frame",
]

SAFE_NAME = re.compile(r"[a-z][a-z0-9_]*")
FRACTION_SUFFIX = re.compile(r"_(numerator|denominator)$")
KEY_COLUMNS = ["period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id"]
FINDING_COLUMNS = ["finding", "severity", "policy_id", "subject_kind", "subject_id", "detail"]
Connection = duckdb.DuckDBPyConnection


def connect(
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_folder: Path | None = None,
) -> Connection:
    """Open an in-memory database that keeps to itself: no downloads, no files of its own choice."""
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
        "temp_directory": str(temp_folder) if temp_folder else "",
    }
    if threads:
        settings["threads"] = threads
    if memory_limit:
        settings["memory_limit"] = memory_limit
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("set enable_progress_bar = false")
    connection.execute(sql_text("macros.sql"))
    return connection


def register_tables(
    connection: Connection, tables: Mapping[str, Sequence[Path]], as_of: date
) -> None:
    """Make `delivered_<kind>` of every kind's Parquet files, empty if it was not delivered.

    `<kind>` is what of it is visible on the as-of date. `delivered_counts` and `visible_counts`
    count both, by kind.

    Raises:  ContractError for a kind that does not exist
    """
    unknown = sorted(set(tables) - set(KINDS))
    if unknown:
        raise ContractError(f"tables of unknown kinds: {', '.join(unknown)}")
    for kind in KINDS.values():
        if kind.name in tables:
            _view_delivered(connection, kind.name, tables[kind.name])
        else:
            empty = pl.DataFrame(schema=table_schema(kind))
            register_frame(connection, f"delivered_{kind.name}", empty)
    for statement in visible_views(KINDS.values(), as_of):
        connection.execute(statement)


def _view_delivered(connection: Connection, kind: str, paths: Sequence[Path]) -> None:
    files = connection.read_parquet([str(path) for path in paths])
    files.create_view(f"delivered_{kind}", replace=True)


def register_frame(connection: Connection, name: str, frame: pl.DataFrame) -> None:
    """Copy a frame into a table, replacing one of the same name."""
    _check_name(name)
    connection.register("incoming_frame", frame.to_arrow())
    connection.execute(f"create or replace table {name} as select * from incoming_frame")
    connection.unregister("incoming_frame")


def show_frame(connection: Connection, name: str, frame: pl.DataFrame) -> None:
    """Make a view over a frame: its rows stay where they are. For the rules, which are planned by
    counts that a view has not, copy it with register_frame."""
    _check_name(name)
    connection.register(name, frame.to_arrow())


def _check_name(name: str) -> None:
    if not SAFE_NAME.fullmatch(name):
        raise ContractError(f"{name!r} is no name of a table")


def run_sql(connection: Connection, path: str, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Run one file under sql/ with those of the parameters that occur in it."""
    connection.execute(sql_text(path), taken_values(path, parameters))
    return pl.DataFrame(connection.to_arrow_table())


def query(connection: Connection, text: str) -> pl.DataFrame:
    """Run a query that the program itself wrote over its own tables."""
    return pl.DataFrame(connection.execute(text).to_arrow_table())


def taken_values(path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the parameters that an SQL file takes.

    Raises:  ContractError if it takes one that is not given
    """
    missing = [name for name in dollar_names(path) if name not in parameters]
    if missing:
        raise ContractError(f"sql/{path} takes {', '.join(missing)}, which nothing gives")
    return {name: parameters[name] for name in dollar_names(path)}


@dataclass
class FactStore:
    """Builds each derived fact once, on demand, after the facts it rests on."""

    connection: Connection
    tables: Mapping[str, Sequence[Path]]
    as_of: date
    built: set[str] = field(default_factory=set)
    on_fact: Callable[[str], None] = lambda _name: None

    def build_under(self, path: str) -> None:
        """Build all facts and questions that an SQL file rests on, unless they stand already."""
        for other in files_under(path):
            self._build_once(other)

    def build(self, name: str) -> None:
        """Build one fact and all that it rests on, unless they stand already."""
        self.build_under(fact_path(name))
        self._build_once(fact_path(name))

    def _build_once(self, path: str) -> None:
        name = name_of(path)
        if name in self.built:
            return
        if path == fact_path(name):
            self.on_fact(name)
            self._build(name)
        else:
            self.connection.execute(sql_text(path))
        self.built.add(name)

    def _build(self, name: str) -> None:
        path = fact_path(name)
        values = taken_values(path, self.values_for(path, shared_parameters()))
        _check_name(name)
        kind = bucket_kind(path)
        statement = f"create or replace table {name} as {sql_text(path)}"
        if kind is None or kind not in self.tables:
            self.connection.execute(statement, values)
            return
        for bucket in self.tables[kind]:
            _view_delivered(self.connection, kind, [bucket])
            self.connection.execute(statement, values)
            statement = f"insert into {name} {sql_text(path)}"
        _view_delivered(self.connection, kind, self.tables[kind])

    def values_for(self, path: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
        """Return the as-of date and those parameters of the file that have a value on it."""
        values: dict[str, Any] = {"as_of": self.as_of, "as_of_month": month_of(self.as_of)}
        for word in dollar_names(path):
            name = word if word in parameters else FRACTION_SUFFIX.sub("", word)
            if name in parameters:
                values |= sql_values(parameters[name], value_on(parameters[name], self.as_of))
        return values


def run_findings(store: FactStore, policies: Sequence[str]) -> pl.DataFrame:
    """Collect what a person should look at, from every file of findings/ that can run.

    Rows:    one per finding; sorted, never null
    """
    frames = [pl.DataFrame(schema=dict.fromkeys(FINDING_COLUMNS, pl.String()))]
    for name in finding_names():
        path = f"findings/{name}.sql"
        if policy_tables_in(path) <= set(policies):
            store.build_under(path)
            frames.append(run_sql(store.connection, path, store.values_for(path, {})))
    return pl.concat([frame.select(FINDING_COLUMNS) for frame in frames]).sort(FINDING_COLUMNS)
