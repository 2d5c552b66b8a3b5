-- check: outcomes, kinds and periods are words of the contract
-- checked: determinations
select
    policy_id,
    period,
    subject_kind,
    subject_id,
    beneficiary_kind,
    beneficiary_id,
    outcome
from determinations
where
    (
        outcome in ('eligible', 'ineligible', 'undetermined')
        and subject_kind in ('person', 'employer', 'household')
        and beneficiary_kind in ('person', 'employer', 'household')
        and regexp_full_match(period, '20[0-9]{2}(-(0[1-9]|1[0-2]))?')
        and subject_id <> ''
        and beneficiary_id <> ''
    ) is not true
order by all
