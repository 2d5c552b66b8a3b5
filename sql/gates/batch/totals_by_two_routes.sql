-- check: the batches together hold exactly the payable total of the entitlements
-- reads: entitlements batches
with totals as (
    select
        (
            select coalesce(sum(due_fen), 0)
            from entitlements
            where status = 'payable'
        ) as payable_fen,
        (select coalesce(sum(amount_fen), 0) from batches) as drafted_fen
),

differing_totals as (
    select payable_fen || ' <> ' || drafted_fen || ' fen' as bad_row
    from totals
    where payable_fen <> drafted_fen
)

select
    (select count(*) from totals) as checked_count,
    (select count(*) from differing_totals) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (select bad_row from differing_totals order by bad_row limit 20) as shown_rows
    ) as bad_rows
order by checked_count
