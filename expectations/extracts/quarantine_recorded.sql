-- check: each file's quarantined count is the number of its rows in the quarantine
-- checked: files
with recorded_files as (
    select
        source_file,
        count(*) as recorded_count
    from quarantine
    group by source_file
)

-- A file of either side: files one row each, recorded_files at most one row each.
select
    coalesce(files.name, recorded_files.source_file) as source_file,
    coalesce(files.quarantined, 0) as stated_count,
    coalesce(recorded_files.recorded_count, 0) as recorded_count
from files
full join recorded_files on recorded_files.source_file = files.name
where coalesce(files.quarantined, 0) <> coalesce(recorded_files.recorded_count, 0)
order by all
