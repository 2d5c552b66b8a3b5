-- check: every policy that is in force ran
-- reads: policy_runs
with policies_in_force as (
    select
        policy_id,
        status
    from policy_runs
    where is_in_force
),

idle_policies as (
    select policy_id as bad_row
    from policies_in_force
    where status <> 'ran'
)

select
    (select count(*) from policies_in_force) as checked_count,
    (select count(*) from idle_policies) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from idle_policies order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
