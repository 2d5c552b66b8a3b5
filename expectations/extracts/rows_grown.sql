-- check: no extract grew much in a night
-- checked: (select distinct kind from compared_parts)
select
    kind,
    cast(sum(rows_before) as bigint) as before_count,
    cast(sum(rows_now) as bigint) as now_count
from compared_parts
group by kind
having
    sum(rows_before) > 0
    and (sum(rows_now) - sum(rows_before)) * 1000 > sum(rows_before) * $limit_permille
order by all
