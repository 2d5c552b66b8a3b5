-- check: few optional cells had to be emptied because they can't be read
-- reads: files findings
with emptied_cells as (
    select detail as bad_row
    from findings
    where finding = 'cell_emptied'
)

select
    (select cast(coalesce(sum(accepted), 0) as bigint) from files) as checked_count,
    (select count(*) from emptied_cells) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from emptied_cells order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
