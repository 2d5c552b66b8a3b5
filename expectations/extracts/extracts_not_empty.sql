-- check: a kind that was delivered brought at least one usable row
-- checked: (select distinct kind from files where not list_contains($may_be_empty, kind))
select
    kind,
    cast(sum(accepted) as bigint) as accepted_count,
    cast(sum(rows) as bigint) as row_count
from files
where not list_contains($may_be_empty, kind)
group by kind
having sum(accepted) = 0
order by all
