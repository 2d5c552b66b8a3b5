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
-- one to at most one: a policy stands once
left join policy_runs on determinations.policy_id = policy_runs.policy_id
-- A policy without a cap may grant nothing; a warning grants nothing, whatever is at stake.
where
    determinations.amount_fen > coalesce(amount_caps.amount_cap_fen, 0)
    and policy_runs.kind is distinct from 'warning'
order by all
