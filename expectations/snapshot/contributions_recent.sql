-- check: each insurance reaches close to the as-of month
-- checked: (select distinct insurance from headcounts)
select
    insurance,
    max(month) as month
from headcounts
group by insurance
having month_plus(max(month), $months_late) < $as_of_month
order by all
