-- by bucket: payroll
-- cut by: person, employer
-- Months up to the one before D's with pay of a person at an employer, one bit a month, the latest
-- first; those with net pay; and what gross pay below the minimum wage misses, by month.
-- Grain: employer, person.
with month_pays as (
    select
        employer_code,
        person_key,
        month,
        sum(gross_fen) as gross_fen,
        max(net_fen) as net_fen,
        cast(1 as bigint)
        << cast(month_number($as_of_month) - 1 - month_number(month) as integer) as bit
    from payroll
    where
        month < $as_of_month
        and month >= (select month_plus(min(wage_months.month), -6) from wage_months)
    group by employer_code, person_key, month
)

select
    month_pays.employer_code,
    month_pays.person_key,
    bit_or(month_pays.bit) as paid_mask,
    bit_or(case when month_pays.net_fen > 0 then month_pays.bit else 0 end) as net_mask,
    list(
        {
            'month': month_pays.month,
            'missing_fen': cast(wage_months.minimum_wage_fen - month_pays.gross_fen as bigint)
        }
        order by month_pays.month
    ) filter (where month_pays.gross_fen < wage_months.minimum_wage_fen) as short_months
from month_pays
-- many to at most one
left join wage_months on month_pays.month = wage_months.month
group by month_pays.employer_code, month_pays.person_key
