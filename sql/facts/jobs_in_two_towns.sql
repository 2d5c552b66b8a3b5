-- cut by: person
-- Persons with jobs at employers of two towns in the same months: insured, paid or at work there.
-- Fewer months than the parameter says are a change of jobs, or a help out. Grain: person, towns.
with job_masks as (
    select
        insurance_masks.person_key,
        employers.employer_code,
        insurance_masks.era,
        insurance_masks.insured_mask as job_mask
    from insurance_masks
    -- many to exactly one
    inner join employers on insurance_masks.employer_key = employers.employer_key
    where insurance_masks.insured_mask <> 0
    union all
    select
        payroll.person_key,
        payroll.employer_code,
        calendar_months.era,
        bit_or(calendar_months.bit) as job_mask
    from payroll
    -- many to exactly one
    inner join calendar_months on payroll.month = calendar_months.month
    where payroll.net_fen > 0
    group by payroll.person_key, payroll.employer_code, calendar_months.era
    union all
    select
        attendance.person_key,
        attendance.employer_code,
        calendar_months.era,
        bit_or(calendar_months.bit) as job_mask
    from attendance
    -- many to exactly one
    inner join calendar_months on month_of(attendance.worked_on) = calendar_months.month
    group by attendance.person_key, attendance.employer_code, calendar_months.era
),

employer_towns as (
    select
        employer_code,
        town_of(division_code) as town
    from registrations
    where town_of(division_code) is not null
),

town_masks as (
    select
        job_masks.person_key,
        job_masks.era,
        employer_towns.town,
        bit_or(job_masks.job_mask) as job_mask
    from job_masks
    -- many to at most one
    inner join employer_towns on job_masks.employer_code = employer_towns.employer_code
    group by job_masks.person_key, job_masks.era, employer_towns.town
)

select
    town_masks.person_key,
    town_masks.town as one_town,
    others.town as other_town,
    cast(sum(bit_count(town_masks.job_mask & others.job_mask)) as bigint) as month_count,
    max(latest_month_in(town_masks.era, town_masks.job_mask & others.job_mask)) as last_month
from town_masks
-- few to few: the towns of one person
inner join town_masks as others
    on
        town_masks.person_key = others.person_key
        and town_masks.era = others.era
        and town_masks.town < others.town
where town_masks.job_mask & others.job_mask <> 0
group by town_masks.person_key, town_masks.town, others.town
having sum(bit_count(town_masks.job_mask & others.job_mask)) >= $two_towns_months
