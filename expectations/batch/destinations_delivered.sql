-- check: each instruction pays into the beneficiary's own usable account
-- checked: instructions
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
)

-- usable_accounts at most one row per beneficiary.
select
    instructions.batch_id,
    instructions.fund,
    instructions.payment_id,
    instructions.beneficiary_kind,
    instructions.beneficiary_id
from instructions
left join usable_accounts
    on usable_accounts.beneficiary_kind = instructions.beneficiary_kind
    and usable_accounts.beneficiary_id = instructions.beneficiary_id
where
    usable_accounts.account_no is distinct from instructions.account_no
    or usable_accounts.holder is distinct from instructions.holder
order by all
