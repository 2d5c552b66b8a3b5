-- check: no entitlement occurs twice
-- reads: entitlements
with repeated_keys as (
    select
        policy_id,
        period,
        count(*) - 1 as surplus_count
    from entitlements
    group by policy_id, period, subject_kind, subject_id, beneficiary_kind, beneficiary_id
    having count(*) > 1
),

repeated_groups as (
    select
        policy_id || ' ' || period as group_name,
        sum(surplus_count) as row_count
    from repeated_keys
    group by policy_id, period
)

select
    (select count(*) from entitlements) as checked_count,
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
