-- check: each insurance reaches close to the as-of month
-- reads: headcounts
with insurances as (
    select
        insurance,
        max(month) as latest_month
    from headcounts
    group by insurance
),

stale_insurances as (
    select insurance || ': ' || latest_month as bad_row
    from insurances
    where month_plus(latest_month, $months_late) < $as_of_month
)

select
    (select count(*) from insurances) as checked_count,
    (select count(*) from stale_insurances) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from stale_insurances order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
