-- cut by: whole
-- Wages of an employer's month: to how many due, unpaid, short, and what is missing at least.
-- Grain: employer with pay in the six months before and somebody present in the month; month.
with paying_employers as (
    select
        employer_code,
        bit_or(paid_mask) as paid_mask
    from pay_masks
    group by employer_code
),

counts as (
    select
        employer_code,
        month,
        count(*) as due_persons,
        count(*) filter (where is_unpaid) as unpaid_persons,
        count(*) filter (where is_short) as short_persons,
        cast(
            sum(
                case
                    when is_unpaid then minimum_wage_fen
                    when is_short then missing_fen
                    else 0
                end
            ) as bigint
        ) as missing_wages_fen
    from wage_dues
    group by employer_code, month
)

select
    paying_employers.employer_code,
    wage_months.month,
    wage_months.is_judged,
    staff_counts.staff as present_persons,
    coalesce(counts.due_persons, 0) as due_persons,
    coalesce(counts.unpaid_persons, 0) as unpaid_persons,
    coalesce(counts.short_persons, 0) as short_persons,
    coalesce(counts.missing_wages_fen, 0) as missing_wages_fen
from paying_employers
-- each to the few months
inner join wage_months
    on
        wage_months.has_payroll
        and (paying_employers.paid_mask >> (wage_months.months_back + 1)) & 63 <> 0
-- one to at most one, both
inner join staff_counts
    on
        paying_employers.employer_code = staff_counts.employer_code
        and wage_months.month = staff_counts.month
left join counts
    on
        paying_employers.employer_code = counts.employer_code
        and wage_months.month = counts.month
