-- check: no rows whose absence can pay were taken out on purpose, as the delivery note says
-- checked: (select * from compared_parts where is_excluding)
with removed_kinds as (
    select
        kind,
        cast(sum(coalesce(removed_rows, 0)) as bigint) as removed_count
    from files
    group by kind
)

-- removed_kinds one row per kind; the supplier answers for no more than it states.
select
    compared_parts.kind,
    compared_parts.part as detail,
    least(greatest(keys_gone, rows_before - rows_now), removed_kinds.removed_count) as gone_count,
    compared_parts.keys_before as before_count
from compared_parts
inner join removed_kinds on removed_kinds.kind = compared_parts.kind
where
    compared_parts.is_excluding
    and greatest(compared_parts.keys_gone, rows_before - rows_now) > 0
    and removed_kinds.removed_count > 0
order by all
