-- check: no usable account serves two subjects
-- reads: accounts
with repeated_numbers as (
    select account_no
    from accounts
    where account_state = '正常'
    group by account_no
    having count(*) > 1
),

-- Whose they are is asked of the few repeated numbers only.
shared_numbers as (
    select accounts.account_no
    from accounts
    inner join repeated_numbers on repeated_numbers.account_no = accounts.account_no
    where accounts.account_state = '正常'
    group by accounts.account_no
    having min(accounts.subject_id) <> max(accounts.subject_id)
),

shared_accounts as (
    select
        accounts.source_file,
        accounts.source_line
    from accounts
    inner join shared_numbers on shared_numbers.account_no = accounts.account_no
    where accounts.account_state = '正常'
)

select
    (select count(*) from accounts where account_state = '正常') as checked_count,
    (select count(*) from shared_accounts) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select source_file || ':' || source_line as bad_row
            from shared_accounts
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
