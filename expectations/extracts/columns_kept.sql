-- check: no column in which empty says something was filled last time and is empty in all rows now
-- checked: (select kind from files)
with removed_kinds as (
    select
        kind,
        cast(sum(coalesce(removed_rows, 0)) as bigint) as removed_count
    from files
    group by kind
)

-- removed_kinds one row per kind: what the supplier says it took out on purpose, and why.
select
    emptied_columns.kind,
    emptied_columns.column_title as detail,
    emptied_columns.filled_before as gone_count,
    emptied_columns.filled_before as before_count
from emptied_columns
inner join removed_kinds on removed_kinds.kind = emptied_columns.kind
where
    emptied_columns.filled_before > $spare_rows
    and emptied_columns.filled_before > removed_kinds.removed_count
order by all
