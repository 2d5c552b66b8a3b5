-- check: what is due is what is determined less what was paid, row by row
-- reads: entitlements
with unbalanced_groups as (
    select
        policy_id || ' ' || status as group_name,
        count(*) as row_count
    from entitlements
    where
        (
            case
                when status in ('payable', 'held')
                    then due_fen > 0 and due_fen + paid_before_fen = determined_fen
                when status = 'nothing_due'
                    then due_fen = 0 and paid_before_fen = determined_fen
                when status = 'recovery'
                    then due_fen < 0 and due_fen + paid_before_fen = determined_fen
                else due_fen = 0
            end
            and determined_fen >= 0
            and paid_before_fen >= 0
        ) is not true
    group by policy_id, status
)

select
    (select count(*) from entitlements) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from unbalanced_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from unbalanced_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
