-- check: no usable account serves two subjects
-- checked: accounts where account_state = '正常'
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
)

-- shared_numbers one row per number.
select
    accounts.source_file,
    accounts.source_line
from accounts
inner join shared_numbers on shared_numbers.account_no = accounts.account_no
where accounts.account_state = '正常'
order by all
