-- Persons present and persons paid at listed employers, month by month, and in the whole district
-- (employer_code is empty): whether it is one employer's event, or everybody's file.
-- Grain: employer and month, of the months with anyone. Reads: listed_subjects, staff_counts,
-- payroll.
with listed_employers as (
    select distinct subject_id as employer_code
    from listed_subjects
    where subject_kind = 'employer'
),

staff_months as (
    select
        employer_code,
        month,
        staff
    from staff_counts
    where month between month_plus($first_month, -1) and $last_month
),

paid_months as (
    select
        employer_code,
        month,
        count(*) as payments
    from payroll
    where net_fen > 0 and month between $first_month and $last_month
    group by employer_code, month
),

-- employers with fewer than in the month before
shrunk_months as (
    select
        month_plus(staff_months.month, 1) as month,
        count(*) as shrunk_employers
    from staff_months
    -- one to at most one: the same employer a month later
    left join staff_months as months_after
        on
            staff_months.employer_code = months_after.employer_code
            and months_after.month = month_plus(staff_months.month, 1)
    where months_after.staff is null or months_after.staff < staff_months.staff
    group by staff_months.month
),

told_months as (
    select
        employer_code,
        month,
        staff as present_persons,
        0 as payments,
        0 as employers,
        0 as shrunk_employers
    from staff_months
    -- one to one: only listed employers stay
    inner join listed_employers using (employer_code)
    union all by name
    select
        employer_code,
        month,
        payments
    from paid_months
    -- one to one: only listed employers stay
    inner join listed_employers using (employer_code)
    union all by name
    select
        '' as employer_code,
        month,
        staff as present_persons,
        1 as employers
    from staff_months
    union all by name
    select
        '' as employer_code,
        month,
        payments
    from paid_months
    union all by name
    select
        '' as employer_code,
        month,
        shrunk_employers
    from shrunk_months
)

select
    employer_code,
    month,
    cast(coalesce(sum(present_persons), 0) as bigint) as present_persons,
    cast(coalesce(sum(payments), 0) as bigint) as payments,
    cast(coalesce(sum(employers), 0) as bigint) as employers,
    cast(coalesce(sum(shrunk_employers), 0) as bigint) as shrunk_employers
from told_months
where month between $first_month and $last_month
group by employer_code, month
order by employer_code, month
