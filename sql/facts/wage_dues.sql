-- cut by: whole
-- To whom wages of a month are due: present, paid in one of the three months before, and not gone
-- by the employment rows; whether unpaid, and what a wage below the minimum misses. Who starts or
-- ends within the month is never short. Grain: employer, person, month.
with candidates as (
    select
        pay_masks.employer_code,
        pay_masks.person_key,
        wage_months.month,
        wage_months.minimum_wage_fen,
        (pay_masks.net_mask >> wage_months.months_back) & 1 = 0 as is_unpaid,
        list_filter(
            pay_masks.short_months, lambda short: short.month = wage_months.month
        )[1].missing_fen as missing_fen
    from pay_masks
    -- many to at most one, then each to the few months
    inner join employers on pay_masks.employer_code = employers.employer_code
    inner join wage_months
        on
            wage_months.has_payroll
            and (pay_masks.paid_mask >> (wage_months.months_back + 1)) & 7 <> 0
    -- one to at most one
    inner join present_masks
        on
            pay_masks.person_key = present_masks.person_key
            and employers.employer_key = present_masks.employer_key
            and month_era(wage_months.month) = present_masks.era
    where present_masks.present_mask & month_bit(wage_months.month) <> 0
),

leavers as (
    select
        employment_rows.employer_code,
        employment_rows.person_key,
        wage_months.month
    from employment_rows
    -- each to the few months
    cross join wage_months
    group by employment_rows.employer_code, employment_rows.person_key, wage_months.month
    having
        bool_or(employment_rows.last_day < month_first_day(wage_months.month))
        and not bool_or(
            employment_rows.starts_on <= month_last_day(wage_months.month)
            and (
                employment_rows.last_day is null
                or employment_rows.last_day >= month_first_day(wage_months.month)
            )
        )
),

movers as (
    select
        employment_rows.employer_code,
        employment_rows.person_key,
        wage_months.month
    from employment_rows
    -- each to the months it begins or ends in
    inner join wage_months
        on
            month_of(employment_rows.starts_on) = wage_months.month
            or month_of(employment_rows.last_day) = wage_months.month
    group by employment_rows.employer_code, employment_rows.person_key, wage_months.month
)

select
    candidates.employer_code,
    candidates.person_key,
    candidates.month,
    candidates.minimum_wage_fen,
    candidates.is_unpaid,
    not candidates.is_unpaid
    and candidates.missing_fen is not null
    and movers.person_key is null as is_short,
    candidates.missing_fen
from candidates
-- many to none
anti join leavers
    on
        candidates.employer_code = leavers.employer_code
        and candidates.person_key = leavers.person_key
        and candidates.month = leavers.month
-- one to at most one
left join movers
    on
        candidates.employer_code = movers.employer_code
        and candidates.person_key = movers.person_key
        and candidates.month = movers.month
