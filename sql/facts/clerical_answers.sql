-- cut by: whole
-- Clerks' answers that hold on the as-of date (rulebook §0). Two that differ settle nothing.
-- Grain: policy, period, subject, beneficiary, provision (or `conflict`, `same_person`).
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    provision,
    min(decision) = '是' as is_yes,
    coalesce(string_agg(distinct document_no, '、' order by document_no), '') as document_nos
from decisions_in_force
group by policy_id, period, subject_id, beneficiary_id, provision
having count(distinct decision) = 1
order by policy_id, period, subject_id, beneficiary_id, provision
