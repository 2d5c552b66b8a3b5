-- check: no single amount is beyond what the policy can grant
-- reads: determinations policy_runs
with excessive_groups as (
    select
        determinations.policy_id || ' ' || determinations.period as group_name,
        count(*) as row_count
    from determinations
    left join policy_runs on policy_runs.policy_id = determinations.policy_id
    -- A policy without a cap may grant nothing.
    where determinations.amount_fen > coalesce(policy_runs.amount_cap_fen, 0)
    group by determinations.policy_id, determinations.period
)

select
    (select count(*) from determinations) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from excessive_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from excessive_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
