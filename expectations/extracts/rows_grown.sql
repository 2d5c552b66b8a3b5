-- check: no extract, and no part of one, grew much in a night
-- checked: (select kind, part from compared_parts union select kind, '' from compared_parts)
with compared as (
    -- Of a kind as a whole the part is empty, as it is of one that has none.
    select
        kind,
        coalesce(part, '') as detail,
        cast(sum(rows_before) as bigint) as before_count,
        cast(sum(rows_now) as bigint) as now_count
    from compared_parts
    group by grouping sets ((kind), (kind, part))
)

select distinct
    kind,
    detail,
    before_count,
    now_count
from compared
where
    before_count > 0
    and (now_count - before_count) * 1000 > before_count * $limit_permille
    and (detail = '' or now_count - before_count > $spare_rows)
order by all
