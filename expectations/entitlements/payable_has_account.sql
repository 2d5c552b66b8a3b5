-- check: whoever is to be paid has exactly one usable account
-- checked: entitlements where status = 'payable'
with normal_accounts as (
    select
        *,
        confirmed_by is not null and document_no is not null as is_proven
    from accounts
    where account_state = '正常' and account_no <> ''
),

usable_accounts as (
    select
        case subject_kind when '单位' then 'employer' else 'person' end as beneficiary_kind,
        subject_id as beneficiary_id,
        -- one that the payee was asked for stands alone, with both proofs
        case when bool_or(is_proven) then count(*) filter (where is_proven) else count(*) end
            as account_count
    from normal_accounts
    group by subject_kind, subject_id
)

-- usable_accounts at most one row per beneficiary.
select
    entitlements.policy_id,
    entitlements.period,
    entitlements.subject_kind,
    entitlements.subject_id,
    entitlements.beneficiary_kind,
    entitlements.beneficiary_id
from entitlements
left join usable_accounts
    on usable_accounts.beneficiary_kind = entitlements.beneficiary_kind
    and usable_accounts.beneficiary_id = entitlements.beneficiary_id
where
    entitlements.status = 'payable'
    and usable_accounts.account_count is distinct from 1
order by all
