-- cut by: whole
-- The months whose wages are looked at: the three latest that ended $wage_grace_days before D, and
-- the month before D's; whether anybody's payroll of the month is there. Grain: month.
with candidates as (
    select
        month_plus(
            month_of(cast($as_of - cast($wage_grace_days as integer) + 1 as date)), -steps.step
        ) as month,
        true as is_judged
    from (select cast(unnest(range(1, 4)) as integer) as step) as steps
    union all
    select
        month_plus($as_of_month, -1) as month,
        false as is_judged
),

months as (
    select
        month,
        bool_or(is_judged) as is_judged
    from candidates
    group by month
),

paid_months as (
    select month
    from payroll
    group by month
)

select
    month,
    is_judged,
    month in (select paid_months.month from paid_months) as has_payroll,
    $minimum_wage_fen as minimum_wage_fen,
    -- months before the last one, the place of its bit in pay_masks
    month_number($as_of_month) - 1 - month_number(month) as months_back
from months
order by month
