-- check: contributions are of months that have begun
-- reads: contributions
-- Row groups that end before the as-of month are skipped by their statistics.
with early_files as (
    select
        source_file as group_name,
        count(*) as row_count
    from delivered_contributions
    where month > $as_of_month
    group by source_file
)

select
    (select count(*) from delivered_contributions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from early_files) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from early_files
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
