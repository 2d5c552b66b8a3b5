-- cut by: whole
-- The answers to one determination's provisions, side by side.
-- Grain: policy, period, subject, beneficiary.
select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    list(provision order by provision) as provisions,
    list(is_yes order by provision) as answers,
    list(document_nos order by provision) as document_nos,
    list(provision order by provision) filter (where is_yes) as yes_provisions
from clerical_answers
group by policy_id, period, subject_id, beneficiary_id
order by policy_id, period, subject_id, beneficiary_id
