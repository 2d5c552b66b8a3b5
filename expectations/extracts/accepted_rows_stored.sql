-- check: the snapshot's tables hold exactly the rows that ingest says it accepted
-- checked: delivered_counts
with accepted_kinds as (
    select
        kind,
        cast(sum(accepted) as bigint) as accepted_count
    from files
    group by kind
)

-- accepted_kinds at most one row per kind: what was not delivered has none.
select
    delivered_counts.kind,
    delivered_counts.row_count as stored_count,
    coalesce(accepted_kinds.accepted_count, 0) as accepted_count
from delivered_counts
left join accepted_kinds on accepted_kinds.kind = delivered_counts.kind
where delivered_counts.row_count <> coalesce(accepted_kinds.accepted_count, 0)
order by all
