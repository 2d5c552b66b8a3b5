-- check: every eligible amount of a paying policy arrives unchanged
-- checked: entitlements
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
)

-- An entitlement without an eligible row is a recovery of money paid before: nothing determined.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    eligible_amounts.amount_fen as eligible_fen,
    entitlements.determined_fen
from eligible_amounts
full join entitlements using (policy_id, period, subject_id, beneficiary_id)
where coalesce(eligible_amounts.amount_fen, 0) is distinct from entitlements.determined_fen
order by all
