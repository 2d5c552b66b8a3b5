-- check: per policy, the determined total is the same through both tables
-- reads: entitlements determinations policy_runs
with eligible_totals as (
    select
        determinations.policy_id,
        sum(determinations.amount_fen) as total_fen
    from determinations
    inner join policy_runs on policy_runs.policy_id = determinations.policy_id
    where determinations.outcome = 'eligible' and policy_runs.kind = 'payment'
    group by determinations.policy_id
),

entitlement_totals as (
    select
        policy_id,
        sum(determined_fen) as total_fen
    from entitlements
    group by policy_id
),

-- One row per policy on either side.
compared_totals as (
    select
        coalesce(eligible_totals.policy_id, entitlement_totals.policy_id) as policy_id,
        coalesce(eligible_totals.total_fen, 0) as eligible_fen,
        coalesce(entitlement_totals.total_fen, 0) as determined_fen
    from eligible_totals
    full join entitlement_totals on entitlement_totals.policy_id = eligible_totals.policy_id
),

differing_totals as (
    select policy_id || ': ' || eligible_fen || ' <> ' || determined_fen || ' fen' as bad_row
    from compared_totals
    where eligible_fen <> determined_fen
)

select
    (select count(*) from compared_totals) as checked_count,
    (select count(*) from differing_totals) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_totals order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
