-- cut by: person, employer
-- Months that an employer insured a graduate in the first twelve of a labour contract, with what
-- the law asks of that contract. e = the earliest labour contract of (u,p) that has a graduation.
-- Grain: person, employer, month from 202001.
with graduate_hires as (
    select
        employment_rows.employer_code,
        employment_rows.person_id,
        employment_rows.person_key,
        employment_rows.starts_on,
        employment_rows.ends_on,
        employment_rows.contract_type,
        employment_rows.is_one_year_contract,
        graduations.graduated_on,
        employment_rows.employer_key
    from employment_rows
    -- many to at most one: graduated(p, starts_on); contracts before any graduation fall away
    asof join graduations
        on
            employment_rows.person_key = graduations.person_key
            and employment_rows.starts_on >= graduations.graduated_on
    where employment_rows.is_labour_contract
    qualify
        row_number() over (
            partition by employment_rows.employer_code, employment_rows.person_key
            order by employment_rows.rank_at_employer
        ) = 1
),

hire_months as (
    select
        *,
        month_from_number(
            unnest(
                range(
                    month_number(greatest(month_of(starts_on), $first_paid_month)),
                    month_number($as_of_month) + 1
                )
            )
        ) as month
    from graduate_hires
),

insured_months as (
    select
        hire_months.employer_code,
        hire_months.person_key,
        hire_months.month,
        count(*) filter (
            where insurance_masks.on_time_mask & month_bit(hire_months.month) <> 0
        ) as on_time_insurances
    from hire_months
    -- one to at most five: one row per insurance
    inner join insurance_masks
        on
            hire_months.person_key = insurance_masks.person_key
            and hire_months.employer_key = insurance_masks.employer_key
            and month_era(hire_months.month) = insurance_masks.era
    where hire_months.month < month_plus(month_of(hire_months.starts_on), $hire_subsidy_months)
    group by hire_months.employer_code, hire_months.person_key, hire_months.month
    having
        bool_or(
            insurance_masks.insurance = '养老'
            and insurance_masks.insured_mask & month_bit(hire_months.month) <> 0
        )
)

select
    hire_months.employer_code,
    hire_months.employer_key,
    hire_months.person_id,
    hire_months.person_key,
    hire_months.month,
    hire_months.starts_on,
    hire_months.ends_on,
    hire_months.contract_type,
    hire_months.is_one_year_contract,
    hire_months.graduated_on,
    insured_months.on_time_insurances
from hire_months
-- one to at most one: only insured months count
inner join insured_months
    on
        hire_months.employer_code = insured_months.employer_code
        and hire_months.person_key = insured_months.person_key
        and hire_months.month = insured_months.month
