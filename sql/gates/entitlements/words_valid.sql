-- check: statuses are words of the contract, reasons stand where one is due
-- reads: entitlements
with invalid_groups as (
    select
        coalesce(policy_id, '?') || ' ' || coalesce(status, '?') as group_name,
        count(*) as row_count
    from entitlements
    where
        (
            case
                when status in ('payable', 'nothing_due') then coalesce(reason, '') = ''
                when status in ('superseded', 'conflict', 'held') then reason <> ''
                else status = 'recovery'
            end
        ) is not true
    group by policy_id, status
)

select
    (select count(*) from entitlements) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from invalid_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from invalid_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
