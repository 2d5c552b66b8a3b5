-- check: no month before the first paid month, none after the as-of date
-- reads: determinations
with stray_groups as (
    select
        policy_id || ' ' || period as group_name,
        count(*) as row_count
    from determinations
    where
        case
            when len(period) = 7
                then cast(replace(period, '-', '') as integer)
                    not between $first_month and $as_of_month
            else cast(period as integer) > $as_of_month // 100
        end
    group by policy_id, period
)

select
    (select count(*) from determinations) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from stray_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from stray_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
