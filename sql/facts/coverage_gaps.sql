-- cut by: employer
-- Who is paid or insured at an employer in the month before D's and not for unemployment: A, B
-- and n of rulebook §3b. Grain: employer that has any of them.
with pension_only as (
    select
        employers.employer_code,
        count(*) as pension_only_count
    from present_masks
    -- many to one: every employer of a contribution has an insured unit
    inner join employers on present_masks.employer_key = employers.employer_key
    where
        present_masks.era = month_era(month_plus($as_of_month, -1))
        and present_masks.present_mask & month_bit(month_plus($as_of_month, -1)) <> 0
        and not is_booked_in(
            present_masks.person_key,
            present_masks.employer_key,
            '失业',
            month_plus($as_of_month, -1)
        )
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

judged_persons as (
    select
        employer_code,
        not is_present_in(person_key, employer_key, month_plus($as_of_month, -1))
        and not was_intern_between(
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
        ) as is_uninsured
    from paid_persons
),

pay_counts as (
    select
        employer_code,
        count(*) as paid_count,
        count(*) filter (where is_uninsured) as uninsured_count
    from judged_persons
    group by employer_code
)

select
    coalesce(pay_counts.employer_code, pension_only.employer_code) as employer_code,
    coalesce(pension_only.pension_only_count, 0) as pension_only_count,
    coalesce(pay_counts.uninsured_count, 0) as uninsured_count,
    coalesce(pay_counts.paid_count, 0) as paid_count
from pay_counts
-- one to at most one, on both sides
full join pension_only on pay_counts.employer_code = pension_only.employer_code
