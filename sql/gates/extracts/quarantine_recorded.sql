-- check: each file's quarantined count is the number of its rows in the quarantine
-- reads: files quarantine
with recorded_files as (
    select
        source_file,
        count(*) as recorded_count
    from quarantine
    group by source_file
),

-- A file of either side: files one row each, recorded_files at most one row each.
compared_files as (
    select
        coalesce(files.name, recorded_files.source_file) as file_name,
        coalesce(files.quarantined, 0) as stated_count,
        coalesce(recorded_files.recorded_count, 0) as recorded_count
    from files
    full join recorded_files on recorded_files.source_file = files.name
),

differing_files as (
    select file_name || ': ' || stated_count || ' <> ' || recorded_count as bad_row
    from compared_files
    where stated_count <> recorded_count
)

select
    (select count(*) from compared_files) as checked_count,
    (select count(*) from differing_files) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_files order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
