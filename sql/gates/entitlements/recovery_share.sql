-- check: little of what was paid is asked back
-- reads: entitlements
with recovery_groups as (
    select
        policy_id as group_name,
        count(*) as row_count
    from entitlements
    where status = 'recovery'
    group by policy_id
)

select
    (select count(*) from entitlements) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from recovery_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from recovery_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
