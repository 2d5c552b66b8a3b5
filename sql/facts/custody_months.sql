-- Months in which free_in(p,m) is false: in custody on the first day of the month.
-- Grain: one row per spell and month, from 202001 to month(D).
with spell_months as (
    select
        person_key,
        from_date,
        to_date,
        month_from_number(
            unnest(
                range(
                    month_number(greatest(month_of(from_date), $first_paid_month)),
                    month_number(least(month_of(to_date), $as_of_month)) + 1
                )
            )
        ) as month
    from custody
)

select
    person_key,
    month,
    from_date,
    to_date
from spell_months
where
    from_date <= month_first_day(month)
    and (to_date is null or to_date >= month_first_day(month))
