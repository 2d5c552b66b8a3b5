-- check: the number insured does not jump from one month to the next
-- checked: select cast(sum(pair_count) as bigint) from (
--   select month_number(max(month)) - month_number(min(month)) as pair_count
--   from headcounts group by insurance)
with month_totals as (
    select
        insurance,
        month,
        cast(sum(headcount) as bigint) as person_count
    from headcounts
    group by insurance, month
),

spans as (
    select
        insurance,
        unnest(range(month_number(min(month)), month_number(max(month)))) as month_no
    from month_totals
    group by insurance
),

-- Each month with the next; a month without rows counts as nobody.
month_pairs as (
    select
        spans.insurance,
        month_plus(190001, spans.month_no - 1900 * 12 + 1) as month,
        coalesce(month_totals.person_count, 0) as person_count,
        coalesce(next_totals.person_count, 0) as next_count
    from spans
    left join month_totals
        on month_totals.insurance = spans.insurance
        and month_number(month_totals.month) = spans.month_no
    left join month_totals as next_totals
        on next_totals.insurance = spans.insurance
        and month_number(next_totals.month) = spans.month_no + 1
)

select
    insurance,
    month,
    person_count,
    next_count
from month_pairs
where
    abs(next_count - person_count) > $spare_persons
    and abs(next_count - person_count) * 1000 > person_count * $limit_permille
order by all
