-- check: no row whose absence can pay vanished since the last finished night
-- checked: (select * from compared_parts where is_excluding)
select
    compared_parts.kind,
    compared_parts.part as detail,
    greatest(keys_gone, rows_before - rows_now) as gone_count,
    keys_before as before_count
from compared_parts
where
    compared_parts.is_excluding
    and greatest(keys_gone, rows_before - rows_now) * 1000 > keys_before * case
        when list_contains($daily_kinds, compared_parts.kind) then $limit_permille else 0
    end
    -- what the delivery note says was taken out on purpose is told by evidence_removed
    and not exists (
        select 1 from files
        where files.kind = compared_parts.kind and files.removed_rows > 0
    )
order by all
