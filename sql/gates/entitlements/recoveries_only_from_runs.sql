-- check: money is asked back only under policies that ran
-- reads: entitlements policy_runs
with stray_groups as (
    select
        entitlements.policy_id as group_name,
        count(*) as row_count
    from entitlements
    where
        entitlements.status = 'recovery'
        and not exists (
            select 1
            from policy_runs
            where
                policy_runs.policy_id = entitlements.policy_id
                and policy_runs.status = 'ran'
        )
    group by entitlements.policy_id
)

select
    (select count(*) from entitlements where status = 'recovery') as checked_count,
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
