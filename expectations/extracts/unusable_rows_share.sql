-- check: no kind of extract lost more of its rows than a sound export can lose
-- checked: (select distinct kind from files)
with delivered_kinds as (
    select
        kind,
        cast(sum(rows) as bigint) as row_count
    from files
    group by kind
),

-- Totals lines, rows of a form left open and exact repeats lose nothing, so they do not count.
unusable_kinds as (
    select
        kind,
        count(*) as unusable_count
    from quarantine
    where rule not in ('totals_row', 'not_filled_in', 'duplicate_row')
    group by kind
)

-- unusable_kinds at most one row per kind.
select
    delivered_kinds.kind,
    unusable_kinds.unusable_count,
    delivered_kinds.row_count
from delivered_kinds
inner join unusable_kinds on unusable_kinds.kind = delivered_kinds.kind
where
    unusable_kinds.unusable_count > $spare_rows
    and unusable_kinds.unusable_count * 1000 > delivered_kinds.row_count * $limit_permille
order by all
