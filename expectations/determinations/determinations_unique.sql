-- check: no determination occurs twice
-- checked: determinations
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    count(*) as row_count
from determinations
group by policy_id, period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
having count(*) > 1
order by all
