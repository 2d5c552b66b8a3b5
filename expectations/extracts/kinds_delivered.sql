-- check: every kind of extract that some policy reads was delivered
-- checked: (select unnest($expected_kinds))
with expected_kinds as (
    select unnest($expected_kinds) as kind
)

select kind
from expected_kinds
where not exists (select 1 from files where files.kind = expected_kinds.kind)
order by all
