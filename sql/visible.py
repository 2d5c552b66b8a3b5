"""The views of the kinds of extract cut at the as-of date, made from what kinds.yaml says."""

from collections.abc import Iterable, Iterator
from datetime import date

from transforms.extracts.kinds import Kind, Moment
from transforms.policies.cards import month_of


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
    other = "".join(f"{column} <> '{word}' or " for column, word in moment.where)
    return f"({other}{moment.column} <= {until})"
