-- check: one instruction per policy and beneficiary
-- reads: instructions
with repeated_keys as (
    select
        fund,
        count(*) - 1 as surplus_count
    from instructions
    group by batch_id, fund, policy_id, beneficiary_kind, beneficiary_id
    having count(*) > 1
),

repeated_groups as (
    select
        fund as group_name,
        sum(surplus_count) as row_count
    from repeated_keys
    group by fund
)

select
    (select count(*) from instructions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from repeated_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from repeated_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
