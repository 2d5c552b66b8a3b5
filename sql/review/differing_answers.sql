-- What clerks say of one question where their decisions in force differ: it is asked again.
-- Grain: policy, period, subject, beneficiary, provision. Reads: decisions_in_force.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    provision,
    string_agg(
        distinct concat(decided_by, ' ', decision), '、'
        order by concat(decided_by, ' ', decision)
    ) as told
from decisions_in_force
group by policy_id, period, subject_id, beneficiary_id, provision
having count(distinct decision) > 1
order by policy_id, period, subject_id, beneficiary_id, provision
