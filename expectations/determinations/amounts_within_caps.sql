-- check: no single amount is beyond what the policy can grant
-- checked: determinations
select
    determinations.policy_id,
    determinations.period,
    determinations.subject_kind,
    determinations.subject_id,
    determinations.beneficiary_kind,
    determinations.beneficiary_id,
    determinations.amount_fen
from determinations
left join amount_caps
    on
        determinations.policy_id = amount_caps.policy_id
        and determinations.period = amount_caps.period
where
    -- A policy without a cap may grant nothing; a warning grants nothing, its amount is at stake.
    determinations.amount_fen > coalesce(amount_caps.amount_cap_fen, 0)
    and not exists (
        select 1
        from policy_runs
        where
            policy_runs.policy_id = determinations.policy_id
            and policy_runs.kind = 'warning'
    )
order by all
