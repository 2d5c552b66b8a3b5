-- cut by: whole
-- Person-days of the holiday window: attended, paid as well, doubled (counting for two employers,
-- so for neither), and what counts, each day at its own rate.
-- Grain: employer with attendance in the window.
with attending_employers as (
    select
        employer_code,
        cast(sum(bit_count(attended_mask)) as bigint) as attended_days
    from attended_masks
    group by employer_code
),

window_days as (
    select unnest(range(1 + ($holiday_window_to - $holiday_window_from))) as position
),

paid_days as (
    select
        holiday_masks.employer_code,
        $holiday_window_from + cast(window_days.position as integer) as worked_on,
        count(*) as paid_days
    from holiday_masks
    -- each mask to each of the days it holds
    inner join window_days on (holiday_masks.counted_mask >> window_days.position) & 1 = 1
    group by holiday_masks.employer_code, window_days.position
),

doubled_employer_days as (
    select
        employer_code,
        worked_on,
        count(*) as doubled_days
    from doubled_days
    group by employer_code, worked_on
),

counted_employers as (
    select
        employer_code,
        cast(sum(paid_days) as bigint) as paid_days,
        cast(sum(coalesce(doubled_days, 0)) as bigint) as doubled_days,
        cast(sum(paid_days - coalesce(doubled_days, 0)) as bigint) as counted_days,
        cast(
            sum((paid_days - coalesce(doubled_days, 0)) * $holiday_day_rate_fen) as bigint
        ) as counted_fen
    from paid_days
    -- one to at most one
    left join doubled_employer_days using (employer_code, worked_on)
    group by employer_code
)

select
    attending_employers.employer_code,
    attending_employers.attended_days,
    coalesce(counted_employers.paid_days, 0) as paid_days,
    coalesce(counted_employers.doubled_days, 0) as doubled_days,
    coalesce(counted_employers.counted_days, 0) as counted_days,
    coalesce(counted_employers.counted_fen, 0) as counted_fen
from attending_employers
-- one to at most one
left join counted_employers on attending_employers.employer_code = counted_employers.employer_code
