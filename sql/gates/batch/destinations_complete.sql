-- check: every instruction names a holder, an account and a bank
-- reads: instructions
with incomplete_groups as (
    select
        fund as group_name,
        count(*) as row_count
    from instructions
    where
        (
            trim(holder) <> ''
            and trim(bank_name) <> ''
            and regexp_full_match(account_no, '[0-9]+')
            and (bank_code is null or bank_code = '' or regexp_full_match(bank_code, '[0-9]{12}'))
        ) is not true
    group by fund
)

select
    (select count(*) from instructions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from incomplete_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from incomplete_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
