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
left join policy_runs on policy_runs.policy_id = determinations.policy_id
-- A policy without a cap may grant nothing.
where determinations.amount_fen > coalesce(policy_runs.amount_cap_fen, 0)
order by all
