-- check: little of what was paid is asked back
-- checked: entitlements
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    reason
from entitlements
where status = 'recovery'
order by all
