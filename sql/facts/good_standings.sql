-- cut by: employer
-- good_standing(u): on one of three lists on D: false, even without a registration; else what the
-- registration says; neither: unknown (no row here). Grain: employer.
with listed_employers as (
    select subject_id as employer_code
    from designations
    where
        list in ('严重失信', '僵尸企业', '拖欠农民工工资失信')
        and subject_kind = '单位'
        and (valid_to is null or valid_to >= $as_of)
    group by subject_id
),

registered_employers as (
    select
        employer_code,
        status in ('存续', '在业') as is_in_business
    from registrations
)

select
    coalesce(registered_employers.employer_code, listed_employers.employer_code) as employer_code,
    case
        when listed_employers.employer_code is not null then false
        else registered_employers.is_in_business
    end as is_in_good_standing
from registered_employers
-- one to at most one: an employer is registered at most once, and listed here at most once
full join listed_employers
    on registered_employers.employer_code = listed_employers.employer_code
order by employer_code
