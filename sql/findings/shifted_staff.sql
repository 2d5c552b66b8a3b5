-- Hires of the subsidy for new hires who were insured, in the months before, at another employer of
-- the same legal representative: three persons at least.
-- Source: pattern named in published audits of employment subsidies (staff shifted between related
-- employers), unconfirmed.
-- Rows: one per hiring and other employer, where policy_new_hire_subsidy ran.
with hires as (
    select
        policy_new_hire_subsidy.beneficiary_id as employer_code,
        related_employers.other_code,
        related_employers.other_key,
        person_key_of(policy_new_hire_subsidy.subject_id) as person_key,
        month_of(policy_new_hire_subsidy.starts_on) as from_month
    from policy_new_hire_subsidy
    -- many to many: a hire at each related employer
    inner join related_employers
        on policy_new_hire_subsidy.beneficiary_id = related_employers.employer_code
    where policy_new_hire_subsidy.s1_insured and policy_new_hire_subsidy.s1_newly_hired
),

shifted_persons as (
    select
        hires.employer_code,
        hires.other_code,
        hires.person_key
    from hires
    -- one to many: insurances and eras of the person there
    inner join insurance_masks
        on
            hires.person_key = insurance_masks.person_key
            and hires.other_key = insurance_masks.employer_key
    where
        insurance_masks.insurance = '养老'
        and insurance_masks.insured_mask & months_mask(
            insurance_masks.era,
            month_plus(hires.from_month, -$audit_shift_months),
            month_plus(hires.from_month, -1)
        ) <> 0
    group by hires.employer_code, hires.other_code, hires.person_key
)

select
    'shifted_staff' as finding,
    'warning' as severity,
    'new_hire_subsidy' as policy_id,
    'employer' as subject_kind,
    employer_code as subject_id,
    concat(
        'hires who came from an employer of the same representative, that employer: ',
        count(*), ', ', other_code
    ) as detail
from shifted_persons
group by employer_code, other_code
having count(*) >= $audit_least_persons
order by subject_id, detail
