-- check: rows come only from policies that ran
-- reads: determinations policy_runs
-- policy_runs one row per policy.
with stray_groups as (
    select
        determinations.policy_id as group_name,
        count(*) as row_count
    from determinations
    where not exists (
        select 1
        from policy_runs
        where
            policy_runs.policy_id = determinations.policy_id
            and policy_runs.status = 'ran'
    )
    group by determinations.policy_id
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
