-- cut by: whole
-- Clerks' decisions in force on the as-of date: of each clerk on one question the newest. Of two of
-- one day that of the home's register, and there the last; two in files are both in force.
-- Grain: policy, period, subject, beneficiary, provision, clerk; more where files contradict.
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
from clerical_decisions
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
