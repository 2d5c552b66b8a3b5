-- check: rows come only from policies that ran
-- checked: determinations
-- policy_runs one row per policy.
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id
from determinations
where not exists (
    select 1
    from policy_runs
    where policy_runs.policy_id = determinations.policy_id and policy_runs.status = 'ran'
)
order by all
