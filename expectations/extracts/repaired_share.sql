-- check: no kind of extract needed unusually many repairs
-- checked: (select distinct kind from files)
with accepted_kinds as (
    select
        kind,
        cast(sum(accepted) as bigint) as accepted_count
    from files
    group by kind
),

-- A row with two repaired cells is one row.
repaired_kinds as (
    select
        kind,
        count(distinct source_file || ':' || source_line) as repaired_count
    from repairs
    group by kind
)

-- repaired_kinds at most one row per kind.
select
    accepted_kinds.kind,
    repaired_kinds.repaired_count,
    accepted_kinds.accepted_count
from accepted_kinds
inner join repaired_kinds on repaired_kinds.kind = accepted_kinds.kind
where
    repaired_kinds.repaired_count > $spare_rows
    and repaired_kinds.repaired_count * 1000 > accepted_kinds.accepted_count * $limit_permille
order by all
