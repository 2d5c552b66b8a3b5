-- check: no row whose absence can pay vanished since the last finished night
-- checked: (select * from compared_parts where is_excluding)
with removed_kinds as (
    select
        kind,
        cast(sum(coalesce(removed_rows, 0)) as bigint) as removed_count
    from files
    group by kind
),

vanished_parts as (
    select
        kind,
        part as detail,
        greatest(keys_gone, rows_before - rows_now) as gone_count,
        keys_before as before_count,
        sum(greatest(keys_gone, rows_before - rows_now, 0)) over (partition by kind) as kind_gone
    from compared_parts
    where is_excluding
)

-- removed_kinds one row per kind: as many as the supplier says it took out are told by
-- evidence_removed alone.
select
    vanished_parts.kind,
    vanished_parts.detail,
    vanished_parts.gone_count,
    vanished_parts.before_count
from vanished_parts
inner join removed_kinds on removed_kinds.kind = vanished_parts.kind
where
    vanished_parts.kind_gone > removed_kinds.removed_count
    and vanished_parts.gone_count * 1000 > vanished_parts.before_count * case
        when list_contains($daily_kinds, vanished_parts.kind) then $limit_permille else 0
    end
order by all
