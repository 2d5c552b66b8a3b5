-- Employers that insured the staff they hired in the window of the subsidy for new hires only for
-- three months or less: more than half of those hired, three persons at least, are not present in
-- the two months before D's. Where these were not delivered nobody is known to be gone.
-- Source: pattern named in published audits of employment subsidies (insured for the window of a
-- policy, then stopped), unconfirmed.
-- Rows: one per employer, where policy_new_hire_subsidy ran.
with ended_months as (
    select count(distinct month) as month_count
    from contribution_coverage
    where
        insurance = '养老'
        and month between month_plus($as_of_month, -2) and month_plus($as_of_month, -1)
),

hires as (
    select
        policy_new_hire_subsidy.beneficiary_id as employer_code,
        employers.employer_key,
        person_key_of(policy_new_hire_subsidy.subject_id) as person_key,
        month_of(policy_new_hire_subsidy.starts_on) as from_month
    from policy_new_hire_subsidy
    -- many to at most one
    inner join employers on policy_new_hire_subsidy.beneficiary_id = employers.employer_code
    where policy_new_hire_subsidy.s1_insured
),

hired_months as (
    select
        hires.employer_code,
        hires.person_key,
        sum(
            bit_count(
                present_masks.present_mask
                & months_mask(present_masks.era, hires.from_month, $as_of_month)
            )
        ) as months_present,
        bool_or(
            present_masks.present_mask
            & months_mask(present_masks.era, month_plus($as_of_month, -2), $as_of_month) <> 0
        ) as is_still_present
    from hires
    -- one to many: one for each era
    inner join present_masks
        on
            hires.employer_key = present_masks.employer_key
            and hires.person_key = present_masks.person_key
    group by hires.employer_code, hires.person_key
),

counts as (
    select
        employer_code,
        count(*) as hired_count,
        count(*) filter (
            where not is_still_present and months_present <= $audit_short_months
        ) as window_count
    from hired_months
    group by employer_code
)

select
    'window_insured' as finding,
    'warning' as severity,
    'new_hire_subsidy' as policy_id,
    'employer' as subject_kind,
    employer_code as subject_id,
    concat(
        'hires insured for the window only, hires in the window: ', window_count, ', ', hired_count
    ) as detail
from counts
where
    window_count >= $audit_least_persons
    and 100 * window_count > $audit_share_percent * hired_count
    and (select ended_months.month_count from ended_months) = 2
order by subject_id
