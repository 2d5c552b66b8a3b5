-- check: most dated facts lie before the as-of date
-- reads: employment unemployment deaths custody designations graduates attendance
-- A date mistyped in the command shows here: nearly every fact would lie after it.
-- Money arrives late, so payments and contributions are no sign of it.
with visible_kinds as (
    select
        kind,
        row_count
    from visible_counts
    where
        kind in (
            'employment', 'unemployment', 'deaths', 'custody', 'designations', 'graduates',
            'attendance'
        )
),

delivered_kinds as (
    select
        delivered_counts.kind,
        delivered_counts.row_count,
        delivered_counts.row_count - visible_kinds.row_count as later_count
    from visible_kinds
    -- one to one
    inner join delivered_counts on delivered_counts.kind = visible_kinds.kind
    where delivered_counts.row_count > 0
),

later_kinds as (
    select kind || ': ' || later_count || ' / ' || row_count as bad_row
    from delivered_kinds
    where later_count * 1000 > row_count * $limit_permille
)

select
    (select count(*) from delivered_kinds) as checked_count,
    (select count(*) from later_kinds) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from later_kinds order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
