-- check: no extract lost many of its rows since the last finished night
-- checked: (select distinct kind from compared_parts)
select
    kind,
    part as detail,
    greatest(keys_gone, rows_before - rows_now) as gone_count,
    keys_before as before_count
from compared_parts
where
    not is_excluding
    and greatest(keys_gone, rows_before - rows_now) * 1000 > keys_before * $limit_permille
order by all
