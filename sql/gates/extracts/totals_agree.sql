-- check: what a file's totals line says is what its rows sum to
-- reads: files findings
with differing_totals as (
    select detail as bad_row
    from findings
    where finding = 'totals_differ'
)

select
    (select cast(coalesce(sum(totals_rows), 0) as bigint) from files) as checked_count,
    (select count(*) from differing_totals) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_totals order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
