-- check: every row of every file was either accepted or set aside
-- reads: files
with unbalanced_files as (
    select name || ': ' || rows || ' <> ' || accepted || ' + ' || quarantined as bad_row
    from files
    where rows is distinct from accepted + quarantined
)

select
    (select count(*) from files) as checked_count,
    (select count(*) from unbalanced_files) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from unbalanced_files order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
