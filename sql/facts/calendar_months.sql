-- cut by: whole
-- Every month an extract may speak of (ingest accepts 190001 to 210012), with its era and its bit.
-- Joining millions of rows to these few is twice as fast as computing both for every row.
-- Grain: month.
select
    months.month,
    month_era(months.month) as era,
    month_bit(months.month) as bit
from (
    select cast(years.year * 100 + months_of_year.number as integer) as month
    from range(1900, 2101) as years (year)
    -- every year with every one of its months
    cross join range(1, 13) as months_of_year (number)
) as months
order by months.month
