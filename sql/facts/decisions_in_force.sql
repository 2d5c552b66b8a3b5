-- cut by: whole
-- Clerks' decisions in force on the as-of date: of each clerk on one question the newest. Of two of
-- one day that of the home's register, and there the last; two in files are both in force. Whether
-- two ids are one person is one question, whichever of them a file names first, and under whatever
-- policy and period: the lower id is the subject here.
-- Grain: policy, period, subject, beneficiary, provision, clerk; more where files contradict.
with asked_decisions as (
    select * replace (
        if(provision = 'same_person', 'identity', policy_id) as policy_id,
        if(provision = 'same_person', '全部', period) as period,
        if(provision = 'same_person', least(subject_id, beneficiary_id), subject_id)
            as subject_id,
        if(provision = 'same_person', greatest(subject_id, beneficiary_id), beneficiary_id)
            as beneficiary_id
    )
    from clerical_decisions
)

select
    policy_id,
    period,
    subject_id,
    beneficiary_id,
    provision,
    decision,
    decided_by,
    decided_on,
    document_no,
    source_file,
    source_line
from asked_decisions
qualify
    rank() over (
        partition by policy_id, period, subject_id, beneficiary_id, provision, decided_by
        order by
            decided_on desc,
            source_file is not distinct from '人工裁定登记簿.csv' desc,
            case when source_file is not distinct from '人工裁定登记簿.csv' then source_line end desc
    ) = 1
order by policy_id, period, subject_id, beneficiary_id, provision, decided_by, decision,
source_file, source_line
