-- check: few lines wait for an account or an identity to be settled
-- checked: entitlements where status in ('held', 'payable')
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    reason
from entitlements
where status = 'held' and reason not in ('struck_out', 'objection')
order by all
