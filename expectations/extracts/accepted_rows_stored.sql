-- check: the snapshot's tables hold exactly the rows that ingest says it accepted
-- checked: stored_kinds
with accepted_kinds as (
    select
        kind,
        cast(sum(accepted) as bigint) as accepted_count
    from files
    group by kind
)

-- accepted_kinds at most one row per kind: what was not delivered has none.
select
    stored_kinds.kind,
    stored_kinds.stored_count,
    coalesce(accepted_kinds.accepted_count, 0) as accepted_count
from stored_kinds
left join accepted_kinds on accepted_kinds.kind = stored_kinds.kind
where stored_kinds.stored_count <> coalesce(accepted_kinds.accepted_count, 0)
order by all
