-- check: no extract whose rows' absence can pay came without one, unless the note says so
-- checked: (select distinct kind from files where kind in (from excluding_kinds))
-- A file that the note does not list states nothing.
select
    kind,
    cast(sum(accepted) as bigint) as accepted_count,
    cast(sum(rows) as bigint) as row_count
from files
where kind in (from excluding_kinds)
group by kind
having
    sum(accepted) = 0
    and (sum(stated_rows) is distinct from 0 or count(stated_rows) < count(*))
order by all
