-- check: no account is paid for two beneficiaries
-- reads: instructions
with shared_numbers as (
    select account_no
    from instructions
    group by account_no
    having count(distinct beneficiary_id) > 1
),

shared_groups as (
    select
        instructions.fund as group_name,
        count(*) as row_count
    from instructions
    inner join shared_numbers on shared_numbers.account_no = instructions.account_no
    group by instructions.fund
)

select
    (select count(*) from instructions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from shared_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from shared_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
