-- cut by: person, employer
-- Days attended in the holiday window and covered by pay: a visible payroll row of the same
-- employer, person and month with net pay above zero (two sources agree).
-- Grain: employer, person.
with window_days as (
    select unnest(range(1 + ($holiday_window_to - $holiday_window_from))) as position
),

window_months as (
    select
        month_of($holiday_window_from + cast(position as integer)) as month,
        bit_or(cast(1 as bigint) << position) as days_mask
    from window_days
    group by month
),

paid_masks as (
    select
        payroll.employer_code,
        payroll.person_key,
        bit_or(window_months.days_mask) as paid_mask
    from payroll
    -- many to at most one
    inner join window_months on payroll.month = window_months.month
    -- many to at most one: only those who attended
    semi join attended_masks
        on
            payroll.person_key = attended_masks.person_key
            and payroll.employer_code = attended_masks.employer_code
    where
        payroll.month between month_of($holiday_window_from) and month_of($holiday_window_to)
        and payroll.net_fen > 0
    group by payroll.employer_code, payroll.person_key
)

select
    attended_masks.employer_code,
    attended_masks.person_id,
    attended_masks.person_key,
    attended_masks.attended_mask & paid_masks.paid_mask as counted_mask
from attended_masks
-- one to at most one: without pay there is nothing to count
inner join paid_masks
    on
        attended_masks.employer_code = paid_masks.employer_code
        and attended_masks.person_key = paid_masks.person_key
where attended_masks.attended_mask & paid_masks.paid_mask <> 0
