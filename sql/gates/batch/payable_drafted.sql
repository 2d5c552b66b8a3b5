-- check: what is payable is in a batch, once, to the fen, and nothing else is
-- reads: entitlements lines
with payable_lines as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        due_fen
    from entitlements
    where status = 'payable'
),

-- A line that is drafted twice meets its entitlement with twice the amount.
drafted_lines as (
    select
        policy_id,
        period,
        subject_id,
        beneficiary_id,
        sum(amount_fen) as amount_fen
    from lines
    group by policy_id, period, subject_id, beneficiary_id
),

compared_lines as (
    select
        coalesce(payable_lines.policy_id, drafted_lines.policy_id) as policy_id,
        coalesce(payable_lines.period, drafted_lines.period) as period,
        payable_lines.due_fen,
        drafted_lines.amount_fen
    from payable_lines
    full join drafted_lines
        on drafted_lines.policy_id = payable_lines.policy_id
        and drafted_lines.period = payable_lines.period
        and drafted_lines.subject_id = payable_lines.subject_id
        and drafted_lines.beneficiary_id = payable_lines.beneficiary_id
),

differing_groups as (
    select
        policy_id || ' ' || period as group_name,
        count(*) as row_count
    from compared_lines
    where due_fen is distinct from amount_fen
    group by policy_id, period
)

select
    (select count(*) from compared_lines) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from differing_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from differing_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
