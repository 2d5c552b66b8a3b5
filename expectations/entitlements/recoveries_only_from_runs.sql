-- check: money is asked back only under policies that ran, or that are over where a clerk says so
-- checked: entitlements where status = 'recovery'
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id
from entitlements
where
    status = 'recovery'
    -- what was paid under a policy that is over, a clerk may ask back
    and cause <> 'clerk_decided'
    and not exists (
        select 1
        from policy_runs
        where policy_runs.policy_id = entitlements.policy_id and policy_runs.status = 'ran'
    )
order by all
