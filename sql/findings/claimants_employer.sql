-- Of those whom an employer insured for unemployment in two years more than half began to draw
-- benefit within the last year, three persons at least.
-- Source: Weihai audit office, 2021-02-20, 大数据揭秘另类“创业”: employers of whose staff more than
-- half became unemployed within one year.
-- Rows: one per employer, and one per claimant of such an employer.
with claims as (
    select
        insured_units.employer_key,
        benefit_spells.person_key
    from benefit_spells
    -- many to at most one: the number is a key of insured_units
    inner join insured_units on benefit_spells.last_unit_no = insured_units.unit_no
    where benefit_spells.from_month > month_plus($as_of_month, -$audit_claim_months)
    group by insured_units.employer_key, benefit_spells.person_key
),

claimed_employers as (
    select employer_key
    from claims
    group by employer_key
    having count(*) >= $audit_least_persons
),

staff_members as (
    select
        insurance_masks.employer_key,
        insurance_masks.person_key
    from insurance_masks
    -- many to at most one: only employers with enough claims
    semi join claimed_employers on insurance_masks.employer_key = claimed_employers.employer_key
    where
        insurance_masks.insurance = '失业'
        and insurance_masks.insured_mask
        & months_mask(
            insurance_masks.era, month_plus($as_of_month, 1 - $audit_staff_months), $as_of_month
        ) <> 0
    group by insurance_masks.employer_key, insurance_masks.person_key
),

doubted_employers as (
    select
        staff_members.employer_key,
        count(claims.person_key) as claimant_count,
        count(*) as staff_count
    from staff_members
    -- one to at most one
    left join claims
        on
            staff_members.employer_key = claims.employer_key
            and staff_members.person_key = claims.person_key
    group by staff_members.employer_key
    having
        count(claims.person_key) >= $audit_least_persons
        and 100 * count(claims.person_key) > $audit_share_percent * count(*)
),

subjects as (
    select
        'employer' as subject_kind,
        employers.employer_code as subject_id,
        employers.employer_key
    from employers
    union all
    select
        'person' as subject_kind,
        person_id_of(staff_members.person_key) as subject_id,
        staff_members.employer_key
    from staff_members
    -- one to at most one
    semi join claims
        on
            staff_members.employer_key = claims.employer_key
            and staff_members.person_key = claims.person_key
)

select
    'claimants_employer' as finding,
    'warning' as severity,
    '' as policy_id,
    subjects.subject_kind,
    subjects.subject_id,
    concat(
        'claimants, insured in two years, employer: ',
        doubted_employers.claimant_count, ', ', doubted_employers.staff_count, ', ',
        employers.employer_code
    ) as detail
from doubted_employers
-- one to one, then one to many: the employer and its claimants
inner join employers on doubted_employers.employer_key = employers.employer_key
inner join subjects on doubted_employers.employer_key = subjects.employer_key
order by subjects.subject_id, detail
