-- cut by: employer
-- Who is paid or insured at an employer in the month before D's and not for unemployment: A, B
-- and n of rulebook §3b. Grain: employer that has any of them.
with present_persons as (
    select
        person_key,
        employer_key
    from present_masks
    where
        era = month_era(month_plus($as_of_month, -1))
        and present_mask & month_bit(month_plus($as_of_month, -1)) <> 0
),

unemployment_booked as (
    select
        person_key,
        employer_key
    from insurance_masks
    where
        insurance = '失业'
        and era = month_era(month_plus($as_of_month, -1))
        and (insured_mask | unpaid_mask) & month_bit(month_plus($as_of_month, -1)) <> 0
),

pension_only as (
    select
        employers.employer_code,
        count(*) as pension_only_count
    from present_persons
    -- one to at most one
    anti join unemployment_booked
        on
            present_persons.person_key = unemployment_booked.person_key
            and present_persons.employer_key = unemployment_booked.employer_key
    -- many to one: every employer of a contribution has an insured unit
    inner join employers on present_persons.employer_key = employers.employer_key
    group by employers.employer_code
),

paid_persons as (
    select
        payroll.employer_code,
        employers.employer_key,
        payroll.person_id,
        payroll.person_key
    from payroll
    -- many to at most one: not every employer has an insured unit
    left join employers on payroll.employer_code = employers.employer_code
    where
        payroll.month = month_plus($as_of_month, -1)
        and payroll.gross_fen > 0
    group by
        payroll.employer_code, employers.employer_key, payroll.person_id, payroll.person_key
),

-- Few: of them alone it is asked whether they are interns or retired
absent_persons as (
    select
        paid_persons.employer_code,
        paid_persons.person_id,
        paid_persons.person_key
    from paid_persons
    -- many to at most one
    anti join present_persons
        on
            paid_persons.person_key = present_persons.person_key
            and paid_persons.employer_key = present_persons.employer_key
),

uninsured_counts as (
    select
        employer_code,
        count(*) as uninsured_count
    from absent_persons
    where
        not was_intern_between(
            person_key,
            employer_code,
            month_first_day(month_plus($as_of_month, -1)),
            month_last_day(month_plus($as_of_month, -1))
        )
        -- who is retired by then, as far as it is known
        and coalesce(
            is_up_to_retirement(
                $as_of_month,
                retires_on_earliest(person_id, $as_of),
                retires_on_latest(person_id, $as_of)
            ),
            true
        )
    group by employer_code
),

pay_counts as (
    select
        paid_persons.employer_code,
        count(*) as paid_count,
        coalesce(max(uninsured_counts.uninsured_count), 0) as uninsured_count
    from paid_persons
    -- many to at most one
    left join uninsured_counts on paid_persons.employer_code = uninsured_counts.employer_code
    group by paid_persons.employer_code
)

select
    coalesce(pay_counts.employer_code, pension_only.employer_code) as employer_code,
    coalesce(pension_only.pension_only_count, 0) as pension_only_count,
    coalesce(pay_counts.uninsured_count, 0) as uninsured_count,
    coalesce(pay_counts.paid_count, 0) as paid_count
from pay_counts
-- one to at most one, on both sides
full join pension_only on pay_counts.employer_code = pension_only.employer_code
