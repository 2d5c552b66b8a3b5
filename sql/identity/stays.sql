-- Who was insured or paid at the employers of the damaged rows, in the three months on either side.
-- Grain: employer_key, month, person_key; `held` has the bit of each sort of row there is.
with asked as (
    select distinct
        stay // 100000 as employer_key,
        month_from_number(stay % 100000 + near.step) as month
    from identity_rows
    cross join range(-3, 4) as near (step)
    where stay is not null
),

worked as (
    select
        contributions.employer_key,
        contributions.month,
        contributions.person_key,
        1 << insurance_series(contributions.insurance) as bit
    from contributions
    -- m:1: asked has each employer and month once
    semi join asked
        on
            contributions.employer_key = asked.employer_key
            and contributions.month = asked.month
    union all
    select
        numbers.employer_key,
        payroll.month,
        payroll.person_key,
        1 << 6 as bit
    from payroll
    -- m:1: one number a code
    inner join (
        select
            employer_code,
            max(employer_key) as employer_key
        from insured_units
        group by employer_code
    ) as numbers on payroll.employer_code = numbers.employer_code
    semi join asked on numbers.employer_key = asked.employer_key and payroll.month = asked.month
)

select
    employer_key,
    month_number(month) as month_number,
    person_key,
    bit_or(bit) as held
from worked
group by employer_key, month, person_key
order by employer_key, month, person_key
