-- check: each instruction pays into the beneficiary's own usable account
-- checked: instructions
with normal_accounts as (
    select
        *,
        confirmed_by is not null and document_no is not null as is_proven
    from accounts
    where account_state = '正常'
),

usable_accounts as (
    select
        case subject_kind when '单位' then 'employer' else 'person' end as beneficiary_kind,
        subject_id as beneficiary_id,
        -- one that the payee was asked for stands alone, with both proofs
        coalesce(min(account_no) filter (where is_proven), min(account_no)) as account_no,
        coalesce(min(holder) filter (where is_proven), min(holder)) as holder
    from normal_accounts
    group by subject_kind, subject_id
    having case when bool_or(is_proven) then count(*) filter (where is_proven) else count(*) end = 1
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
