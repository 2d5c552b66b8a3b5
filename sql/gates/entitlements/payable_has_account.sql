-- check: whoever is to be paid has exactly one usable account
-- reads: entitlements accounts
with payable_groups as (
    select
        policy_id,
        beneficiary_kind,
        beneficiary_id,
        count(*) as line_count
    from entitlements
    where status = 'payable'
    group by policy_id, beneficiary_kind, beneficiary_id
),

usable_accounts as (
    select
        case subject_kind when '单位' then 'employer' else 'person' end as beneficiary_kind,
        subject_id as beneficiary_id,
        count(*) as account_count
    from accounts
    where account_state = '正常' and account_no <> ''
    group by subject_kind, subject_id
),

-- usable_accounts at most one row per beneficiary.
unpayable_groups as (
    select
        payable_groups.policy_id as group_name,
        sum(payable_groups.line_count) as row_count
    from payable_groups
    left join usable_accounts
        on usable_accounts.beneficiary_kind = payable_groups.beneficiary_kind
        and usable_accounts.beneficiary_id = payable_groups.beneficiary_id
    where usable_accounts.account_count is distinct from 1
    group by payable_groups.policy_id
)

select
    (select count(*) from entitlements where status = 'payable') as checked_count,
    (select cast(coalesce(sum(row_count), 0) as bigint) from unpayable_groups) as failed_count,
    (
        select list(bad_row order by bad_row)
        from (
            select group_name || ': ' || row_count as bad_row
            from unpayable_groups
            order by bad_row
            limit 20
        ) as shown_rows
    ) as bad_rows
order by checked_count
