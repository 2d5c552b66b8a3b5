"""Compare tonight's snapshot with earlier ones: which keys are gone, kind by kind.

Where the rows of a part are the same on both nights, which a sum of hashes tells, no key is looked
for: on an ordinary night that is all but the latest months.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from sql import Connection, query, view_kind
from sql.spilling import quoted
from transforms.extracts.kinds import KINDS, Kind
from transforms.policies.evidence import Only

COMPARED_SCHEMA: dict[str, Any] = {
    "kind": pl.String(),
    "part": pl.String(),
    "is_excluding": pl.Boolean(),
    **dict.fromkeys(("rows_before", "rows_now", "keys_before", "keys_gone"), pl.Int64()),
}
SUMS = """
with before as ({before}), now as ({now}),
before_parts as (
    select part, is_excluding, count(*) as row_count, sum(hash({key})::hugeint) as hashed
    from before group by all
),
now_parts as (
    select part, is_excluding, count(*) as row_count, sum(hash({key})::hugeint) as hashed
    from now group by all
)
select
    part,
    is_excluding,
    coalesce(before_parts.row_count, 0) as rows_before,
    coalesce(now_parts.row_count, 0) as rows_now,
    before_parts.hashed is distinct from now_parts.hashed as is_changed
from before_parts full join now_parts using (part, is_excluding)
order by all
"""
EMPTIED_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("kind", "column_title"), pl.String()),
    "filled_before": pl.Int64(),
}
GONE = """
with before as (
    select distinct part, is_excluding, {key} from ({before}) where {changed}
),
now as (
    select distinct {key}, true as is_there from ({now}) where part in ({parts})
)
-- one row of before to at most one of now: both are distinct
select
    part,
    is_excluding,
    count(*) as keys_before,
    count(*) filter (where now.is_there is null) as keys_gone
from before left join now on {same}
group by all
order by all
"""


def compare_snapshots(
    connection: Connection,
    before: Mapping[str, Sequence[Path]],
    delivered: Iterable[str],
    excluding: Mapping[str, Sequence[Only]],
) -> pl.DataFrame:
    """Count rows and keys of each kind that was delivered tonight and before, part by part.

    Rows:    before    the files of the last night that had the kind, by kind
             returns   one per kind, part, and whether the rows' absence can pay
    Holds:   a key that stands in no table counts as gone, also if it is in quarantine
    Source:  rulebook §4b
    """
    parts = [pl.DataFrame(schema=COMPARED_SCHEMA)]
    for name in sorted(set(before) & set(delivered)):
        view_kind(connection, f"former_{name}", before[name])
        parts.append(_compare(connection, KINDS[name], excluding.get(name, ())))
    return pl.concat(parts)


def emptied_columns(
    connection: Connection, before: Mapping[str, Sequence[Path]], delivered: Iterable[str]
) -> pl.DataFrame:
    """List the columns in which empty says something, filled before and in no row tonight.

    Rows:    before    as compare_snapshots, which showed them to the connection
             returns   one per kind and column: its heading, and in how many rows it was filled
    """
    found = []
    for name in sorted(set(before) & set(delivered)):
        for column in KINDS[name].columns:
            filled = f"from {{}}_{name} where {column.name} is not null"
            if column.open_when_empty and not _count(connection, f"{filled} limit 1", "delivered"):
                found.append((name, column.asked_as, _count(connection, filled, "former")))
    told = pl.DataFrame(found, EMPTIED_SCHEMA, orient="row")
    return told.filter(pl.col("filled_before") > 0)


def _count(connection: Connection, rows: str, of: str) -> int:
    counted = query(connection, f"select count(*) as found from (select 1 {rows.format(of)})")
    return int(counted.item())


def _compare(connection: Connection, kind: Kind, entries: Sequence[Only]) -> pl.DataFrame:
    columns = ["person_key" if name == "person_id" else name for name in kind.stands_by]
    excludes = " or ".join(_meant(entry) for entry in entries) or "false"
    filled = " and ".join(f"{name} is not null" for name in columns)
    part = f"concat_ws(' ', {', '.join(kind.parts)})" if kind.parts else "''"
    rows = f"select {part} as part, ({excludes}) and {filled} as is_excluding, {', '.join(columns)}"
    texts = {
        "before": f"{rows} from former_{kind.name}",
        "now": f"{rows} from delivered_{kind.name}",
        "key": ", ".join(columns),
        "same": " and ".join(f"now.{name} is not distinct from before.{name}" for name in columns),
    }
    sums = query(connection, SUMS.format(**texts))
    changed = sums.filter("is_changed").select("part", "is_excluding").rows()
    told = " or ".join(f"(part = '{name}' and is_excluding = {known})" for name, known in changed)
    texts |= {
        "changed": told or "false",
        "parts": ", ".join(map(quoted, ["", *(name for name, _ in changed)])),
    }
    gone = query(connection, GONE.format(**texts))
    same = pl.col("keys_before").is_null()
    return (
        sums.join(gone, on=["part", "is_excluding"], how="left", validate="1:1")
        .with_columns(
            pl.lit(kind.name).alias("kind"),
            pl.when(same).then("rows_before").otherwise("keys_before").alias("keys_before"),
            pl.col("keys_gone").fill_null(0),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in COMPARED_SCHEMA.items())
    )


def _meant(entry: Only) -> str:
    columns = (
        f"{name} in ({', '.join(map(quoted, said))})" for name, said in sorted(entry.items())
    )
    return f"({' and '.join(columns) or 'true'})"
