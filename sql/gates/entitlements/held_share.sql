-- check: few lines wait for an account or an identity to be settled
-- reads: entitlements
with held_groups as (
    select
        reason as group_name,
        count(*) as row_count
    from entitlements
    where status = 'held'
    group by reason
)

select
    (select count(*) from entitlements where status in ('held', 'payable')) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from held_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from held_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
