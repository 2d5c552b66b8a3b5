-- check: money is asked back only under policies that ran
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
    and not exists (
        select 1
        from policy_runs
        where policy_runs.policy_id = entitlements.policy_id and policy_runs.status = 'ran'
    )
order by all
