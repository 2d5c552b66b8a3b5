"""The views of the kinds of extract: of their files, and cut at the as-of date by kinds.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from transforms.extracts.kinds import KINDS, Kind, Moment, table_schema
from transforms.policies.cards import month_of

if TYPE_CHECKING:
    from sql import Connection

SQL_TYPES = {
    pl.String(): "varchar",
    pl.Int32(): "integer",
    pl.Int64(): "bigint",
    pl.Date(): "date",
}


def view_kind(connection: Connection, view: str, paths: Sequence[Path]) -> None:
    """Make a view over a kind's Parquet files; columns it had not yet when stored are empty."""
    # From the rows of the first file the database guesses those of all, and plans by that.
    paths = sorted(paths, key=lambda path: -path.stat().st_size)
    files = connection.read_parquet([str(path) for path in paths])
    kind = KINDS.get(view.removeprefix("delivered_"))
    known = table_schema(kind) if kind else {}
    lacking = sorted(known.keys() - set(files.columns))
    columns = ", ".join(
        ["*", *(f"null::{SQL_TYPES[known[column]]} as {column}" for column in lacking)]
    )
    files.project(columns).create_view(view, replace=True)


def by_bucket(paths: Sequence[Path]) -> list[list[Path]]:
    """Group a kind's files by bucket: a bucket may lie in several, one a delivered file.

    >>> [len(bucket) for bucket in by_bucket([Path("b-00.0.parquet"), Path("b-00.1.parquet")])]
    [2]
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path.name.partition(".")[0], []).append(path)
    return list(groups.values())


def empty_kind(kind: Kind) -> str:
    """Give the statement that makes the empty table of a kind that was not delivered."""
    columns = ", ".join(f"{name} {SQL_TYPES[of]}" for name, of in table_schema(kind).items())
    return f"create or replace table delivered_{kind.name} ({columns})"


def visible_views(kinds: Iterable[Kind], as_of: date) -> Iterator[str]:
    """Give the statements that make, over delivered_<kind>, one view per kind, counts and persons.

    Source:  rulebook §0, Facts visible at D
    """
    listed = list(kinds)
    for kind in listed:
        yield f"create or replace view {kind.name} as {_visible_rows(kind, as_of)}"
    for which, prefix in (("delivered", "delivered_"), ("visible", "")):
        counts = (
            f"select '{kind.name}' as kind, count(*) as row_count from {prefix}{kind.name}"
            for kind in listed
        )
        yield f"create or replace view {which}_counts as {' union all '.join(counts)}"
    persons = (
        f"select '{kind.name}' as kind, person_key from delivered_{kind.name}"
        for kind in listed
        if "person_id" in kind.column_named
    )
    yield f"create or replace view delivered_persons as {' union all '.join(persons)}"


def _visible_rows(kind: Kind, as_of: date) -> str:
    day = f"date '{as_of.isoformat()}'"
    emptied = ", ".join(
        f"case when {column.visible_from} <= {day} then {column.name} end as {column.name}"
        for column in kind.columns
        if column.visible_from
    )
    columns = f"* replace ({emptied})" if emptied else "*"
    come = " and ".join(_has_come(kind, moment, as_of) for moment in kind.visible_from)
    return f"select {columns} from delivered_{kind.name} where {come or 'true'}"


def _has_come(kind: Kind, moment: Moment, as_of: date) -> str:
    until = month_of(as_of) if kind.is_month(moment.column) else f"date '{as_of.isoformat()}'"
    come = f"{moment.column} <= {until}"
    if not moment.where:
        return come
    # The day first: nearly every row has it, and of those no word is compared.
    other = " or ".join(f"{column} <> '{word}'" for column, word in moment.where)
    return f"case when {come} then true else {other} end"
