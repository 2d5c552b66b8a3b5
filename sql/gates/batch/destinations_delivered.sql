-- check: each instruction pays into the beneficiary's own usable account
-- reads: instructions accounts
with usable_accounts as (
    select
        case subject_kind when '单位' then 'employer' else 'person' end as beneficiary_kind,
        subject_id as beneficiary_id,
        min(account_no) as account_no,
        min(holder) as holder
    from accounts
    where account_state = '正常'
    group by subject_kind, subject_id
    having count(*) = 1
),

-- usable_accounts at most one row per beneficiary.
foreign_groups as (
    select
        instructions.fund as group_name,
        count(*) as row_count
    from instructions
    left join usable_accounts
        on usable_accounts.beneficiary_kind = instructions.beneficiary_kind
        and usable_accounts.beneficiary_id = instructions.beneficiary_id
    where
        usable_accounts.account_no is distinct from instructions.account_no
        or usable_accounts.holder is distinct from instructions.holder
    group by instructions.fund
)

select
    (select count(*) from instructions) as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from foreign_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from foreign_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
