-- check: few person-months are claimed twice
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
where status = 'conflict'
order by all
