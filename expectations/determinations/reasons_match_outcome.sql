-- check: reasons are given, sorted, exactly where the outcome is not eligible
-- checked: determinations
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    outcome,
    reason_codes
from determinations
where
    (
        (outcome = 'eligible') = (len(reason_codes) = 0)
        and reason_codes = list_sort(reason_codes)
    ) is not true
order by all
