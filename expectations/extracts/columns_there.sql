-- check: every file has the columns in which empty says something of its rows
-- checked: (select name from files)
select
    detail,
    said
from findings
where finding = 'column_absent'
order by all
