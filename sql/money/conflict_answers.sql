-- A clerk's decisions of conflicts (rulebook §4.3): is_yes lets a row stand, else it is superseded.
-- Grain: policy, period, subject, beneficiary. Reads: clerical_answers.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    is_yes
from clerical_answers
where provision = 'conflict'
order by policy_id, period, subject_id, beneficiary_id
