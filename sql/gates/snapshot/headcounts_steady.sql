-- check: the number insured does not jump from one month to the next
-- reads: headcounts
with month_totals as (
    select
        insurance,
        month,
        sum(headcount) as person_count
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
),

jumps as (
    select insurance || ' ' || month || ': ' || person_count || ' -> ' || next_count as bad_row
    from month_pairs
    where
        abs(next_count - person_count) > $spare_persons
        and abs(next_count - person_count) * 1000 > person_count * $limit_permille
)

select
    (select count(*) from month_pairs) as checked_count,
    (select count(*) from jumps) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from jumps order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
