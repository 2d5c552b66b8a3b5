-- check: what a file's totals line says is what its rows sum to
-- checked: select sum(totals_rows) from files
select
    detail,
    said
from findings
where finding = 'totals_differ'
order by all
