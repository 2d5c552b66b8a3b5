-- check: few optional cells had to be emptied because they can't be read
-- checked: select sum(accepted) from files
select
    detail,
    said
from findings
where finding = 'cell_emptied'
order by all
