-- check: no kind of extract lost more of its rows than a sound export can lose
-- reads: files quarantine
-- Totals lines and exact repeats lose nothing, so they do not count.
with delivered_kinds as (
    select
        kind,
        sum(rows) as row_count
    from files
    group by kind
),

unusable_kinds as (
    select
        kind,
        count(*) as unusable_count
    from quarantine
    where rule not in ('totals_row', 'duplicate_row')
    group by kind
),

-- unusable_kinds at most one row per kind.
excessive_kinds as (
    select delivered_kinds.kind || ': ' || unusable_kinds.unusable_count || ' / '
            || delivered_kinds.row_count as bad_row
    from delivered_kinds
    inner join unusable_kinds on unusable_kinds.kind = delivered_kinds.kind
    where
        unusable_kinds.unusable_count > $spare_rows
        and unusable_kinds.unusable_count * 1000 > delivered_kinds.row_count * $limit_permille
)

select
    (select count(*) from delivered_kinds) as checked_count,
    (select count(*) from excessive_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from excessive_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
