-- A clerk's decisions about whole rows: `conflict`: may it stand, else it is superseded (rulebook
-- §4.3); `recovery`: is what was paid for it to be asked back (§4.4).
-- Grain: policy, period, subject, beneficiary. Reads: clerical_answers.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    is_yes
from clerical_answers
where provision = $provision
order by policy_id, period, subject_id, beneficiary_id
