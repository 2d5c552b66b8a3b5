-- check: every row of every file was either accepted or set aside
-- checked: files
select
    name as source_file,
    rows as row_count,
    accepted as accepted_count,
    quarantined as quarantined_count
from files
where rows is distinct from accepted + quarantined
order by all
