-- check: every eligible amount of a paying policy arrives unchanged
-- reads: entitlements determinations policy_runs
-- Both sides have at most one row per key (their own gates say so).
with eligible_amounts as (
    select
        determinations.policy_id,
        determinations.period,
        determinations.subject_id,
        determinations.beneficiary_id,
        determinations.amount_fen
    from determinations
    inner join policy_runs on policy_runs.policy_id = determinations.policy_id
    where determinations.outcome = 'eligible' and policy_runs.kind = 'payment'
),

-- An entitlement without an eligible row is a recovery of money paid before: nothing determined.
compared_amounts as (
    select
        coalesce(eligible_amounts.policy_id, entitlements.policy_id) as policy_id,
        coalesce(eligible_amounts.period, entitlements.period) as period,
        coalesce(eligible_amounts.amount_fen, 0) as eligible_fen,
        entitlements.determined_fen
    from eligible_amounts
    full join entitlements
        on entitlements.policy_id = eligible_amounts.policy_id
        and entitlements.period = eligible_amounts.period
        and entitlements.subject_id = eligible_amounts.subject_id
        and entitlements.beneficiary_id = eligible_amounts.beneficiary_id
),

differing_groups as (
    select
        policy_id || ' ' || period as group_name,
        count(*) as row_count
    from compared_amounts
    where eligible_fen is distinct from determined_fen
    group by policy_id, period
)

select
    (select count(*) from compared_amounts) as checked_count,
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
