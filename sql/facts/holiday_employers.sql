-- Person-days of the holiday window: attended, paid as well, doubled (counting for two employers,
-- so for neither), and what counts. Grain: employer with attendance in the window.
with attending_employers as (
    select
        employer_code,
        cast(sum(bit_count(attended_mask)) as bigint) as attended_days
    from attended_masks
    group by employer_code
),

paid_employers as (
    select
        employer_code,
        cast(sum(bit_count(counted_mask)) as bigint) as paid_days
    from holiday_masks
    group by employer_code
),

doubled_employers as (
    select
        employer_code,
        count(*) as doubled_days
    from doubled_days
    group by employer_code
)

select
    attending_employers.employer_code,
    attending_employers.attended_days,
    coalesce(paid_employers.paid_days, 0) as paid_days,
    coalesce(doubled_employers.doubled_days, 0) as doubled_days,
    coalesce(paid_employers.paid_days, 0) - coalesce(doubled_employers.doubled_days, 0)
        as counted_days
from attending_employers
-- one to at most one, both
left join paid_employers on attending_employers.employer_code = paid_employers.employer_code
left join doubled_employers on attending_employers.employer_code = doubled_employers.employer_code
