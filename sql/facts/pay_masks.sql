-- by bucket: payroll
-- cut by: person, employer
-- Months up to the one before D's with pay of a person at an employer, one bit a month, the latest
-- first; those with net pay; and what gross pay below the minimum wage misses, by month.
-- Grain: employer, person.
with pays as (
    select
        employer_code,
        person_key,
        month,
        gross_fen,
        net_fen,
        cast(1 as bigint)
        << cast(month_number($as_of_month) - 1 - month_number(month) as integer) as bit
    from payroll
    where
        month < $as_of_month
        and month >= (select month_plus(min(wage_months.month), -6) from wage_months)
),

masks as (
    select
        employer_code,
        person_key,
        bit_or(bit) as paid_mask,
        bit_or(case when net_fen > 0 then bit else 0 end) as net_mask
    from pays
    group by employer_code, person_key
),

short_pays as (
    select
        pays.employer_code,
        pays.person_key,
        pays.month,
        max(wage_months.minimum_wage_fen) - sum(pays.gross_fen) as missing_fen
    from pays
    -- many to one: of the few months that are judged
    inner join wage_months on pays.month = wage_months.month
    group by pays.employer_code, pays.person_key, pays.month
    having sum(pays.gross_fen) < max(wage_months.minimum_wage_fen)
),

short_lists as (
    select
        employer_code,
        person_key,
        list(
            {
                'month': month,
                'missing_fen': cast(missing_fen as bigint)
            }
            order by month
        ) as short_months
    from short_pays
    group by employer_code, person_key
)

select
    masks.employer_code,
    masks.person_key,
    masks.paid_mask,
    masks.net_mask,
    short_lists.short_months
from masks
-- one to at most one
left join short_lists
    on
        masks.employer_code = short_lists.employer_code
        and masks.person_key = short_lists.person_key
