-- check: reasons are given, sorted, exactly where the outcome is not eligible
-- reads: determinations
with invalid_groups as (
    select
        policy_id || ' ' || period as group_name,
        count(*) as row_count
    from determinations
    where
        (
            (outcome = 'eligible') = (len(reason_codes) = 0)
            and reason_codes = list_sort(reason_codes)
        ) is not true
    group by policy_id, period
)

select
    (select count(*) from determinations) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from invalid_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from invalid_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
