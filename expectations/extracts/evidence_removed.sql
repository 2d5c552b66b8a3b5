-- check: no rows whose absence can pay were taken out on purpose, as the delivery note says
-- checked: (select * from compared_parts where is_excluding)
select
    compared_parts.kind,
    compared_parts.part as detail,
    greatest(compared_parts.keys_gone, rows_before - rows_now) as gone_count,
    compared_parts.keys_before as before_count
from compared_parts
where
    compared_parts.is_excluding
    and greatest(compared_parts.keys_gone, rows_before - rows_now) > 0
    and exists (
        select 1 from files
        where files.kind = compared_parts.kind and files.removed_rows > 0
    )
order by all
