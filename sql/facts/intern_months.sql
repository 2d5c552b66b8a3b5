-- cut by: person, employer
-- Months that an intern was at a host for long enough; of several rows the earliest.
-- Grain: person, host employer, month from 202001.
with intern_rows as (
    select
        employer_code,
        employer_key,
        person_id,
        person_key,
        starts_on,
        last_day,
        rank_at_employer,
        min(starts_on) over (partition by employer_code, person_key) as first_started_on
    from employment_rows
    where contract_type = '就业见习'
),

row_months as (
    select
        *,
        month_from_number(
            unnest(
                range(
                    month_number(greatest(month_of(starts_on), $first_paid_month)),
                    month_number(month_of(least(last_day, $as_of))) + 1
                )
            )
        ) as month
    from intern_rows
)

select
    employer_code,
    employer_key,
    person_id,
    person_key,
    month,
    starts_on,
    last_day,
    first_started_on,
    1 + least(last_day, $as_of, month_last_day(month))
    - greatest(starts_on, month_first_day(month)) as days_in_month
from row_months
where
    1 + least(last_day, $as_of, month_last_day(month))
    - greatest(starts_on, month_first_day(month)) >= $full_month_days
qualify
    row_number() over (
        partition by employer_code, person_key, month
        order by rank_at_employer
    ) = 1
