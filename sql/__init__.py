"""The rules, and the little that runs them: the only importer of DuckDB.

Facts (facts/*.sql) become tables named as their files, questions (questions/*.sql) macros, policies
(policies/*.sql) tables `policy_<id>` (policy_runs.py). A kind of extract is read by its name, cut
at the as-of date, or whole as `delivered_<kind>`. What a file needs is found from the words in it:
names of facts, questions and kinds of extract, `$names` of parameters. A parameter is written
`$name` everywhere (yuan as fen; a fraction as $name_numerator and $name_denominator); on which day
its value is taken, the card says (`on:`): one value for the run is bound, one by the row's own day
is looked up by the macro `name_on(day)`, which stands in its place when the SQL is run.

Besides those, SQL may take $as_of and $as_of_month. Macros of calendar, rounding and identity
numbers stand in macros.sql. Headers: `-- by bucket:`, `-- limited to:` (limits.py), `-- cut by:`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sql.card_words import check_cards
from sql.confined import confine
from sql.spilling import spill_apart
from sql.texts import (
    COMMENT,
    DOLLAR,
    FRACTION_SUFFIX,
    bucket_kind,
    dated_text,
    dollar_names,
    fact_names,
    fact_path,
    files_in,
    name_of,
    parameters_digest,
    policy_cards,
    rules_digest,
    shared_parameters,
    sql_text,
)
from sql.told import NO_VALUE, told
from sql.visible import by_bucket, empty_kind, view_kind, visible_views
from transforms.errors import ContractError, RuleError
from transforms.extracts.kinds import KINDS
from transforms.policies.cards import FIRST_MONTH, month_of
from transforms.policies.parameters import (
    Parameter,
    dated_values,
    is_bound,
    sql_values,
    value_on,
)

__all__ = [
    "KEY_COLUMNS",
    "Connection",
    "DatabaseError",
    "FactStore",
    "connect",
    "only_asks",
    "parameters_digest",
    "policy_cards",
    "query",
    "register_frame",
    "register_tables",
    "rules_digest",
    "run_sql",
    "shared_parameters",
    "show_frame",
    "view_kind",
]

SAFE_NAME = re.compile(r"[a-z][a-z0-9_]*")
SPILLS_ABOVE = "2GB"
KEY_COLUMNS = ["period", "subject_kind", "subject_id", "beneficiary_kind", "beneficiary_id"]
Connection = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error


def connect(
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_folder: Path | None = None,
) -> Connection:
    """Open an in-memory database that keeps to itself: no downloads, no files of its own choice.

    It spills to a folder of its own in `temp_folder`, by itself above 2 GB: others need some.
    """
    settings: dict[str, Any] = dict.fromkeys(
        ("autoinstall_known_extensions", "autoload_known_extensions", "preserve_insertion_order"),
        False,
    ) | {"temp_directory": ""}
    settings |= {"threads": threads} if threads else {}
    if memory_limit or temp_folder:
        settings["memory_limit"] = memory_limit or SPILLS_ABOVE
    connection = duckdb.connect(":memory:", config=settings)
    if temp_folder:
        spill_apart(connection, temp_folder)
    connection.execute("set enable_progress_bar = false")
    confine(connection)
    connection.execute(sql_text("macros.sql"))
    return connection


def register_tables(
    connection: Connection, tables: Mapping[str, Sequence[Path]], as_of: date
) -> None:
    """Make `delivered_<kind>` of every kind's Parquet files, empty if it was not delivered.

    `<kind>` is what of it is visible on the as-of date. `delivered_counts` and `visible_counts`
    count both, by kind; `delivered_persons` are the persons of all kinds that name one.

    Raises:  ContractError for a kind that does not exist
    """
    unknown = sorted(set(tables) - set(KINDS))
    if unknown:
        raise ContractError(f"tables of unknown kinds: {', '.join(unknown)}")
    for kind in KINDS.values():
        if kind.name in tables:
            view_kind(connection, f"delivered_{kind.name}", tables[kind.name])
        else:
            connection.execute(empty_kind(kind))
    connection.execute(";\n".join(visible_views(KINDS.values(), as_of)))


def register_frame(connection: Connection, name: str, frame: pl.DataFrame) -> None:
    """Copy a frame into a table, replacing one of the same name."""
    _check_name(name)
    connection.register("incoming_frame", frame.to_arrow())
    connection.execute(f"create or replace table {name} as select * from incoming_frame")
    connection.unregister("incoming_frame")


def show_frame(connection: Connection, name: str, frame: pl.DataFrame) -> None:
    """Make a view over a frame. For the rules, which are planned by counts, use register_frame."""
    _check_name(name)
    connection.register(name, frame.to_arrow())


def _check_name(name: str) -> None:
    if not SAFE_NAME.fullmatch(name):
        raise ContractError(f"{name!r} is no name of a table")


def run_sql(connection: Connection, path: str, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Run one file under sql/ with those of the parameters that occur in it."""
    connection.execute(sql_text(path), taken_values(path, parameters))
    return pl.DataFrame(connection.to_arrow_table())


def only_asks(text: str) -> bool:
    """Say whether SQL is one question, or makes macros: it writes nothing, and opens nothing."""
    with suppress(DatabaseError):
        kinds = [statement.type.name for statement in duckdb.extract_statements(text)]
        return kinds == ["SELECT"] or {*kinds} == {"CREATE"}
    return False


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
    taken: set[str] = field(default_factory=set)
    year_day: date = date(FIRST_MONTH // 100, 1, 1)
    # Of parts: the day by which the whole would build what they build in another order.
    year_days: Mapping[str, date] = field(default_factory=dict)
    on_fact: Callable[[str], None] = lambda _name: None

    def __post_init__(self) -> None:
        """Refuse rules that ask a fact for what it does not hold, or an extract unsaid."""
        check_cards()

    def build_under(self, path: str) -> None:
        """Build all facts and questions that an SQL file rests on, unless they stand already."""
        for other in files_in(path):
            # A question stands for good, the facts that it asks may have been dropped since.
            if name_of(other) not in self.built or other != fact_path(name_of(other)):
                self.build_under(other)
            self._build_once(other)

    def build(self, name: str) -> None:
        """Build one fact and all that it rests on, unless they stand already."""
        if name not in self.built:
            self.build_under(fact_path(name))
            self._build_once(fact_path(name))

    def take(self, name: str, paths: Sequence[Path]) -> None:
        """Take a fact, or a policy's table, as it lies in files, built elsewhere."""
        view_kind(self.connection, name, paths)
        self.built.add(name)
        self.taken.add(name)

    def keep(self, words: Collection[str]) -> None:
        """Drop the facts that none of these words names; one asked for again is built again."""
        for name in sorted((self.built - self.taken) & set(fact_names()) - set(words)):
            self.connection.execute(f"drop table {name}")
            self.built.remove(name)

    def _build_once(self, path: str) -> None:
        name = name_of(path)
        if name in self.built:
            return
        day, self.year_day = self.year_day, self.year_days.get(path, self.year_day)
        if path == fact_path(name):
            self.on_fact(name)
            self._build(name)
        else:
            self.execute(path, self.statement(path, shared_parameters())[0], {})
        self.year_day = day
        self.built.add(name)

    def _build(self, name: str) -> None:
        text, values = self.statement(fact_path(name), shared_parameters())
        _check_name(name)
        kind = bucket_kind(fact_path(name))
        statement = f"create or replace table {name} as {text}"
        if kind is None or kind not in self.tables:
            return self.execute(fact_path(name), statement, values)
        for bucket in by_bucket(self.tables[kind]):
            view_kind(self.connection, f"delivered_{kind}", bucket)
            self.execute(fact_path(name), statement, values)
            statement = f"insert into {name} {text}"
        view_kind(self.connection, f"delivered_{kind}", self.tables[kind])

    def statement(
        self,
        path: str,
        parameters: Mapping[str, Parameter],
        given: Mapping[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any]]:
        """Return an SQL file as it is run, with the values it takes.

        A parameter is taken on the day it says: the run's, 1 January of the policy year
        (`year_day`), or each row's own.

        Raises:  RuleError if it takes a word that nothing gives, ParameterMissingError
        """
        values = {"as_of": self.as_of, "as_of_month": month_of(self.as_of), **(given or {})}
        text = sql_text(path)
        for word in set(DOLLAR.findall(COMMENT.sub("", text))) - set(values):
            taken = parameters.get(word) or parameters.get(FRACTION_SUFFIX.sub("", word))
            if taken is None:
                raise RuleError(f"sql/{path} takes {word}, which nothing gives")
            if is_bound(taken):
                day = self.year_day if taken.on == "year" else self.as_of
                values |= sql_values(taken, value_on(taken, day))
            else:
                self._make_dated_macros(taken)
        text = dated_text(text, parameters)
        words = set(DOLLAR.findall(COMMENT.sub("", text)))
        return text, {word: values[word] for word in words}

    def _make_dated_macros(self, parameter: Parameter) -> None:
        # Text that is no number: the row that has no value stops the statement, and says why.
        missing = f"{NO_VALUE}parameter {parameter.name} has no value in force on "
        for name, values in dated_values(parameter).items():
            _check_name(name)
            cases = " ".join(f"when day >= date '{day}' then {seen!r}" for day, seen in values)
            text = (
                f"create or replace macro {name}_on(day) as "
                f"case {cases} else cast('{missing}' || day as bigint) end"
            )
            self.connection.execute(text)

    def execute(self, path: str, text: str, values: Mapping[str, Any]) -> None:
        """Run the statement made of an SQL file.

        Raises:  RuleError, ParameterMissingError: see told.py
        """
        try:
            self.connection.execute(text, values)
        except DatabaseError as failure:
            if said := told(path, str(failure)):
                raise said from failure
            raise
