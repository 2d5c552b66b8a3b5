-- check: each policy that ran found somebody to look at
-- reads: determinations policy_runs
with run_policies as (
    select policy_id
    from policy_runs
    where status = 'ran'
),

empty_policies as (
    select policy_id as bad_row
    from run_policies
    where not exists (
        select 1 from determinations where determinations.policy_id = run_policies.policy_id
    )
)

select
    (select count(*) from run_policies) as checked_count,
    (select count(*) from empty_policies) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from empty_policies order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
