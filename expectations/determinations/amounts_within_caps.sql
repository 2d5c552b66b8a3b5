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
-- A policy without a cap may grant nothing.
where determinations.amount_fen > coalesce(amount_caps.amount_cap_fen, 0)
order by all
